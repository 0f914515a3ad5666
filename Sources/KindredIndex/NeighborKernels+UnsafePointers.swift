import CKindredKernels
import KindredSystem

extension NeighborKernels {
    private func reserve(rows: Int) -> UnsafeMutablePointer<UInt8> {
        let bytes = Int(kindred_neighbors_work(rows, planes.layout.headBlocks))
        if work.count < bytes { work = AlignedBuffer(repeating: 0, count: bytes) }
        return unsafe work.base
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
        var heads = unsafe planes.heads(extra: extra)
        unsafe kindred_leaf_neighbors(
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
        var heads = unsafe planes.heads(extra: extra)
        let count = unsafe kindred_prune(
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
        var heads = unsafe planes.heads(extra: extra)
        let work = unsafe reserve(rows: leaders.count)
        unsafe kindred_nearest_leaders(
            out.pointer(start..<start + rows.count * nearest), &heads, rows, rows.count, leaders,
            leaders.count,
            nearest, work)
    }
}

extension CandidateLists {
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
        unsafe kindred_merge_candidates(
            rows.base, distances.base, capacity, members, members.count, near.base, near2.base, keep,
            UInt32(part),
            UInt32(parts))
    }
}
