import Foundation
import KindredSystem
import KindredTensors
import SystemPackage

/// How a decoder is used as an encoder, from `llm2vec_config.json` (McGill-NLP/llm2vec, llm2vec/llm2vec.py).
package struct EncoderConfiguration: Sendable, Hashable {
    /// How a text's hidden states become its vector. Means are over the text's own tokens: neither the tokens that the
    /// tokenizer's template adds nor the instruction's, unless `poolsTemplate` and `poolsInstruction` say so.
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

    package enum Mode: String, Sendable, CaseIterable {
        /// A text as it is.
        case plain
        /// A text twice, pooled over its second copy: under causal attention the second copy sees the whole text (Springer et
        /// al. 2024, arXiv 2402.15449, §3). Each copy has half of the room.
        case echo
    }

    package var mode = Mode.plain
    package var pooling = Pooling.mean
    package var attention = Attention.causal
    /// Tokens of a text, at most; more are cut off.
    package var maximumTokens = 512
    /// Tokens of a text without its instruction, at most; whole words beyond are cut off before all else; nil: any number.
    package var documentTokens: Int?
    /// Whether means are over the instruction's tokens too.
    package var poolsInstruction = false
    /// Whether means are over the tokens that the tokenizer's template adds too, as sentence-transformers has it.
    package var poolsTemplate = false
    /// What is put around every text; nil: what LLM2Vec's authors put there for the base, or nothing.
    package var wrapping: ChatWrapping?

    /// Texts that are put before others, as instructions are; empty for none.
    package struct Prompts: Sendable, Hashable {
        /// Before queries.
        package var query = ""
        /// Before documents.
        package var document = ""
        /// Before texts that are neither.
        package var standard = ""

        package init(query: String = "", document: String = "", standard: String = "") {
            self.query = query
            self.document = document
            self.standard = standard
        }
    }

    package var prompts = Prompts()

    static let file = "llm2vec_config.json"

    package init() {}

    /// Reads `llm2vec_config.json`. A file that says nothing about attention means bidirectional, as LLM2Vec does.
    /// - Throws: `notFound`; `invalidData` naming the field and its possible values.
    package init(path: FilePath) throws {
        attention = .bidirectional
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
        try choice(Self.modeField, &mode)
        if let found = json["max_length"] {
            guard let length = found as? Int, (1...1_048_576).contains(length) else {
                throw invalid("\"max_length\" must be a whole number from 1 to 1048576")
            }
            maximumTokens = length
        }
        if let found = json["doc_max_length"] {
            guard let length = found as? Int, length > 0 else {
                throw invalid("\"doc_max_length\" must be a whole number of 1 or more")
            }
            documentTokens = length
        }
        if let found = json["skip_instruction"] {
            guard let skips = found as? Bool else {
                throw invalid("\"skip_instruction\" must be true or false")
            }
            poolsInstruction = !skips
        }
        if let found = json[Self.templateField] {
            guard let pools = found as? Bool else {
                throw invalid("\"\(Self.templateField)\" must be true or false")
            }
            poolsTemplate = pools
        }
        if let found = json[Self.wrappingField] {
            guard let parts = found as? [String: String], Set(parts.keys).isSubset(of: ["before", "after"])
            else {
                throw invalid(
                    "\"\(Self.wrappingField)\" must be an object of two texts, \"before\" and \"after\"")
            }
            wrapping = ChatWrapping(before: parts["before"] ?? "", after: parts["after"] ?? "")
        }
    }

    /// The fields of `llm2vec_config.json`.
    package var fields: [String: Any] {
        var fields: [String: Any] = [
            "pooling_mode": pooling.rawValue, "attention": attention.rawValue, "max_length": maximumTokens,
        ]
        if mode != .plain { fields[Self.modeField] = mode.rawValue }
        fields["doc_max_length"] = documentTokens
        if poolsInstruction { fields["skip_instruction"] = false }
        if poolsTemplate { fields[Self.templateField] = true }
        if let wrapping {
            fields[Self.wrappingField] = ["before": wrapping.before, "after": wrapping.after]
        }
        return fields
    }

    // Fields of `llm2vec_config.json` that are Kindred's own.
    private static let templateField = "pool_template"
    private static let wrappingField = "wrapping"
    private static let modeField = "mode"

    /// What changes vectors beside pooling, attention and length, for the fingerprint; empty where nothing does.
    var exceptions: String {
        [
            documentTokens.map { "document \($0)" }, poolsInstruction ? "instruction" : nil,
            poolsTemplate ? "template" : nil, mode == .plain ? nil : mode.rawValue,
            wrapping.flatMap { $0.isEmpty ? nil : "wrapped \([$0.before, $0.after])" },
            prompts == Prompts() ? nil : "prompts \([prompts.query, prompts.document, prompts.standard])",
        ].compactMap { $0 }.joined(separator: " ")
    }
}
