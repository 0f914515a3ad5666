/// A vector that was found: the id it was stored under, and its similarity to the query.
package struct Neighbor: Hashable, Sendable {
    package let id: Int64
    /// Inner product, which is the cosine for unit vectors.
    package let score: Float

    package init(id: Int64, score: Float) {
        self.id = id
        self.score = score
    }
}

/// What a segment is built with; names and meaning as in Malkov and Yashunin 2018, §4.
package struct SegmentOptions: Sendable, Hashable {
    /// Links of a node on the upper levels; twice as many on level 0.
    package var m = 16
    /// Candidates that are kept while a node's neighbours are looked for.
    package var efConstruction = 128
    /// Decides the nodes' levels.
    package var seed: UInt64 = 1

    package init() {}
}
