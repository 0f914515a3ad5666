import Foundation
import KindredSystem

/// Gemma 1, 2 and 3 (transformers, modeling_gemma.py, modeling_gemma2.py, modeling_gemma3.py): norms store w − 1, tokens'
/// vectors are multiplied by √hidden; the second also norms what is added to the state, caps scores, and slides in every
/// second layer; the third norms heads in place of the cap, and slides in five layers of six, with a θ of their own.
extension DecoderConfiguration {
    mutating func readGemma(_ fields: ConfigurationFields) throws {
        normEpsilon = try fields.epsilon("rms_norm_eps", default: 1e-6)
        block.norm = .rmsPlusOne
        block.activation = try fields.activation(["hidden_activation", "hidden_act"], default: .geluTanh)
        // Gemma's first files name the exact GELU, and mean the approximation.
        if family == .gemma { block.activation = .geluTanh }
        embeddingScale = Float(hiddenSize).squareRoot()
        hasAttentionBias = try fields.flag("attention_bias")
        hasOutputBias = hasAttentionBias
        guard family != .gemma else { return try readRotary(fields) }

        block.placement = .beforeAndAfter
        block.scoreScale = Float(
            1 / (try fields.real("query_pre_attn_scalar", above: 0, below: 65_536, default: 256)).squareRoot()
        )
        if family == .gemma2 {
            let cap = try fields.real("attn_logit_softcapping", above: 0, below: 1e6, default: 50)
            block.scoreCap = fields.json["attn_logit_softcapping"] is NSNull ? nil : Float(cap)
            try readRotary(fields)
            try readWindow(fields) { $0 % 2 == 0 }
        } else {
            block.normalizesHeads = true
            let json = fields.json
            let byType = json["rope_parameters"] as? [String: Any] ?? [:]
            let local = (byType["sliding_attention"] as? [String: Any])?["rope_theta"] as? Double
            let field = try fields.real("rope_local_base_freq", above: 1, below: 1e12, default: 10_000)
            slidingRotaryBase = local ?? field
            var full = json
            if let parameters = byType["full_attention"] as? [String: Any] {
                full["rope_parameters"] = parameters
            }
            try readRotary(ConfigurationFields(json: full, path: fields.path), base: 1_000_000)
            let pattern = try fields.number("sliding_window_pattern", 1...1_024, default: 6)
            try readWindow(fields) { ($0 + 1) % pattern != 0 }
            if slidingLayers.isEmpty { slidingRotaryBase = nil }
        }
    }
}
