import Foundation
import KindredSystem
import KindredTensors
import KindredTokenizers
import SystemPackage

/// A decoder in a GGUF file: its configuration in transformers' words, and its tensors under transformers' names
/// (llama.cpp, convert_hf_to_gguf.py and gguf-py/gguf/constants.py, read backwards).
package struct GGUFCheckpoint: Sendable {
    package let file: GGUFFile
    package var path: FilePath { file.path }
    private let architecture: String
    private let family: DecoderConfiguration.Family

    /// What llama.cpp calls the families.
    private static let families: [String: DecoderConfiguration.Family] = [
        "llama": .llama, "mistral": .mistral, "qwen2": .qwen2, "qwen3": .qwen3, "smollm3": .smollm3,
        "gemma": .gemma, "gemma2": .gemma2, "gemma3": .gemma3, "phi3": .phi3, "gpt2": .gpt2,
        "gptneox": .gptNeoX, "bert": .bert,
    ]

    /// - Throws: `notFound`; `invalidData` for what is no GGUF file, or holds a model that is not supported.
    init(_ path: FilePath) throws {
        file = try GGUFFile(path: path)
        func invalid(_ message: String) -> KindredError {
            KindredError(.invalidData, message, at: .init(path: path.string))
        }
        architecture = file.text("general.architecture") ?? "none"
        guard let family = Self.families[architecture] else {
            let known = Self.families.keys.sorted().joined(separator: ", ")
            throw invalid(
                "holds a model of the architecture \"\(architecture.prefix(40))\", which is not supported; Kindred runs \(known)"
            )
        }
        self.family = family
        if let parts = file.integer("split.count"), parts > 1 {
            throw invalid("is one of \(parts) parts; join them with llama.cpp's gguf-split --merge")
        }
        guard file.tensors["token_embd.weight"]?.shape.count == 2 else {
            throw invalid("has no tensor \"token_embd.weight\": it holds no decoder")
        }
    }

    private func key(_ name: String) -> String { "\(architecture).\(name)" }
    private func integer(_ name: String) -> Int? { file.integer(key(name)) }

    // MARK: Configuration

    /// What `config.json` would hold. Fields that the file lacks are left out, and missed by who reads the object.
    var configuration: [String: Any] {
        var json: [String: Any] = ["model_type": family.rawValue]
        func set(_ field: String, _ value: Any?) { if let value { json[field] = value } }
        let hidden = integer("embedding_length")
        let heads = integer("attention.head_count")
        let isGPT2 = family == .gpt2
        set(isGPT2 ? "n_embd" : "hidden_size", hidden)
        set(isGPT2 ? "n_layer" : "num_hidden_layers", integer("block_count"))
        set(isGPT2 ? "n_head" : "num_attention_heads", heads)
        set(isGPT2 ? "n_inner" : "intermediate_size", integer("feed_forward_length"))
        set(isGPT2 ? "n_positions" : "max_position_embeddings", integer("context_length"))
        set("num_key_value_heads", integer("attention.head_count_kv") ?? heads)
        set("head_dim", integer("attention.key_length"))
        set("vocab_size", file.tensors["token_embd.weight"]?.shape[0])
        set("rms_norm_eps", file.real(key("attention.layer_norm_rms_epsilon")))
        let epsilon = file.real(key("attention.layer_norm_epsilon"))
        set("layer_norm_epsilon", epsilon)
        set("layer_norm_eps", epsilon)
        set("eos_token_id", file.integer("tokenizer.ggml.eos_token_id"))
        set("bos_token_id", file.integer("tokenizer.ggml.bos_token_id"))
        json["tie_word_embeddings"] = file.tensors["output.weight"] == nil
        json["attention_bias"] =
            file.tensors["blk.0.attn_q.bias"] != nil || file.tensors["blk.0.attn_qkv.bias"] != nil
        set("sliding_window", integer("attention.sliding_window"))
        if let types = slidingPattern { json["layer_types"] = types }
        setRotary(&json, hidden: hidden, heads: heads)
        switch family {
        case .gemma2, .gemma3:
            set("attn_logit_softcapping", file.real(key("attn_logit_softcapping")))
            // The largest model of each divides by its own number; the file does not say so (llama-model.cpp).
            let isLargest = integer("block_count") == (family == .gemma2 ? 46 : 62)
            set(
                "query_pre_attn_scalar",
                isLargest && heads ?? 0 > 0 ? (hidden ?? 0) / heads! : integer("attention.key_length"))
        case .gptNeoX:
            json["use_parallel_residual"] = file.flag(key("use_parallel_residual")) ?? true
        default: break
        }
        return json
    }

    /// "layer_types" where the file lists which layers slide.
    private var slidingPattern: [String]? {
        guard let pattern = file.array(key("attention.sliding_window_pattern")) else { return nil }
        return pattern.map { value in
            if case .flag(true) = value { return "sliding_attention" }
            return value.integer.map { $0 != 0 } == true ? "sliding_attention" : "full_attention"
        }
    }

    private func setRotary(_ json: inout [String: Any], hidden: Int?, heads: Int?) {
        let base = file.real(key("rope.freq_base"))
        if let base {
            json["rope_theta"] = base
            json["rotary_emb_base"] = base
        }
        if let local = file.real(key("rope.freq_base_swa")) { json["rope_local_base_freq"] = local }
        let head = integer("attention.key_length") ?? (heads ?? 0 > 0 ? (hidden ?? 0) / heads! : 0)
        if let rotated = integer("rope.dimension_count"), head > 0, rotated != head {
            let share = Double(rotated) / Double(head)
            json["partial_rotary_factor"] = share
            json["rotary_pct"] = share
        } else if family == .gptNeoX {
            json["rotary_pct"] = 1.0
        }
        let original = integer("rope.scaling.original_context_length")
        // Divisors of each pair stand in a tensor: Llama 3.1's, or Phi-3's for texts within the original context.
        if let divisors = file.tensors["rope_factors_short.weight"] ?? file.tensors["rope_freqs.weight"] {
            json["rope_scaling"] = [
                "rope_type": "longrope", "short_factor": divisors.floats().array().map(Double.init),
                "attention_factor": file.real(key("rope.scaling.attn_factor")) ?? 1.0,
                "original_max_position_embeddings": Double(original ?? integer("context_length") ?? 1),
            ]
            if let original { json["original_max_position_embeddings"] = original }
            return
        }
        guard let kind = file.text(key("rope.scaling.type")), kind != "none" else { return }
        var scaling: [String: Any] = [
            "rope_type": kind, "factor": file.real(key("rope.scaling.factor")) ?? 1.0,
        ]
        if let original { scaling["original_max_position_embeddings"] = Double(original) }
        if let factor = file.real(key("rope.scaling.attn_factor")) { scaling["attention_factor"] = factor }
        json["rope_scaling"] = scaling
    }

    /// How the model is used as an encoder, where the file says so (llama.cpp, `llama_pooling_type`).
    ///
    /// Means are over all tokens, as llama.cpp has them.
    /// - Throws: `invalidData` for a pooling that is not supported.
    func usage() throws -> EncoderConfiguration? {
        guard let pooling = integer("pooling_type") else { return nil }
        var usage = EncoderConfiguration()
        usage.poolsTemplate = true
        usage.maximumTokens =
            integer("context_length").map { min(max(1, $0), 1_048_576) } ?? usage.maximumTokens
        switch pooling {
        case 1: usage.pooling = .mean
        case 2: usage.pooling = .beginOfSequence
        case 3: usage.pooling = .last
        default:
            throw KindredError(
                .invalidData,
                "has the pooling \(pooling), which is not supported; Kindred pools by mean (1), first (2) and last (3) token",
                at: .init(path: path.string))
        }
        return usage
    }

    // MARK: Tensors

    /// The tensors under transformers' names.
    /// - Throws: `invalidData` for a tensor that this kind of model does not have.
    func weights(_ shape: DecoderConfiguration) throws -> TensorFile {
        let names = shape.tensorNames
        var found: [String: StoredTensor] = [:]
        for (name, tensor) in file.tensors where !Self.positionTensors.contains(name) {
            guard let bare = Self.name(name, names, family) else {
                throw KindredError(
                    .invalidData,
                    "the tensor \"\(name.prefix(80))\" is not one that this kind of decoder has",
                    at: .init(path: path.string))
            }
            var tensor = tensor
            tensor.name = bare
            if isPermuted(name) { tensor.rowOrder = .init(headDimension: shape.headDimension) }
            // The converter adds the 1 that Gemma's norms leave out.
            if shape.block.norm == .rmsPlusOne, name.hasSuffix("norm.weight") { tensor.addend = -1 }
            found[bare] = tensor
        }
        return TensorFile(found, path: path)
    }

    private static let positionTensors: Set = [
        "rope_freqs.weight", "rope_factors_short.weight", "rope_factors_long.weight",
    ]

    /// Whether rows of queries or keys lie in the order of llama.cpp's own rotation.
    private func isPermuted(_ name: String) -> Bool {
        guard ["llama", "mistral", "smollm3"].contains(architecture), name.hasPrefix("blk.") else {
            return false
        }
        return [".attn_q.weight", ".attn_k.weight", ".attn_q.bias", ".attn_k.bias"].contains {
            name.hasSuffix($0)
        }
    }

    /// transformers' name of a tensor; nil for one that it does not have.
    private static func name(
        _ name: String, _ names: TensorNames, _ family: DecoderConfiguration.Family
    ) -> String? {
        let parts = name.split(separator: ".").map(String.init)
        guard let kind = parts.last, kind == "weight" || kind == "bias" else { return nil }
        if parts.count == 2 {
            switch parts[0] {
            case "token_embd": return names.embedding
            case "position_embd": return names.positions.isEmpty ? nil : names.positions
            case "token_types": return names.segments.isEmpty ? nil : names.segments
            case "token_embd_norm":
                return names.embeddingNorm.isEmpty ? nil : "\(names.embeddingNorm).\(kind)"
            case "output_norm": return "\(names.finalNorm).\(kind)"
            case "output": return "lm_head.\(kind)"
            default: return nil
            }
        }
        guard parts.count == 4, parts[0] == "blk", let layer = Int(parts[1]) else { return nil }
        let isSplit = names.queryKeyValue.count == 3
        let module: String?
        switch parts[2] {
        case "attn_norm", "attn_output_norm": module = names.attentionNorm
        case "ffn_norm", "layer_output_norm": module = names.feedForwardNorm
        case "attn_q" where isSplit: module = names.queryKeyValue[0]
        case "attn_k" where isSplit: module = names.queryKeyValue[1]
        case "attn_v" where isSplit: module = names.queryKeyValue[2]
        case "attn_qkv" where !isSplit: module = names.queryKeyValue[0]
        case "attn_output": module = names.output
        case "attn_q_norm": module = names.queryNorm
        case "attn_k_norm": module = names.keyNorm
        case "post_attention_norm": module = names.afterAttentionNorm
        case "post_ffw_norm": module = names.afterFeedForwardNorm
        case "ffn_gate" where names.gateUp.count == 2: module = names.gateUp[0]
        case "ffn_up": module = names.gateUp.last
        case "ffn_down": module = names.down
        default: module = nil
        }
        guard let module, !module.isEmpty else { return nil }
        return "\(names.layers)\(layer).\(module).\(kind)"
    }
}
