import Foundation
import KindredSystem

/// The probability that a passage answers a query: a logistic regression on their cosine and on the share of the query's
/// words that the passage holds.
///
/// Cosines of different encoders are distributed differently, so the coefficients belong to one encoder. For any other one
/// the relevance is not known. `Tools/relevance/fit.py` fits them; Documentation/queries.md has the data and the results.
struct RelevanceModel: Sendable {
    let intercept: Double
    /// Of the cosine of query and passage.
    let cosine: Double
    /// Of the share of the query's words, weighted by how rare they are.
    let wordShare: Double
    /// Below this the best passage of a search is no answer.
    let threshold: Double

    /// - Parameters:
    ///   - cosine: -1 to 1.
    ///   - wordShare: 0 to 1.
    /// - Returns: 0 to 1.
    func probability(cosine: Double, wordShare: Double) -> Double {
        1 / (1 + exp(-(intercept + self.cosine * cosine + self.wordShare * wordShare)))
    }

    /// The model for the encoder that ships with Kindred, fitted to 30,643 hits: questions of WikiQA's training
    /// part and half of those of HotpotQA and Cranfield, each asked of its own corpus and of the others'.
    static let embedded = RelevanceModel(
        intercept: -6.123, cosine: 7.570, wordShare: 0.242, threshold: 0.105)

    /// The fingerprint of the encoder that `embedded` was fitted with.
    static let embeddedFingerprint = "271fd29a3cdbe5a644d6b8c59ee406a37b59a53696edff176ff20a8c6b9987bd"

    /// - Returns: nil for an encoder that nobody has fitted a model for.
    static func fitted(to encoder: Fingerprint) -> RelevanceModel? {
        encoder.hex == embeddedFingerprint ? embedded : nil
    }
}
