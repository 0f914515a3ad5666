import KindredSystem

/// How the results of semantic and of keyword search become one ranking.
package enum Fusion: Sendable, Hashable {
    /// A convex combination of the scores, each from 0 to 1 (Bruch, Gai and Ingber 2022, arXiv 2210.11934, §4). A cosine
    /// is scaled so that the lowest candidate's is 0 and a cosine of 1 is 1; a semantic ranking without a good answer then
    /// weighs less. BM25 is divided by the best of its ranking. A passage that a ranking lacks scores 0 in it.
    case scores(semanticShare: Double)
    /// Weighted reciprocal rank fusion: the sum of weight / (constant + rank) over the rankings that hold a passage
    /// (Cormack, Clarke and Büttcher 2009, §2), the keyword ranking's weight being 1. Only ranks count.
    case ranks(constant: Double, semanticWeight: Double)

    /// The fusion of every hybrid search, tuned with the embedded encoder (Documentation/log/encoder.md).
    package static let standard = Fusion.scores(semanticShare: 0.65)
    /// The fusion takes at least this many results of each ranking.
    package static let candidates = 100

    /// The fused ranking, best first; of equal scores the smaller id comes first.
    ///
    /// - Parameters:
    ///   - semantic: best first.
    ///   - keyword: best first.
    package func fuse(
        semantic: [ScoredPassage], keyword: [ScoredPassage]
    ) -> [ScoredPassage] {
        var scores: [Int64: Double] = [:]
        switch self {
        case .scores(let share):
            // The same floor however many results are asked for.
            let least = semantic.prefix(Self.candidates).last?.score ?? 0
            add(semantic, from: least, to: 1, share: share, to: &scores)
            add(keyword, from: 0, to: keyword.first?.score ?? 0, share: 1 - share, to: &scores)
        case .ranks(let constant, let semanticWeight):
            for (weight, ranking) in [(semanticWeight, semantic), (1, keyword)] where weight > 0 {
                for (index, entry) in ranking.enumerated() {
                    scores[entry.id, default: 0] += weight / (constant + Double(index + 1))
                }
            }
        }
        return scores.map { ScoredPassage(id: $0.key, score: $0.value) }.ranked()
    }

    /// Adds a ranking's scores, scaled from `floor` (0) to `ceiling` (1); all are 1 if the two are equal.
    private func add(
        _ ranking: [ScoredPassage], from floor: Double, to ceiling: Double, share: Double,
        to scores: inout [Int64: Double]
    ) {
        guard share > 0 else { return }
        for entry in ranking {
            let height = ceiling > floor ? (entry.score - floor) / (ceiling - floor) : 1
            scores[entry.id, default: 0] += share * height
        }
    }
}
