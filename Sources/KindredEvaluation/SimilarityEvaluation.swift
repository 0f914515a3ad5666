import KindredTensors

/// Semantic textual similarity: do cosines order pairs of sentences as people do?
///
/// The measure is Spearman's correlation of cosine and score over all pairs of a set (Reimers, Beyer and Gurevych 2016;
/// mteb, `AnySTSEvaluator`, `cosine_spearman`).
package struct SimilarityEvaluation: Sendable {
    package let spearman: Double?
    package let pearson: Double?
    /// In the pairs' order.
    package let cosines: [Double]

    /// - Parameters:
    ///   - scores: how similar people find the two sentences of each pair.
    ///   - vectors: unit vectors, 2 · pairs × dimensions: both sentences of the first pair, of the second, and so on.
    package init(scores: [Double], vectors: Matrix) {
        precondition(vectors.rows == 2 * scores.count)
        cosines = scores.indices.map { vectors.cosine(2 * $0, vectors, 2 * $0 + 1) }
        spearman = Correlation.spearman(cosines, scores)
        pearson = Correlation.pearson(cosines, scores)
    }
}
