import Foundation
import KindredSystem

/// Builds the graph of a segment over its codes (Malkov and Yashunin 2018, Algorithms 1 and 4).
///
/// Nodes are added in batches: each node of a batch looks for neighbours in the graph as it was before the batch, and
/// among the nodes before it in the batch; then the links are made, each node's by itself. Both steps may run on any
/// number of threads, and the result is the same.
final class GraphBuilder: NavigableGraph, @unchecked Sendable {
    let count: Int
    private let options: SegmentOptions
    private let planes: CodePlanes
    /// Every node as a query: what it is compared by while the graph is built.
    private let queries: [CodePlanes.Query]
    let levels: [UInt8]
    private(set) var entry: UInt32 = 0
    private(set) var top = 0

    /// Level 0: a count and `width` links for each node; more than are kept, so that lists are pruned seldom.
    private let base: AlignedBuffer<UInt32>
    private let baseWidth: Int
    /// Level l ≥ 1: neighbours by node, for the nodes that reach it.
    private var upper: [[UInt32: [UInt32]]]

    static let maximumLevel = 15
    /// Links of a node on level 0 are kept this far below the limit, to leave room for `connect`.
    private static let spareLinks = 2
    private static let largestBatch = 256

    /// - Parameters:
    ///   - queries: of the rows of `planes`, in order.
    ///   - threads: does not change the result.
    init(planes: CodePlanes, queries: [CodePlanes.Query], options: SegmentOptions, threads: Int) {
        count = planes.count
        self.planes = planes
        self.queries = queries
        self.options = options
        baseWidth = 2 * options.m + 2 * options.m / 3
        base = AlignedBuffer(repeating: 0, count: count * (baseWidth + 1))
        upper = Array(repeating: [:], count: Self.maximumLevel + 1)
        levels = Self.levels(count: count, options: options)
        build(threads: threads)
        connect()
    }

    /// Level l with probability M^-l: ⌊-ln(u) / ln(M)⌋ for u uniform in (0, 1].
    private static func levels(count: Int, options: SegmentOptions) -> [UInt8] {
        var state = options.seed
        return (0..<count).map { _ in
            // SplitMix64 (Steele, Lea and Flood 2014).
            state &+= 0x9E37_79B9_7F4A_7C15
            var z = state
            z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
            z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
            z ^= z >> 31
            let uniform = (Double(z >> 11) + 1) * 0x1p-53
            return UInt8(min(Double(maximumLevel), -log(uniform) / log(Double(max(2, options.m)))))
        }
    }

    func neighbors(of node: UInt32, level: Int, into list: inout [UInt32]) {
        list.removeAll(keepingCapacity: true)
        if level == 0 {
            let start = Int(node) * (baseWidth + 1)
            for index in 0..<Int(base[start]) { list.append(base[start + 1 + index]) }
        } else {
            list.append(contentsOf: upper[level][node] ?? [])
        }
    }

    private func set(_ links: [UInt32], of node: UInt32, level: Int) {
        guard level == 0 else {
            upper[level][node] = links
            return
        }
        let start = Int(node) * (baseWidth + 1)
        base[start] = UInt32(links.count)
        for (index, link) in links.enumerated() { base[start + 1 + index] = link }
    }

    /// Links that a node keeps on a level.
    private func limit(_ level: Int) -> Int { level == 0 ? 2 * options.m - Self.spareLinks : options.m }

    // MARK: Building

    private func build(threads: Int) {
        guard count > 0 else { return }
        top = Int(levels[0])
        for level in 0..<top + 1 where level > 0 { upper[level][0] = [] }
        var done = 1
        while done < count {
            // A batch is small against what is there already, so that little is missed by not seeing its own nodes.
            let size = min(max(1, done / 8), Self.largestBatch, count - done)
            let batch = done..<done + size
            link(batch, found: candidates(for: batch, threads: threads), threads: threads)
            done += size
        }
    }

    /// The neighbours that each node of a batch chooses: by node, then level.
    private func candidates(for batch: Range<Int>, threads: Int) -> [[[UInt32]]] {
        let parts = max(1, min(threads * 4, batch.count))
        let results = Results(count: batch.count)
        Processor.parallel(parts, threads: threads) { part in
            var beam = Beam(count: count, widestNode: max(baseWidth, 256))
            var index = part
            while index < batch.count {
                let node = UInt32(batch.lowerBound + index)
                results.set(index, choose(node, batchStart: UInt32(batch.lowerBound), &beam))
                index += parts
            }
        }
        return results.values
    }

    private func choose(_ node: UInt32, batchStart: UInt32, _ beam: inout Beam) -> [[UInt32]] {
        let query = queries[Int(node)]
        let level = Int(levels[Int(node)])
        var chosen = Array(repeating: [UInt32](), count: level + 1)
        var entries = [beam.descend(self, planes, query, from: entry, top: top, to: level)]
        for current in stride(from: min(level, top), through: 0, by: -1) {
            let found = beam.search(
                self, planes, query, from: entries, level: current, ef: options.efConstruction)
            entries = found.prefix(8).map(\.row)
            let siblings = (batchStart..<node).filter { levels[Int($0)] >= current }
            let all = found + siblings.map { Candidate(row: $0, score: 0) }
            let ranked = Array(beam.rescored(all, planes, query).prefix(options.efConstruction))
            chosen[current] = prune(ranked, of: node, limit: current == 0 ? limit(0) : options.m, &beam)
        }
        return chosen
    }

