/// Joins the rankings of semantic and of keyword search into one.
///
/// Weighted reciprocal rank fusion: a passage's score is the sum of weight / (constant + rank) over the rankings that
/// hold it (Cormack, Clarke and Büttcher 2009, §2). Only ranks count, so cosines and BM25 need no common scale.
package struct RankFusion: Sendable, Hashable {
    /// What every index is searched with: tuned once with the embedded encoder (Documentation/encoder.md).
    package static let standard = RankFusion()
    /// Results of each kind that are joined.
    package static let candidates = 100

    /// Larger: the first ranks count for less.
    package var constant = 5.0
    /// A ranking of weight 0 is left out.
    package var semanticWeight = 0.6
    package var keywordWeight = 1.0

    package init() {}

    /// The fused ranking, best first; of equal scores the smaller id comes first.
    ///
    /// - Parameters:
    ///   - semantic: ids with scores, best first.
    ///   - keyword: ids with scores, best first.
    package func fuse(
        semantic: [(id: Int64, score: Double)], keyword: [(id: Int64, score: Double)]
    ) -> [(id: Int64, score: Double)] {
        var scores: [Int64: Double] = [:]
        for (weight, ranking) in [(semanticWeight, semantic), (keywordWeight, keyword)] where weight > 0 {
            for (index, entry) in ranking.enumerated() {
                scores[entry.id, default: 0] += weight / (constant + Double(index + 1))
            }
        }
        return scores.map { (id: $0.key, score: $0.value) }.sorted { ($1.score, $0.id) < ($0.score, $1.id) }
    }
}
