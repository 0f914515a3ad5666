import KindredSystem

/// Overlapping groups of near rows: the leaves that a bulk build compares within (Rubel et al. 2026, arXiv 2602.21247).
///
/// Random rows lead; every row joins its nearest few leaders. Where that would take too many leaders there are two
/// levels, and a row joins few on each. A group that is too large is divided again, each of its rows joining one.
struct Partition {
    /// The rows of all leaves, one leaf after the other, those of each in rising order; and where each lies.
    private var rows: [UInt32] = []
    private var leaves: [Range<Int>] = []
    /// The rows, those of one nearest leader together, leaders near each other in turn.
    private(set) var order: [UInt32] = []

    struct Options {
        /// Rows of a leaf, on average.
        var leafSize = 300
        /// Leaders that a row joins where there is one level.
        var overlap = 16
        /// The most leaders of one level: each row is compared with all of them.
        var mostLeaders = 16_384
        /// Leaders that a row joins on each of two levels, and rows of a group of the first, on average.
        var overlaps = [4, 4]
        var groupSize = 8000
    }

    private let kernels: [NeighborKernels]
    private let options: Options
    private let overlaps: [Int]
    private let threads: Int
    private var random: SplitMix64

    private var largestLeaf: Int { options.leafSize * 8 / 5 }
    private static let mostDepth = 6

    /// - Parameters:
    ///   - rows: in rising order.
    ///   - kernels: one for each part of the work.
    init(_ rows: [UInt32], kernels: [NeighborKernels], options: Options, seed: UInt64, threads: Int) {
        self.options = options
        self.threads = threads
        self.kernels = kernels
        random = SplitMix64(seed: seed)
        overlaps =
            rows.count * options.overlap / options.leafSize < options.mostLeaders
            ? [options.overlap] : options.overlaps
        order.reserveCapacity(rows.count)
        guard rows.count > largestLeaf else {
            self.rows = rows
            leaves = [0..<rows.count]
            order = rows
            return
        }
        self.rows.reserveCapacity(rows.count * overlaps.reduce(1, *))
        divide(rows[...], owned: nil, depth: 0)
    }

    /// Gives back all memory.
    mutating func close() { (rows, leaves, order) = ([], [], []) }

    var count: Int { leaves.count }
    var largest: Int { leaves.reduce(0) { max($0, $1.count) } }
    /// The rows of a leaf.
    subscript(leaf: Int) -> [UInt32] { Array(rows[leaves[leaf]]) }

    /// - Parameter owned: which of the rows have their place in the order by this group; nil for all.
    private mutating func divide(_ group: ArraySlice<UInt32>, owned: ArraySlice<Bool>?, depth: Int) {
        let isLast = depth >= overlaps.count - 1
        let wanted =
            if !isLast {
                group.count * overlaps[depth] / options.groupSize + 1
            } else if depth < overlaps.count {
                group.count * overlaps[depth] / options.leafSize + 1
            } else {
                group.count * 5 / (3 * options.leafSize) + 1
            }
        let leaders = sorted(sample(group, wanted))
        let overlap = min(depth < overlaps.count ? overlaps[depth] : 1, leaders.count)
        let nearest = nearestLeaders(of: group, among: leaders, nearest: overlap)
        if isLast, depth < overlaps.count { appendOrder(group, owned, nearest, overlap, leaders.count) }

        // The rows of each subgroup together: counts, then places.
        var starts = [Int](repeating: 0, count: leaders.count + 1)
        for leader in nearest where leader < leaders.count { starts[Int(leader) + 1] += 1 }
        for leader in 0..<leaders.count { starts[leader + 1] += starts[leader] }
        var places = starts
        var members = [UInt32](repeating: 0, count: nearest.count)
        var owners = isLast ? [] : [Bool](repeating: false, count: nearest.count)
        for (index, row) in group.enumerated() {
            for rank in 0..<overlap {
                let leader = Int(nearest[index * overlap + rank])
                members[places[leader]] = row
                if !isLast {
                    owners[places[leader]] = rank == 0 && owned.map { $0[$0.startIndex + index] } ?? true
                }
                places[leader] += 1
            }
        }
        for leader in 0..<leaders.count {
            let range = starts[leader]..<starts[leader + 1]
            let subgroup = members[range]
            if subgroup.count <= largestLeaf {
                if !isLast { order += range.lazy.filter { owners[$0] }.map { members[$0] } }
                append(subgroup)
            } else if depth < Self.mostDepth, subgroup.count < group.count || !isLast {
                divide(subgroup, owned: isLast ? nil : owners[range], depth: depth + 1)
            } else {
                // Rows that no leader tells apart.
                for start in stride(from: range.lowerBound, to: range.upperBound, by: options.leafSize) {
                    append(members[start..<min(start + options.leafSize, range.upperBound)])
                }
            }
        }
    }

    private mutating func append(_ leaf: ArraySlice<UInt32>) {
        guard leaf.count > 1 else { return }
        leaves.append(rows.count..<rows.count + leaf.count)
        rows += leaf
    }

    /// Puts the owned rows of a group into the order, those of one nearest leader together.
    private mutating func appendOrder(
        _ group: ArraySlice<UInt32>, _ owned: ArraySlice<Bool>?, _ nearest: [UInt32], _ overlap: Int,
        _ leaderCount: Int
    ) {
        var first = Array(repeating: [UInt32](), count: leaderCount)
        for (index, row) in group.enumerated() where owned.map({ $0[$0.startIndex + index] }) ?? true {
            first[Int(nearest[index * overlap])].append(row)
        }
        for rows in first { order += rows }
    }

    private mutating func sample(_ rows: ArraySlice<UInt32>, _ count: Int) -> [UInt32] {
        var rows = Array(rows)
        let count = min(count, rows.count)
        for index in 0..<count {
            rows.swapAt(index, index + Int(random.next() % UInt64(rows.count - index)))
        }
        return rows[..<count].sorted()
    }

    /// Leaders in an order that puts near ones together.
    private func sorted(_ leaders: [UInt32]) -> [UInt32] {
        var some = 1
        while some * some < leaders.count { some += 1 }
        let chosen = stride(from: 0, to: leaders.count, by: some).map { leaders[$0] }
        let nearest = nearestLeaders(of: leaders[...], among: chosen, nearest: 1)
        return zip(nearest, leaders).sorted { ($0.0, $0.1) < ($1.0, $1.1) }.map { $0.1 }
    }

    private func nearestLeaders(of rows: ArraySlice<UInt32>, among leaders: [UInt32], nearest: Int)
        -> [UInt32]
    {
        let results = AlignedBuffer<UInt32>(repeating: 0, count: rows.count * nearest)
        // Each part unpacks all leaders, so there are no more parts than threads.
        let parts = max(1, min(threads, kernels.count))
        let size = (rows.count + parts - 1) / parts
        let kernels = kernels
        Processor.parallel(parts, threads: threads) { part in
            let range = min(part * size, rows.count)..<min((part + 1) * size, rows.count)
            let some = Array(rows.dropFirst(range.lowerBound).prefix(range.count))
            kernels[part].nearestLeaders(
                of: some, among: leaders, nearest: nearest, into: results, at: range.lowerBound * nearest)
        }
        return results.array()
    }
}