    /// Keeps a candidate only where it is more similar to the node than to every one kept before it: links in many
    /// directions instead of many in one (Algorithm 4). What is left over fills the list.
    ///
    /// - Parameter candidates: best first, with their similarities to the node.
    private func prune(
        _ candidates: [Candidate], of node: UInt32, limit: Int, _ beam: inout Beam
    ) -> [UInt32] {
        var kept: [UInt32] = []
        var passed: [UInt32] = []
        var waiting = candidates.filter { $0.row != node }
        while kept.count < limit, let next = waiting.first {
            kept.append(next.row)
            waiting.removeFirst()
            let rivals = beam.scores(of: waiting, planes, queries[Int(next.row)])
            var left: [Candidate] = []
            for (candidate, score) in zip(waiting, rivals) {
                if score < candidate.score { left.append(candidate) } else { passed.append(candidate.row) }
            }
            waiting = left
        }
        return kept + passed.prefix(limit - kept.count)
    }

    private func link(_ batch: Range<Int>, found: [[[UInt32]]], threads: Int) {
        var incoming: [Int: [UInt32: [UInt32]]] = [:]
        for (index, node) in batch.enumerated() {
            for (level, neighbors) in found[index].enumerated() {
                set(neighbors, of: UInt32(node), level: level)
                for neighbor in neighbors {
                    incoming[level, default: [:]][neighbor, default: []].append(UInt32(node))
                }
            }
        }
        for (level, links) in incoming.sorted(by: { $0.key < $1.key }) {
            let targets = links.keys.sorted()
            let parts = level == 0 ? max(1, min(threads * 4, targets.count)) : 1
            Processor.parallel(parts, threads: threads) { part in
                var beam = Beam(count: 1, widestNode: max(baseWidth, 256))
                var index = part
                while index < targets.count {
                    add(links[targets[index]]!, to: targets[index], level: level, &beam)
                    index += parts
                }
            }
        }
        for node in batch where Int(levels[node]) > top {
            top = Int(levels[node])
            entry = UInt32(node)
        }
    }

    /// Adds links from new nodes to a node's list, and prunes it where it is full.
    private func add(_ new: [UInt32], to node: UInt32, level: Int, _ beam: inout Beam) {
        var list: [UInt32] = []
        neighbors(of: node, level: level, into: &list)
        for link in new where !list.contains(link) { list.append(link) }
        if list.count > (level == 0 ? baseWidth : options.m) {
            list = pruned(list, of: node, level: level, &beam)
        }
        set(list, of: node, level: level)
    }

    private func pruned(_ list: [UInt32], of node: UInt32, level: Int, _ beam: inout Beam) -> [UInt32] {
        let ranked = beam.rescored(list.map { Candidate(row: $0, score: 0) }, planes, queries[Int(node)])
        return prune(ranked, of: node, limit: limit(level), &beam)
    }

    /// Prunes the lists of level 0 to what the file keeps, then gives every node that cannot be reached from the entry a
    /// link from one that can. No link is taken away for it: that could cut off another node. Every list has room for
    /// `spareLinks`, so the node that was attached last can always take the next.
    private func connect() {
        guard count > 0 else { return }
        var beam = Beam(count: count, widestNode: max(baseWidth, 256))
        var list: [UInt32] = []
        for node in 0..<UInt32(count) {
            neighbors(of: node, level: 0, into: &list)
            if list.count > limit(0) { set(pruned(list, of: node, level: 0, &beam), of: node, level: 0) }
        }
        var reached = Reachability(graph: self, from: entry)
        var last = entry
        for node in 0..<UInt32(count) where !reached.contains(node) {
            let near = beam.search(
                self, planes, queries[Int(node)], from: [entry], level: 0, ef: options.efConstruction)
            let host = near.first { reached.contains($0.row) && hasRoom($0.row) }?.row ?? last
            neighbors(of: host, level: 0, into: &list)
            list.append(node)
            set(list, of: host, level: 0)
            reached.extend(self, from: node)
            last = node
        }
    }

    private func hasRoom(_ node: UInt32) -> Bool { base[Int(node) * (baseWidth + 1)] < UInt32(2 * options.m) }

    /// Results of a batch's nodes, set by several threads.
    private final class Results: @unchecked Sendable {
        private let lock = NSLock()
        private var stored: [[[UInt32]]]

        init(count: Int) { stored = Array(repeating: [], count: count) }

        func set(_ index: Int, _ value: [[UInt32]]) { lock.withLock { stored[index] = value } }

        var values: [[[UInt32]]] { lock.withLock { stored } }
    }
}

/// The nodes that a walk along level 0 can reach.
struct Reachability {
    private var reached: [Bool]
    private(set) var count = 0

    init(graph: some NavigableGraph, from entry: UInt32) {
        reached = Array(repeating: false, count: graph.count)
        extend(graph, from: entry)
    }

    func contains(_ node: UInt32) -> Bool { reached[Int(node)] }

    mutating func extend(_ graph: some NavigableGraph, from node: UInt32) {
        guard !reached[Int(node)] else { return }
        reached[Int(node)] = true
        count += 1
        var waiting = [node]
        var list: [UInt32] = []
        while let next = waiting.popLast() {
            graph.neighbors(of: next, level: 0, into: &list)
            for neighbor in list where !reached[Int(neighbor)] {
                reached[Int(neighbor)] = true
                count += 1
                waiting.append(neighbor)
            }
        }
    }
}
