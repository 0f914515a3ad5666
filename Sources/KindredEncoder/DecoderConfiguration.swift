import Foundation
import KindredSystem
import KindredTensors
import SystemPackage

/// The shape of a transformer, from a Hugging Face `config.json`. `Families` has a file for each group of models that
/// read their own fields.
package struct DecoderConfiguration: Sendable, Hashable {
    /// "model_type" of `config.json`.
    package enum Family: String, Sendable, CaseIterable {
        case llama, mistral, qwen2, qwen3, smollm3, gemma, gemma2
        case gemma3 = "gemma3_text"
        case phi3, gpt2
        case gptNeoX = "gpt_neox"
        case bert, roberta
        case xlmRoberta = "xlm-roberta"
        case distilBERT = "distilbert"
    }

    /// How a token's place in the text is told.
    package enum Positions: Sendable, Hashable {
        /// By rotating queries and keys (Su et al. 2021).
        case rotary
        /// By a vector for each place, added to the token's; the first place has row `offset` of the table.
        case learned(offset: Int)
    }

    package let family: Family
    package let hiddenSize: Int
    package let intermediateSize: Int
    package private(set) var layers: Int
    package let attentionHeads: Int
    package let keyValueHeads: Int
    package let headDimension: Int
    package var normEpsilon: Float = 1e-6
    package var rotaryBase = 10_000.0
    package var rotaryScaling = RotaryScaling.none
    package private(set) var vocabularySize: Int
    package var maximumPositions: Int
    /// The token that ends a text, where the model has one.
    package private(set) var endToken: Int32?
    /// Positions that a token sees in layers that slide, itself included; with attention both ways on each side; nil: all.
    package var slidingWindow: Int?
    /// Layers that see a window alone.
    package var slidingLayers: Set<Int> = []
    /// Biases on the projections of queries, keys and values; on the output projection too where `hasOutputBias`.
    package var hasAttentionBias = false
    package var hasOutputBias = false
    /// The head shares the embedding's matrix.
    package var tiesEmbeddings = false

    package var block = BlockShape()
    package var positions = Positions.rotary
    /// Elements of a head that are rotated; the rest are left as they are.
    package var rotaryDimensions: Int
    /// θ in layers that slide, where it is another (Gemma 3); rotary scaling is not for them then.
    package var slidingRotaryBase: Double?
    /// Layers without positions (SmolLM 3).
    package var layersWithoutPositions: Set<Int> = []
    /// What tokens' vectors are multiplied by.
    package var embeddingScale: Float = 1
    /// Whether tokens' vectors are normed before the first block (BERT).
    package var normalizesEmbeddings = false
    /// Whether the first row of a table of segments is added to tokens' vectors (BERT).
    package var hasSegments = false
    package var hasFinalNorm = true
    /// Whether every token sees every other, as it was trained: an encoder.
    package var isEncoder = false
    /// Whether the file says that the model was made an encoder by attention both ways (`LlamaBiModel`).
    package var isBidirectional = false

    package var queryWidth: Int { attentionHeads * headDimension }
    package var keyValueWidth: Int { keyValueHeads * headDimension }
    /// Query and key heads are normalised before rotation.
    package var normalizesHeads: Bool { block.normalizesHeads }

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

    /// The window of a layer; nil where it sees all.
    func window(ofLayer layer: Int) -> Int? { slidingLayers.contains(layer) ? slidingWindow : nil }

    /// - Throws: `incompatible` where texts may have more tokens than a token sees: training knows no windows.
    package func checkWindow(tokens: Int, of model: FilePath) throws {
        guard let slidingWindow, !slidingLayers.isEmpty, slidingWindow < tokens else { return }
        throw KindredError(
            .incompatible,
            "a sliding window of \(slidingWindow) positions is not supported in training, and texts may have \(tokens) "
                + "tokens; train on at most \(slidingWindow)",
            at: .init(path: model.string))
    }

    /// - Throws: `incompatible` for a family that can be used and not trained.
    package func checkTrainable(_ model: FilePath) throws {
        var plain = BlockShape()
        plain.normalizesHeads = block.normalizesHeads
        guard block == plain, positions == .rotary, rotaryDimensions == headDimension, !tensorNames.isFused,
            embeddingScale == 1, layersWithoutPositions.isEmpty, slidingRotaryBase == nil,
            rotaryScaling.magnitude == 1
        else {
            throw KindredError(
                .incompatible,
                "models of the type \"\(family.rawValue)\" can encode, and cannot be trained, cut or merged; those of "
                    + "llama, mistral, qwen2 and qwen3 can", at: .init(path: model.string))
        }
    }

    mutating func keep(layers: Int) {
        precondition(layers <= self.layers)
        self.layers = layers
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
        try self.init(JSONFile.object(path), path: path)
    }

    /// - Parameters:
    ///   - json: what `config.json` holds.
    ///   - path: what errors name.
    /// - Throws: as `init(path:)`.
    package init(_ json: [String: Any], path: FilePath) throws {
        var json = json
        // A model of texts and images keeps the decoder's fields in an object of their own.
        if let text = json["text_config"] as? [String: Any] {
            json = text.merging(["architectures": json["architectures"] ?? NSNull()]) { $1 }
        }
        let fields = ConfigurationFields(json: json, path: path)
        let type = json["model_type"] as? String ?? "none"
        guard let family = Family(rawValue: Self.aliases[type] ?? type) else {
            let known = Family.allCases.map(\.rawValue).joined(separator: ", ")
            throw fields.invalid(
                "the model type \"\(type.prefix(40))\" is not supported; Kindred runs \(known)")
        }
        let keys = family.sizeKeys
        let hidden = try fields.number(keys.hidden, 1...65_536)
        let heads = try fields.number(keys.heads, 1...1_024)
        self.family = family
        hiddenSize = hidden
        intermediateSize = try fields.number(
            keys.intermediate, 1...1_048_576, default: family == .gpt2 ? 4 * hidden : nil)
        layers = try fields.number(keys.layers, 1...1_024)
        attentionHeads = heads
        keyValueHeads = try fields.number("num_key_value_heads", 1...1_024, default: heads)
        headDimension = try fields.number("head_dim", 1...4_096, default: max(1, hidden / heads))
        vocabularySize = try fields.number("vocab_size", 1...4_194_304)
        maximumPositions = try fields.number(keys.positions, 1...16_777_216, default: 2048)
        rotaryDimensions = headDimension
        guard attentionHeads % keyValueHeads == 0 else {
            throw fields.invalid(
                "\(attentionHeads) attention heads cannot share \(keyValueHeads) key/value heads evenly")
        }
        tiesEmbeddings = try fields.flag("tie_word_embeddings", default: family.tiesEmbeddings)
        // A model may have several; the first is the one that ends a text.
        let end = json["eos_token_id"] as? Int ?? (json["eos_token_id"] as? [Int])?.first
        let vocabulary = vocabularySize
        endToken = end.flatMap { (0..<vocabulary).contains($0) ? Int32($0) : nil }
        let classes = json["architectures"] as? [String] ?? []
        isBidirectional =
            Self.aliases[type] != nil || classes.contains { $0.contains("Bi") && !$0.contains("BigBird") }
        switch family {
        case .llama, .mistral, .qwen2, .qwen3, .smollm3: try readLlama(fields)
        case .gemma, .gemma2, .gemma3: try readGemma(fields)
        case .phi3: try readPhi(fields)
        case .gpt2: try readGPT2(fields)
        case .gptNeoX: try readGPTNeoX(fields)
        case .bert, .roberta, .xlmRoberta, .distilBERT: try readBERT(fields)
        }
        if positions == .rotary, rotaryDimensions % 2 != 0 || rotaryDimensions < 2 {
            throw fields.invalid(
                "a head's dimension must be even for rotary positions; it is \(rotaryDimensions)")
        }
        guard hiddenSize % attentionHeads == 0 || json["head_dim"] is Int else {
            throw fields.invalid(
                "\(attentionHeads) attention heads do not divide the hidden size of \(hiddenSize)")
        }
    }

    /// Names that publishers gave to their bidirectional classes (NVIDIA's NV-Embed and Llama-Embed).
    private static let aliases = ["llama_bidirec": "llama", "mistral_bidirec": "mistral"]

    /// Angle per position of each pair of a head that is rotated.
    package var rotaryFrequencies: [Double] {
        rotaryScaling.frequencies(base: rotaryBase, dimensions: rotaryDimensions)
    }

    /// What decides vectors beside what the first version knew, for the fingerprint; empty where that is all.
    ///
    /// - Parameter tokens: of a text, at most; a window that is not smaller changes nothing.
    func exceptions(tokens: Int) -> String {
        var parts: [String] = []
        if let slidingWindow, slidingWindow < tokens, !slidingLayers.isEmpty {
            parts.append("window \(slidingWindow) \(slidingLayers.sorted())")
        }
        var plain = BlockShape()
        plain.normalizesHeads = family == .qwen3
        if block != plain { parts.append("\(block)") }
        if positions != .rotary { parts.append("\(positions)") }
        if rotaryDimensions != headDimension { parts.append("rotary \(rotaryDimensions)") }
        if let slidingRotaryBase { parts.append("sliding base \(slidingRotaryBase)") }
        if !layersWithoutPositions.isEmpty { parts.append("no positions \(layersWithoutPositions.sorted())") }
        if embeddingScale != 1 { parts.append("embedding × \(embeddingScale)") }
        return parts.joined(separator: "\n")
    }
}

extension DecoderConfiguration.Family {
    /// What a family calls its sizes.
    fileprivate var sizeKeys:
        (hidden: String, intermediate: String, layers: String, heads: String, positions: String)
    {
        switch self {
        case .gpt2: ("n_embd", "n_inner", "n_layer", "n_head", "n_positions")
        case .distilBERT: ("dim", "hidden_dim", "n_layers", "n_heads", "max_position_embeddings")
        default:
            (
                "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
                "max_position_embeddings"
            )
        }
    }

    /// Whether the head shares the embedding's matrix where the file does not say (transformers, configuration_*.py).
    fileprivate var tiesEmbeddings: Bool {
        switch self {
        case .gemma, .gemma2, .gemma3, .gpt2, .smollm3, .bert, .roberta, .xlmRoberta, .distilBERT: true
        case .llama, .mistral, .qwen2, .qwen3, .phi3, .gptNeoX: false
        }
    }
}
