import Foundation
import KindredSystem
import KindredTensors

/// The tokens that one batch's predictions are made among instead of all: those that it should predict, and others drawn
/// evenly (sampled softmax; Jean et al. 2015, §3).
///
/// A token that was drawn stands for as many as were not, so its logit has the logarithm of that number added: whatever
/// the batch predicts, a token's expected weight in the softmax's sum is 1.
final class SampledVocabulary {
    /// Ids in ascending order.
    let tokens: [Int32]
    /// What is added to the logit of each.
    let corrections: [Float]
    /// Where each token of the vocabulary stands among `tokens`; -1: nowhere.
    private let places: [Int32]

    /// - Parameters:
    ///   - targets: tokens that are to be predicted; repetitions do not count.
    ///   - size: of the sample; larger where there are as many different targets.
    init(targets: [Int32], size: Int, vocabulary: Int, _ random: inout TrainingRandom) {
        var isTarget = [Bool](repeating: false, count: vocabulary)
        for target in targets { isTarget[Int(target)] = true }
        let distinct = isTarget.lazy.filter { $0 }.count
        var others = vocabulary - distinct
        var wanted = min(max(size, distinct + 1) - distinct, others)
        let correction = wanted > 0 ? Float(log(Double(others) / Double(wanted))) : 0
        var tokens: [Int32] = []
        var corrections: [Float] = []
        var places = [Int32](repeating: -1, count: vocabulary)
        for token in 0..<vocabulary {
            if !isTarget[token] {
                // Of those that are left, as many as are still wanted (Knuth, volume 2, §3.4.2, algorithm S).
                let isDrawn = random.uniform() * Double(others) < Double(wanted)
                others -= 1
                guard isDrawn else { continue }
                wanted -= 1
            }
            places[token] = Int32(tokens.count)
            tokens.append(Int32(token))
            corrections.append(isTarget[token] ? 0 : correction)
        }
        (self.tokens, self.corrections, self.places) = (tokens, corrections, places)
    }

    func place(of token: Int32) -> Int32 { places[Int(token)] }
}

/// The rows of a head that belong to a sampled vocabulary.
final class SampledHead: @unchecked Sendable {
    let vocabulary: SampledVocabulary
    /// tokens × hidden
    let rows: PreparedMatrix
    /// 1 × tokens
    let corrections: MatrixView
    /// The head's row of each.
    let indices: [Int]

    init(_ vocabulary: SampledVocabulary, of head: MatrixView, precision: Precision) {
        self.vocabulary = vocabulary
        indices = vocabulary.tokens.map(Int.init)
        let count = indices.count
        let values = MatrixView(
            AlignedBuffer<Float>(repeating: 0, count: count * head.columns), rows: count,
            columns: head.columns)
        values.gather(indices, from: head)
        rows = PreparedMatrix(values, precision: precision)
        let corrections = AlignedBuffer<Float>(repeating: 0, count: count)
        for (place, value) in vocabulary.corrections.enumerated() { corrections[place] = value }
        self.corrections = MatrixView(corrections, rows: 1, columns: count)
    }
}
