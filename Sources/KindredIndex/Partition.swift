import KindredSystem

/// Overlapping groups of near rows: the leaves that a bulk build compares within (Rubel et al. 2026, arXiv 2602.21247).
///
/// Random rows lead; every row joins its nearest few leaders. A group that is too large is divided in the same way, each
/// of its rows joining one.
struct Partition {
    /// The rows of each group, in rising order.
    private(set) var leaves: [[UInt32]] = []
    /// The rows, those of one nearest leader together, leaders near each other in turn.
    private(set) var order: [UInt32] = []

    struct Options {
        /// Rows of a leaf, on average.
        var leafSize = 1000
        /// Leaders that a row joins.
        var overlap = 5
    }

    private let kernels: [NeighborKernels]
    private let options: Options
    private let threads: Int
    private var random: SplitMix64

    /// - Parameter rows: in rising order.
    init(
        _ rows: [UInt32], planes: CodePlanes, extra: AlignedBuffer<Float>?, options: Options, seed: UInt64,
        threads: Int
    ) {
        self.options = options
        self.threads = threads
        random = SplitMix64(seed: seed)
        kernels = (0..<Self.parts).map { _ in NeighborKernels(planes: planes, extra: extra) }
        guard rows.count > options.leafSize * 8 / 5 else {
            leaves = [rows]
            order = rows
            return
        }
        divide(
            rows, leaders: rows.count * options.overlap / options.leafSize + 1, overlap: options.overlap,
            depth: 0)
    }

    private static let parts = 8
    private static let mostDepth = 6

    private mutating func divide(_ rows: [UInt32], leaders count: Int, overlap: Int, depth: Int) {
        let leaders = sorted(sample(rows, count))
        let overlap = min(overlap, leaders.count)
        let nearest = nearestLeaders(of: rows, among: leaders, nearest: overlap)
        var groups = Array(repeating: [UInt32](), count: leaders.count)
        var first = Array(repeating: [UInt32](), count: leaders.count)
        for (index, row) in rows.enumerated() {
            first[Int(nearest[index * overlap])].append(row)
            for leader in nearest[index * overlap..<(index + 1) * overlap]
            where groups[Int(leader)].last != row {
                groups[Int(leader)].append(row)
            }
        }
        if depth == 0 { order = first.flatMap { $0 } }
        for group in groups where group.count > 1 {
            if group.count <= options.leafSize * 8 / 5 {
                leaves.append(group)
            } else if depth < Self.mostDepth, group.count < rows.count {
                divide(
                    group, leaders: group.count * 5 / (3 * options.leafSize) + 1, overlap: 1, depth: depth + 1
                )
            } else {
                // Rows that no leader tells apart.
                for start in stride(from: 0, to: group.count, by: options.leafSize) {
                    leaves.append(Array(group[start..<min(start + options.leafSize, group.count)]))
                }
            }
        }
    }

    private mutating func sample(_ rows: [UInt32], _ count: Int) -> [UInt32] {
        var rows = rows
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
        let nearest = kernels[0].nearestLeaders(of: leaders, among: chosen, nearest: 1)
        return zip(nearest, leaders).sorted { ($0.0, $0.1) < ($1.0, $1.1) }.map { $0.1 }
    }

    private func nearestLeaders(of rows: [UInt32], among leaders: [UInt32], nearest: Int) -> [UInt32] {
        let results = SharedArray<[UInt32]>(repeating: [], count: Self.parts)
        let size = (rows.count + Self.parts - 1) / Self.parts
        Processor.parallel(Self.parts, threads: threads) { part in
            let range = min(part * size, rows.count)..<min((part + 1) * size, rows.count)
            results.set(
                part, kernels[part].nearestLeaders(of: Array(rows[range]), among: leaders, nearest: nearest))
        }
        return results.values.flatMap { $0 }
    }
}
