import Foundation
import KindredSystem
import KindredTensors
import SystemPackage

/// How a decoder is used as an encoder, from `llm2vec_config.json` (McGill-NLP/llm2vec, llm2vec/llm2vec.py).
package struct EncoderConfiguration: Sendable, Hashable {
    /// How a text's hidden states become its vector. Pooled are the text's own tokens: neither the tokens that the
    /// tokenizer's template adds nor the instruction's.
    package enum Pooling: String, Sendable, CaseIterable {
        case mean
        /// Weights 1, 2, …, n over their sum.
        case weightedMean = "weighted_mean"
        /// The last token of the sequence.
        case endOfSequence = "eos_token"
        case last = "last_token"
        /// The first token of the sequence.
        case beginOfSequence = "bos_token"
    }

    package enum Attention: String, Sendable, CaseIterable {
        /// A token sees those before it.
        case causal
        /// Every token sees every other.
        case bidirectional
    }

    package var pooling = Pooling.mean
    package var attention = Attention.causal
    /// Tokens of a text, at most; more are cut off.
    package var maximumTokens = 512

    package init() {}

    /// The configuration of a model directory; the defaults where the file is missing.
    /// - Throws: `invalidData` naming the field and its possible values.
    package init(path: FilePath) throws {
        guard FileManager.default.fileExists(atPath: path.string) else { return }
        let json = try JSONFile.object(path)
        func invalid(_ message: String) -> KindredError {
            KindredError(.invalidData, message, at: .init(path: path.string))
        }
        func choice<Value: RawRepresentable & CaseIterable>(_ key: String, _ value: inout Value) throws
        where Value.RawValue == String {
            guard let found = json[key] else { return }
            guard let text = found as? String, let known = Value(rawValue: text) else {
                let values = Value.allCases.map(\.rawValue).joined(separator: ", ")
                throw invalid("\"\(key)\" must be one of \(values)")
            }
            value = known
        }
        try choice("pooling_mode", &pooling)
        try choice("attention", &attention)
        if let found = json["max_length"] {
            guard let length = found as? Int, (1...1_048_576).contains(length) else {
                throw invalid("\"max_length\" must be a whole number from 1 to 1048576")
            }
            maximumTokens = length
        }
    }

    /// The fields of `llm2vec_config.json`.
    package var fields: [String: Any] {
        ["pooling_mode": pooling.rawValue, "attention": attention.rawValue, "max_length": maximumTokens]
    }
}
