/// Which segments of an index are merged, from their sizes and deletions alone: an index is then the same however often
/// the run that made it was killed.
///
/// Segments are in tiers by size: each is as many times as large as the one below it as segments are merged, as in
/// Lucene's `LogMergePolicy`. A full tier becomes one segment of the next.
package struct MergePolicy: Sendable {
    /// As many segments of one tier are merged into one of the next.
    package let segmentsPerMerge: Int
    /// Vectors from which on a segment is above the lowest tier.
    package let lowestTier: Int
    /// No merge makes a larger segment: it bounds the memory of a merge (about 1 KB a vector), and so of indexing.
    package let maximumMergedVectors: Int
    /// A segment of which more is deleted is rewritten without it.
    package let mostDeleted: Double

    package init(
        segmentsPerMerge: Int = 4, lowestTier: Int, maximumMergedVectors: Int = 1 << 20,
        mostDeleted: Double = 0.3
    ) {
        precondition(segmentsPerMerge > 1 && lowestTier > 0)
        self.segmentsPerMerge = segmentsPerMerge
        self.lowestTier = lowestTier
        self.maximumMergedVectors = maximumMergedVectors
        self.mostDeleted = mostDeleted
    }

    /// The next merge: the first segments of the lowest tier that is full.
    ///
    /// - Parameter counts: the segments' vectors, deleted ones included, oldest segment first.
    /// - Returns: positions in `counts`, rising; nil where nothing is to be merged.
    package func nextMerge(_ counts: [Int]) -> [Int]? {
        let tiers = Dictionary(grouping: counts.indices) { tier(of: counts[$0]) }
        let full = tiers.filter { $0.value.count >= segmentsPerMerge }.min { $0.key < $1.key }
        guard let chosen = full?.value.prefix(segmentsPerMerge),
            chosen.reduce(0, { $0 + counts[$1] }) <= maximumMergedVectors
        else { return nil }
        return Array(chosen)
    }

    /// Whether a segment is rewritten without what is deleted.
    package func rewrites(count: Int, deleted: Int) -> Bool {
        Double(deleted) > mostDeleted * Double(count)
    }

    /// 0 below `lowestTier`, one more for each time that a size is `segmentsPerMerge` times as large.
    func tier(of count: Int) -> Int {
        var (tier, limit) = (0, lowestTier)
        while count >= limit {
            tier += 1
            limit *= segmentsPerMerge
        }
        return tier
    }
}
