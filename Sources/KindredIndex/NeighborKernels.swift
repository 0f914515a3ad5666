import CKindredKernels
import KindredSystem

/// Nearest rows among heads, and the choice among them (`kindred_neighbors.h`), with the memory it needs; owned by one
/// thread of a build.
package final class NeighborKernels: @unchecked Sendable {
    private let planes: CodePlanes
    private let extra: AlignedBuffer<Float>?
    private var work: AlignedBuffer<UInt8>
    private let kept: AlignedBuffer<UInt32>

    package static let maximumCandidates = Int(KINDRED_MOST_CANDIDATES)
    package static let maximumNearestLeaders = 16
    package static let none: UInt32 = 0xFFFF_FFFF

    /// - Parameter extra: one more coordinate of each row.
    package init(planes: CodePlanes, extra: AlignedBuffer<Float>?) {
        self.planes = planes
        self.extra = extra
        work = AlignedBuffer(repeating: 0, count: 1)
        kept = AlignedBuffer(repeating: 0, count: Self.maximumCandidates)
    }

    private func reserve(rows: Int) -> UnsafeMutablePointer<UInt8> {
        let bytes = Int(kindred_neighbors_work(rows, planes.layout.headBlocks))
        if work.count < bytes { work = AlignedBuffer(repeating: 0, count: bytes) }
        return work.base
    }

    /// Gives back the memory of the work so far.
    package func release() { work = AlignedBuffer(repeating: 0, count: 1) }

    private func check(_ rows: [UInt32]) {
        precondition(rows.allSatisfy { Int($0) < planes.count }, "row out of range")
    }

    /// The neighbours of each row among the others.
    ///
    /// - Parameters:
    ///   - rows: distinct, in rising order.
    ///   - look: the nearest so many are looked at, and pruned to `keep`.
    ///   - near: gets `keep` rows for each, nearest first, then `none`; and `distances` their distances.
    package func leafNeighbors(
        _ rows: [UInt32], look: Int, keep: Int, alpha: Float, near: AlignedBuffer<UInt32>,
        distances: AlignedBuffer<Float>
    ) {
        precondition(keep > 0 && keep <= look && look <= Self.maximumCandidates)
        precondition(near.count >= rows.count * keep && distances.count >= rows.count * keep)
        check(rows)
        var heads = planes.heads(extra: extra)
        kindred_leaf_neighbors(
            near.base, distances.base, &heads, rows, rows.count, look, keep, alpha, reserve(rows: rows.count))
    }

    /// Chooses neighbours of a node among candidates (RobustPrune), nearest first.
    ///
    /// - Parameter candidates: at most `maximumCandidates`; the node itself and repetitions are left out.
    package func prune(
        _ candidates: [UInt32], of node: UInt32, limit: Int, fill: Int = 0, alpha: Float
    ) -> [UInt32] {
        precondition(candidates.count <= Self.maximumCandidates && Int(node) < planes.count)
        check(candidates)
        var heads = planes.heads(extra: extra)
        let count = kindred_prune(
            kept.base, &heads, node, candidates, candidates.count, limit, fill, alpha,
            reserve(rows: candidates.count + 1))
        return kept.array(0..<count)
    }

    /// Which of the leaders are nearest to each row, as indices, `nearest` for each row, nearest first, from `start` on;
    /// different threads may fill different parts.
    package func nearestLeaders(
        of rows: [UInt32], among leaders: [UInt32], nearest: Int, into out: AlignedBuffer<UInt32>,
        at start: Int
    ) {
        precondition(nearest > 0 && nearest <= min(leaders.count, Self.maximumNearestLeaders))
        check(rows)
        check(leaders)
        var heads = planes.heads(extra: extra)
        let work = reserve(rows: leaders.count)
        kindred_nearest_leaders(
            out.pointer(start..<start + rows.count * nearest), &heads, rows, rows.count, leaders,
            leaders.count,
            nearest, work)
    }
}

/// The nearest candidates of every row that were seen so far.
package final class CandidateLists: @unchecked Sendable {
    package let count: Int
    package let capacity: Int
    private var rows: AlignedBuffer<UInt32>
    private var distances: AlignedBuffer<UInt16>

    package init(count: Int, capacity: Int) {
        self.count = count
        self.capacity = capacity
        rows = AlignedBuffer(repeating: NeighborKernels.none, count: count * capacity)
        distances = AlignedBuffer(repeating: 0, count: count * capacity)
    }

    /// Gives back what only `merge` needs; nothing is taken in afterwards.
    package func close() { distances = AlignedBuffer(repeating: 0, count: 0) }

    /// Gives back all memory.
    package func drop() { rows = AlignedBuffer(repeating: 0, count: 0) }

    /// Takes in what `leafNeighbors` gave for `members`, for those of them that are `part` modulo `parts`: different
    /// threads take different parts. The lists do not depend on the order of calls.
    package func merge(
        _ members: [UInt32], near: AlignedBuffer<UInt32>, distances near2: AlignedBuffer<Float>, keep: Int,
        part: Int,
        parts: Int
    ) {
        precondition(near.count >= members.count * keep && near2.count >= members.count * keep)
        precondition(members.allSatisfy { Int($0) < count }, "row out of range")
        precondition(distances.count == rows.count, "the lists are closed")
        kindred_merge_candidates(
            rows.base, distances.base, capacity, members, members.count, near.base, near2.base, keep,
            UInt32(part),
            UInt32(parts))
    }

    /// The candidates of a row, nearest first.
    package func candidates(of row: Int) -> [UInt32] {
        let all = rows.array(row * capacity..<(row + 1) * capacity)
        return Array(all.prefix { $0 != NeighborKernels.none })
    }
}
