import KindredSystem

/// Builds the graph of a segment over the heads of its codes.
///
/// In bulk (Rubel et al. 2026, arXiv 2602.21247): rows are divided into overlapping leaves; within a leaf all are compared
/// with all, and each row's nearest are pruned (RobustPrune, Subramanya et al. 2019); what a row got from its leaves is
/// pruned again, links are made both ways, and a list that is too long is pruned once more. New nodes are
/// inserted into an existing graph in batches; each batch searches the graph as it was before the batch.
/// Either way the result does not depend on the number of threads.
///
/// Rows with equal heads are one node to this: the first stands for all, and the others hang behind it in a chain.
final class GraphBuilder: @unchecked Sendable {
    struct Options {
        var partition = Partition.Options()
        /// Nearest rows of a leaf that are looked at, and how many of them are kept.
        var look = 12
        var keep = 8
        /// Candidates of a row from all its leaves.
        var candidates = 32
        /// Links that a row chooses itself; the others come from rows that chose it.
        var forward = 24
        /// RobustPrune's α, on squared distances.
        var alpha: Float = 1.1
    }

    private let planes: CodePlanes
    private let segment: SegmentOptions
    private let options: Options
    private let threads: Int
    fileprivate let links: LinkRows
    private let kernels: [NeighborKernels]

    /// Work is divided into so many parts, whatever the number of threads.
    private static let parts = 8
    /// Links that are left free in every list, for chains of equal rows and for nodes that could not be reached.
    private static let spare = 2
    private static let largestBatch = 1024

    private var width: Int { links.width }
    private var limit: Int { max(1, width - Self.spare) }

    private init(
        planes: CodePlanes, segment: SegmentOptions, options: Options, threads: Int,
        kernels: [NeighborKernels]
    ) {
        self.planes = planes
        self.segment = segment
        self.options = options
        self.threads = threads
        self.kernels = kernels
        links = LinkRows(count: planes.count, width: 2 * segment.m)
    }

    private static func kernels(_ planes: CodePlanes, _ extra: AlignedBuffer<Float>?) -> [NeighborKernels] {
        (0..<parts).map { _ in NeighborKernels(planes: planes, extra: extra) }
    }

    /// Builds a graph in bulk.
    ///
    /// - Parameters:
    ///   - extra: one more coordinate of each row.
    ///   - threads: does not change the result.
    static func build(
        planes: CodePlanes, extra: AlignedBuffer<Float>?, segment: SegmentOptions,
        options: Options = Options(),
        threads: Int
    ) -> Graph {
        let kernels = kernels(planes, extra)
        let classes = EqualRows(planes, rows: 0..<UInt32(planes.count))
        var partition = Partition(
            classes.representatives, kernels: kernels, options: options.partition, seed: segment.seed,
            threads: threads)
        let order = classes.expanded(partition.order)
        for kernel in kernels { kernel.release() }
        let lists = candidates(
            partition, count: planes.count, options: options, kernels: kernels, threads: threads)
        // What is done with is given back before the links take its place.
        partition.close()
        lists.close()
        let builder = GraphBuilder(
            planes: planes, segment: segment, options: options, threads: threads, kernels: kernels)
        builder.choose(classes.representatives, among: lists)
        lists.drop()
        builder.linkBack(from: classes.representatives)
        builder.chain(classes)
        let entries = builder.entries(order)
        builder.connect(entries)
        return Graph(links: builder.links, entries: entries, order: order)
    }

