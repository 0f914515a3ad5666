import Foundation
import KindredSystem

/// Llama (Touvron et al. 2023, §2.2) and those that differ from it in a bias, a norm or a window: Mistral, Qwen 2 and 3,
/// SmolLM 3.
extension DecoderConfiguration {
    mutating func readLlama(_ fields: ConfigurationFields) throws {
        normEpsilon = try fields.epsilon("rms_norm_eps", default: 1e-6)
        block.activation = try fields.activation(["hidden_act"], default: .silu)
        block.normalizesHeads = family == .qwen3
        hasAttentionBias = try family == .qwen2 || fields.flag("attention_bias")
        hasOutputBias = hasAttentionBias && family != .qwen2 && family != .mistral
        try fields.refuse(["mlp_bias"])
        try readRotary(fields)
        if family == .smollm3 {
            // 1 for a layer that rotates; without a list every fourth does not.
            let every = try fields.number("no_rope_layer_interval", 1...1_024, default: 4)
            if let list = fields.json["no_rope_layers"] as? [Int] {
                layersWithoutPositions = Set((0..<min(layers, list.count)).filter { list[$0] == 0 })
            } else {
                layersWithoutPositions = Set((0..<layers).filter { ($0 + 1) % every == 0 })
            }
        }
        let family = family
        try readWindow(fields) { layer in
            switch family {
            case .qwen2, .qwen3:
                guard try fields.flag("use_sliding_window") else { return false }
                return try layer >= fields.number("max_window_layers", 0...1_024, default: 28)
            case .smollm3: return try fields.flag("use_sliding_window")
            default: return try fields.flag("use_sliding_window", default: true)
            }
        }
    }

    /// θ and its scaling. transformers 5 writes "rope_parameters"; before it, "rope_theta" and "rope_scaling".
    ///
    /// - Parameter share: of a head that is rotated.
    mutating func readRotary(
        _ fields: ConfigurationFields, base: Double = 10_000, baseKey: String = "rope_theta",
        share: Double = 1
    ) throws {
        let json = fields.json
        let rope = (json["rope_parameters"] ?? json["rope_scaling"]) as? [String: Any] ?? [:]
        rotaryBase = ConfigurationFields.double(rope["rope_theta"] ?? json[baseKey]) ?? base
        guard rotaryBase > 1, rotaryBase.isFinite else {
            throw fields.invalid("\"\(baseKey)\" must be above 1")
        }
        let share =
            ConfigurationFields.double(rope["partial_rotary_factor"] ?? json["partial_rotary_factor"])
            ?? share
        guard share > 0, share <= 1 else {
            throw fields.invalid(
                "the part of a head that is rotated must be above 0 and at most 1; it is \(share)")
        }
        rotaryDimensions = Int(Double(headDimension) * share)
        rotaryScaling = try RotaryScaling(
            rope, dimensions: rotaryDimensions, base: rotaryBase, context: maximumPositions, fields: fields)
    }

    /// Which layers see a window alone: what "layer_types" lists, or what `slides` says.
    mutating func readWindow(_ fields: ConfigurationFields, slides: (Int) throws -> Bool) throws {
        guard let found = fields.json["sliding_window"], !(found is NSNull) else { return }
        slidingWindow = try fields.number("sliding_window", 1...16_777_216)
        if let types = fields.json["layer_types"] as? [String] {
            guard types.count >= layers else {
                throw fields.invalid("\"layer_types\" has \(types.count) layers, and the model \(layers)")
            }
            for type in types where !["full_attention", "sliding_attention"].contains(type) {
                throw fields.invalid("the layer type \"\(type.prefix(40))\" is not supported")
            }
            slidingLayers = Set((0..<layers).filter { types[$0] == "sliding_attention" })
        } else {
            slidingLayers = Set(try (0..<layers).filter(slides))
        }
        if slidingLayers.isEmpty { slidingWindow = nil }
    }
}
