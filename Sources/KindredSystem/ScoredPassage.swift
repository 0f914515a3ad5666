/// A passage that a search found, by its id, and how well it answers: the larger the better, on the search's own scale.
package struct ScoredPassage: Hashable, Sendable {
    package let id: Int64
    package var score: Double

    package init(id: Int64, score: Double) {
        self.id = id
        self.score = score
    }
}

extension Sequence<ScoredPassage> {
    /// Best first; of equal scores the smaller id comes first.
    package func ranked() -> [ScoredPassage] { sorted { ($1.score, $0.id) < ($0.score, $1.id) } }
}