    /// Puts new rows into a graph.
    ///
    /// - Parameters:
    ///   - base: the links of the first rows, of which some are dropped.
    ///   - rows: for each row of `base` its row in `planes`; nil for one that is dropped.
    ///   - planes: rows that keep their codes first, the new ones after them.
    ///   - entries: rows of `base` where walks started.
    static func extend(
        _ base: LinkRows, rows: [UInt32?], entries: [UInt32], planes: CodePlanes,
        extra: AlignedBuffer<Float>?,
        segment: SegmentOptions, options: Options = Options(), threads: Int
    ) -> Graph {
        let builder = GraphBuilder(
            planes: planes, segment: segment, options: options, threads: threads,
            kernels: kernels(planes, extra))
        let kept = rows.reduce(0) { $0 + ($1 == nil ? 0 : 1) }
        builder.takeOver(base, rows: rows)
        var starts = entries.compactMap { rows[Int($0)] }
        if starts.isEmpty { starts = [0] }
        let classes = EqualRows(planes, rows: UInt32(kept)..<UInt32(planes.count))
        builder.insert(classes.representatives, after: kept, entries: starts)
        builder.chain(classes)
        // Rows that were there keep their order, and new ones come in that of their own segments: entries spread over
        // both. What was deleted had taken entries away.
        let order = (0..<UInt32(planes.count)).map { $0 }
        let spread = builder.entries(order)
        builder.connect(spread)
        return Graph(links: builder.links, entries: spread, order: order)
    }

    /// Rows spread over the whole order, so over the whole space.
    private func entries(_ order: [UInt32]) -> [UInt32] {
        var wanted = 1
        while wanted * wanted * 4 < order.count { wanted += 1 }
        wanted = min(max(wanted, 16), order.count)
        return (0..<wanted).map { order[$0 * order.count / wanted] }
    }

    // MARK: In bulk

    private static func candidates(
        _ leaves: Partition, count: Int, options: Options, kernels: [NeighborKernels], threads: Int
    ) -> CandidateLists {
        let lists = CandidateLists(count: count, capacity: options.candidates)
        let keep = options.keep
        let largest = leaves.largest
        let buffers = (0..<parts).map { _ in
            (
                near: AlignedBuffer<UInt32>(repeating: 0, count: largest * keep),
                distances: AlignedBuffer<Float>(repeating: 0, count: largest * keep)
            )
        }
        for start in stride(from: 0, to: leaves.count, by: parts) {
            let some = min(parts, leaves.count - start)
            Processor.parallel(some, threads: threads) { part in
                kernels[part].leafNeighbors(
                    leaves[start + part], look: options.look, keep: keep, alpha: options.alpha,
                    near: buffers[part].near, distances: buffers[part].distances)
            }
            Processor.parallel(threads > 1 ? parts : 1, threads: threads) { part in
                for index in 0..<some {
                    lists.merge(
                        leaves[start + index], near: buffers[index].near, distances: buffers[index].distances,
                        keep: keep, part: part, parts: threads > 1 ? parts : 1)
                }
            }
        }
        return lists
    }

    /// Runs `body` for every row, each part of them with kernels of its own.
    private func forEach(_ rows: [UInt32], _ body: @Sendable (NeighborKernels, Int, UInt32) -> Void) {
        let size = (rows.count + Self.parts - 1) / Self.parts
        Processor.parallel(Self.parts, threads: threads) { part in
            for index in min(part * size, rows.count)..<min((part + 1) * size, rows.count) {
                body(self.kernels[part], index, rows[index])
            }
        }
    }

    private func choose(_ rows: [UInt32], among candidates: CandidateLists) {
        let (links, options, limit) = (links, options, limit)
        forEach(rows) { kernels, _, row in
            links.set(
                kernels.prune(
                    candidates.candidates(of: Int(row)), of: row, limit: min(options.forward, limit),
                    alpha: options.alpha), of: Int(row))
        }
    }

