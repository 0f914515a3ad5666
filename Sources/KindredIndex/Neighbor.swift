/// A vector that was found: the id it was stored under, and its similarity to the query.
package struct Neighbor: Hashable, Sendable {
    package let id: Int64
    /// The larger the more similar: inner product, which is the cosine for unit vectors; for the Euclidean metric the
    /// square of the distance, negated.
    package let score: Float

    package init(id: Int64, score: Float) {
        self.id = id
        self.score = score
    }
}

extension [Neighbor] {
    /// The `k` most similar, best first, ties by id.
    func best(_ k: Int) -> [Neighbor] {
        Array(sorted { $0.score > $1.score || ($0.score == $1.score && $0.id < $1.id) }.prefix(k))
    }
}

/// What a segment is built with.
package struct SegmentOptions: Sendable, Hashable {
    /// M: a node has at most 2 M links.
    package var m = 16
    /// Candidates that are kept while a new node's neighbours are looked for by a walk.
    package var efConstruction = 64
    /// Random seed of the partition and of the mixing of the axes.
    package var seed: UInt64 = 1
    package var metric = VectorMetric.innerProduct

    package init() {}
}
