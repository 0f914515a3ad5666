import Foundation
import KindredSystem
import KindredTensors
import SystemPackage

/// The shape of a Llama-family decoder, from a Hugging Face `config.json`.
package struct DecoderConfiguration: Sendable, Hashable {
    package enum Family: String, Sendable, CaseIterable { case llama, mistral, qwen2, qwen3 }

    /// How rotary frequencies are changed for long contexts.
    package enum RotaryScaling: Sendable, Hashable {
        case none
        /// All frequencies divided by a factor.
        case linear(factor: Double)
        /// Llama 3.1 (transformers, modeling_rope_utils.py, `_compute_llama3_parameters`).
        case llama3(factor: Double, lowFrequency: Double, highFrequency: Double, originalContext: Double)
    }

    package let family: Family
    package let hiddenSize: Int
    package let intermediateSize: Int
    package private(set) var layers: Int
    package let attentionHeads: Int
    package let keyValueHeads: Int
    package let headDimension: Int
    package let normEpsilon: Float
    package let rotaryBase: Double
    package let rotaryScaling: RotaryScaling
    package private(set) var vocabularySize: Int
    package let maximumPositions: Int
    /// The token that ends a text, where the model has one.
    package private(set) var endToken: Int32?
    /// Positions that a token sees, itself included; nil: all.
    package let slidingWindow: Int?
    /// Biases on the projections of queries, keys and values; on the output projection too for Llama and Qwen 3.
    package let hasAttentionBias: Bool

    package var queryWidth: Int { attentionHeads * headDimension }
    package var keyValueWidth: Int { keyValueHeads * headDimension }
    /// Query and key heads are normalised before rotation (Qwen 3).
    package var normalizesHeads: Bool { family == .qwen3 }
    package var hasOutputBias: Bool { hasAttentionBias && (family == .llama || family == .qwen3) }
    /// The head shares the embedding's matrix.
    package let tiesEmbeddings: Bool

    /// Output and input of one of a block's linear layers, by its name there ("q_proj").
    package func shape(of module: String) -> (output: Int, input: Int) {
        switch module {
        case "q_proj": (queryWidth, hiddenSize)
        case "k_proj", "v_proj": (keyValueWidth, hiddenSize)
        case "o_proj": (hiddenSize, queryWidth)
        case "gate_proj", "up_proj": (intermediateSize, hiddenSize)
        case "down_proj": (hiddenSize, intermediateSize)
        default: preconditionFailure("no linear layer \(module)")
        }
    }

    /// - Throws: `incompatible` where texts may have more tokens than a token sees: a sliding window is not supported, and
    ///   changes nothing for shorter texts.
    package func checkWindow(tokens: Int, of model: FilePath) throws {
        guard let slidingWindow, slidingWindow < tokens else { return }
        throw KindredError(
            .incompatible,
            "a sliding window of \(slidingWindow) positions is not supported, and texts may have \(tokens) tokens; put "
                + "\"max_length\": \(slidingWindow) into llm2vec_config.json",
            at: .init(path: model.appending("config.json").string))
    }

    /// The shape with the first layers alone, and with some of the tokens.
    package func cut(layers: Int, tokens kept: [Int32]) -> DecoderConfiguration {
        precondition(layers <= self.layers)
        var result = self
        result.layers = layers
        result.vocabularySize = kept.count
        result.endToken = endToken.flatMap { end in kept.firstIndex(of: end).map(Int32.init) }
        return result
    }

    /// - Throws: `notFound`; `invalidData` naming the field that is missing, out of range or not supported.
    package init(path: FilePath) throws {
        let json = try JSONFile.object(path)
        func invalid(_ message: String) -> KindredError {
            KindredError(.invalidData, message, at: .init(path: path.string))
        }
        func number(_ key: String, _ range: ClosedRange<Int>, default value: Int? = nil) throws -> Int {
            guard let found = json[key], !(found is NSNull) else {
                if let value { return value }
                throw invalid("has no \"\(key)\"")
            }
            guard let number = found as? Int, range.contains(number) else {
                throw invalid(
                    "\"\(key)\" must be a whole number from \(range.lowerBound) to \(range.upperBound)")
            }
            return number
        }
        let type = json["model_type"] as? String ?? "none"
        guard let family = Family(rawValue: type) else {
            let known = Family.allCases.map(\.rawValue).joined(separator: ", ")
            throw invalid("the model type \"\(type.prefix(40))\" is not supported; Kindred runs \(known)")
        }
        self.family = family
        hiddenSize = try number("hidden_size", 1...65_536)
        intermediateSize = try number("intermediate_size", 1...1_048_576)
        layers = try number("num_hidden_layers", 1...1_024)
        attentionHeads = try number("num_attention_heads", 1...1_024)
        keyValueHeads = try number("num_key_value_heads", 1...1_024, default: attentionHeads)
        headDimension = try number("head_dim", 2...4_096, default: hiddenSize / attentionHeads)
        vocabularySize = try number("vocab_size", 1...4_194_304)
        maximumPositions = try number("max_position_embeddings", 1...16_777_216, default: 2048)
        guard attentionHeads % keyValueHeads == 0 else {
            throw invalid(
                "\(attentionHeads) attention heads cannot share \(keyValueHeads) key/value heads evenly")
        }
        guard headDimension % 2 == 0 else { throw invalid("\"head_dim\" must be even for rotary positions") }
        let epsilon = json["rms_norm_eps"] as? Double ?? 1e-6
        guard epsilon > 0, epsilon < 1 else { throw invalid("\"rms_norm_eps\" must lie between 0 and 1") }
        normEpsilon = Float(epsilon)
        let activation = json["hidden_act"] as? String ?? "silu"
        guard activation == "silu" else {
            throw invalid("the activation \"\(activation.prefix(40))\" is not supported")
        }
        tiesEmbeddings = json["tie_word_embeddings"] as? Bool ?? false
        hasAttentionBias = family == .qwen2 || (json["attention_bias"] as? Bool ?? false)
        guard json["mlp_bias"] as? Bool != true else { throw invalid("\"mlp_bias\" is not supported") }
        // Newer configurations list each layer's attention.
        let types = json["layer_types"] as? [String]
        let slides =
            types?.prefix(layers).contains("sliding_attention")
            ?? (json["use_sliding_window"] as? Bool != false)
        slidingWindow = slides ? json["sliding_window"] as? Int : nil
        // A model may have several; the first is the one that ends a text.
        let end = json["eos_token_id"] as? Int ?? (json["eos_token_id"] as? [Int])?.first
        let vocabulary = vocabularySize
        endToken = end.flatMap { (0..<vocabulary).contains($0) ? Int32($0) : nil }
        // transformers 5 writes "rope_parameters"; before it, "rope_theta" and "rope_scaling".
        let rope = (json["rope_parameters"] ?? json["rope_scaling"]) as? [String: Any] ?? [:]
        rotaryBase = rope["rope_theta"] as? Double ?? json["rope_theta"] as? Double ?? 10_000
        guard rotaryBase > 1, rotaryBase.isFinite else { throw invalid("\"rope_theta\" must be above 1") }
        let kind = rope["rope_type"] as? String ?? rope["type"] as? String ?? "default"
        let factor = rope["factor"] as? Double ?? 1
        guard factor >= 1, factor.isFinite else {
            throw invalid("the rotary scaling's factor must be at least 1")
        }
        switch kind {
        case "default": rotaryScaling = .none
        case "linear": rotaryScaling = .linear(factor: factor)
        case "llama3":
            guard let low = rope["low_freq_factor"] as? Double,
                let high = rope["high_freq_factor"] as? Double,
                let original = rope["original_max_position_embeddings"] as? Double, low > 0, high > low,
                original > 0
            else { throw invalid("the rotary scaling \"llama3\" lacks its factors") }
            rotaryScaling = .llama3(
                factor: factor, lowFrequency: low, highFrequency: high, originalContext: original)
        default: throw invalid("the rotary scaling \"\(kind.prefix(40))\" is not supported")
        }
    }

    /// Angle per position of each pair of a head, half a head's elements.
    package var rotaryFrequencies: [Double] {
        (0..<headDimension / 2).map { pair in
            let frequency = pow(rotaryBase, -2 * Double(pair) / Double(headDimension))
            switch rotaryScaling {
            case .none: return frequency
            case .linear(let factor): return frequency / factor
            case .llama3(let factor, let low, let high, let original):
                let wavelength = 2 * Double.pi / frequency
                if wavelength > original / low { return frequency / factor }
                if wavelength < original / high { return frequency }
                let smooth = (original / wavelength - low) / (high - low)
                return (1 - smooth) * frequency / factor + smooth * frequency
            }
        }
    }
}