    /// Gives each row that the given ones link to a link back.
    private func linkBack(from rows: [UInt32]) {
        // Incoming links as one array, those of a row together: counts, then places.
        var starts = [UInt32](repeating: 0, count: planes.count + 1)
        var list: [UInt32] = []
        for row in rows {
            links.links(of: Int(row), into: &list)
            for target in list { starts[Int(target) + 1] += 1 }
        }
        for row in 0..<planes.count { starts[row + 1] += starts[row] }
        var places = starts
        var incoming = [UInt32](repeating: 0, count: Int(starts[planes.count]))
        for row in rows {
            links.links(of: Int(row), into: &list)
            for target in list {
                incoming[Int(places[Int(target)])] = row
                places[Int(target)] += 1
            }
        }
        let targets = (0..<UInt32(planes.count)).filter { starts[Int($0)] < starts[Int($0) + 1] }
        let (links, options, limit) = (links, options, limit)
        let (firsts, sources) = (starts, incoming)
        forEach(targets) { kernels, _, row in
            var all: [UInt32] = []
            links.links(of: Int(row), into: &all)
            let own = all.count
            for source in sources[Int(firsts[Int(row)])..<Int(firsts[Int(row) + 1])]
            where !all[..<own].contains(source) {
                all.append(source)
            }
            guard all.count > own else { return }
            if all.count > limit {
                all = kernels.prune(
                    Array(all.prefix(NeighborKernels.maximumCandidates)), of: row, limit: limit,
                    alpha: options.alpha)
            }
            links.set(all, of: Int(row))
        }
    }

    // MARK: Into a graph

    /// What walks from the entries find for each row.
    private func walk(_ rows: [UInt32], entries: [UInt32]) -> [[UInt32]] {
        let results = SharedArray<[UInt32]>(repeating: [], count: rows.count)
        let size = (rows.count + Self.parts - 1) / Self.parts
        let (planes, links, ef) = (planes, links, segment.efConstruction)
        Processor.parallel(Self.parts, threads: threads) { part in
            let walk = GraphWalk(planes: planes, links: links)
            let query = CodedQuery(layout: planes.layout)
            let starts = AlignedBuffer<UInt32>(entries)
            for index in min(part * size, rows.count)..<min((part + 1) * size, rows.count) {
                query.set(head: Int(rows[index]), of: planes)
                walk.search(CollectionOfOne(query), ef: ef, entries: starts, seeds: SegmentSearcher.seeds)
                results.set(index, walk.rows.array(walk.found[0]))
            }
        }
        return results.values
    }

    /// Copies links, and repairs those of rows that lost a neighbour: the deleted node's neighbours replace it as
    /// candidates (Singh et al. 2021, Algorithm 4).
    private func takeOver(_ base: LinkRows, rows: [UInt32?]) {
        var list: [UInt32] = []
        var beyond: [UInt32] = []
        for (old, row) in rows.enumerated() {
            guard let row else { continue }
            base.links(of: old, into: &list)
            var kept = list.compactMap { rows[Int($0)] }
            if kept.count < list.count {
                for gone in list where rows[Int(gone)] == nil {
                    base.links(of: Int(gone), into: &beyond)
                    kept += beyond.compactMap { rows[Int($0)] }
                }
                kept = kernels[0].prune(
                    Array(kept.prefix(NeighborKernels.maximumCandidates)), of: row, limit: limit,
                    alpha: options.alpha)
            }
            links.set(kept.prefix(width), of: Int(row))
        }
    }

    private func insert(_ rows: [UInt32], after kept: Int, entries: [UInt32]) {
        var done = 0
        while done < rows.count {
            // A batch is small against what is there already, so that little is missed by not seeing its own nodes.
            let size = min(max(1, (kept + done) / 8), Self.largestBatch, rows.count - done)
            let batch = Array(rows[done..<done + size])
            let found = walk(batch, entries: entries)
            let keep = options.keep
            let near = AlignedBuffer<UInt32>(repeating: 0, count: batch.count * keep)
            let distances = AlignedBuffer<Float>(repeating: 0, count: batch.count * keep)
            kernels[0].leafNeighbors(
                batch, look: options.look, keep: keep, alpha: options.alpha, near: near, distances: distances)
            let (links, options, limit) = (links, options, limit)
            forEach(batch) { kernels, index, row in
                let siblings = near.array(index * keep..<(index + 1) * keep).filter {
                    $0 != NeighborKernels.none
                }
                links.set(
                    kernels.prune(
                        Array((found[index] + siblings).prefix(NeighborKernels.maximumCandidates)), of: row,
                        limit: min(options.forward, limit), alpha: options.alpha), of: Int(row))
            }
            linkBack(from: batch)
            done += size
        }
    }

    // MARK: Every node reachable

    /// Hangs equal rows behind the first of them, each with its links, so that a walk that comes to one comes to all.
    private func chain(_ classes: EqualRows) {
        var list: [UInt32] = []
        for members in classes.classes {
            links.links(of: Int(members[0]), into: &list)
            let shared = list.prefix(max(0, limit - 4))
            for (index, row) in members.enumerated().dropFirst() {
                let next = members[(index + 1)...].prefix(3)
                links.set((next + [members[0]] + shared).prefix(limit), of: Int(row))
            }
            list.insert(members[1], at: 0)
            links.set(list.prefix(width), of: Int(members[0]))
        }
    }

    /// Gives every node that cannot be reached from the first entry a link from one that can. No link is taken away for
    /// it: that could cut off another node. Every list had room, so the node that was attached last can take the next.
    private func connect(_ entries: [UInt32]) {
        guard let first = entries.first else { return }
        var reached = Reachability(links, from: first)
        guard reached.count < planes.count else { return }
        let walk = GraphWalk(planes: planes, links: links)
        let query = CodedQuery(layout: planes.layout)
        let starts = AlignedBuffer<UInt32>(entries)
        var last = first
        var list: [UInt32] = []
        for node in 0..<UInt32(planes.count) where !reached.contains(node) {
            query.set(head: Int(node), of: planes)
            walk.search(
                CollectionOfOne(query), ef: segment.efConstruction, entries: starts,
                seeds: SegmentSearcher.seeds)
            let near = walk.rows.array(walk.found[0]).first { candidate in
                guard reached.contains(candidate), candidate != node else { return false }
                return hasRoom(candidate)
            }
            let host =
                near
                ?? (hasRoom(last)
                    ? last : (0..<UInt32(planes.count)).first { reached.contains($0) && hasRoom($0) } ?? last)
            links.links(of: Int(host), into: &list)
            list = list.prefix(width - 1) + [node]
            links.set(list, of: Int(host))
            reached.extend(links, from: node)
            last = node
        }
    }
}

extension GraphBuilder {
    fileprivate func hasRoom(_ node: UInt32) -> Bool {
        links.link(Int(node), links.width - 1) == LinkRows.none
    }
}

/// Rows whose heads are the same, byte for byte.
private struct EqualRows {
    /// The first of each class, and every row that is alone; in rising order.
    private(set) var representatives: [UInt32] = []
    /// Classes of more than one row, each in rising order.
    private(set) var classes: [[UInt32]] = []
    private var classOfFirst: [UInt32: Int] = [:]

    init(_ planes: CodePlanes, rows: Range<UInt32>) {
        // A hash table of first rows, with open places: 8 to 16 bytes a row, where a dictionary would take a hundred.
        var size = 16
        while size < 2 * rows.count { size *= 2 }
        let table = AlignedBuffer<UInt32>(repeating: LinkRows.none, count: size)
        representatives.reserveCapacity(rows.count)
        for row in rows {
            var place = Int(truncatingIfNeeded: planes.headHash(Int(row))) & (size - 1)
            while table[place] != LinkRows.none, !planes.haveEqualHeads(Int(table[place]), Int(row)) {
                place = (place + 1) & (size - 1)
            }
            let equal = table[place]
            guard equal != LinkRows.none else {
                table[place] = row
                representatives.append(row)
                continue
            }
            if let known = classOfFirst[equal] {
                classes[known].append(row)
            } else {
                classOfFirst[equal] = classes.count
                classes.append([equal, row])
            }
        }
    }

    /// The same order with each class's rows behind the first of them.
    func expanded(_ order: [UInt32]) -> [UInt32] {
        guard !classes.isEmpty else { return order }
        return order.flatMap { row in classOfFirst[row].map { classes[$0] } ?? [row] }
    }
}
