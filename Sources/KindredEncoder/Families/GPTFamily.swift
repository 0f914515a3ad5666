import KindredSystem

/// GPT-2 (Radford et al. 2019; transformers, modeling_gpt2.py) and GPT-NeoX (Black et al. 2022; modeling_gpt_neox.py):
/// LayerNorm and biases, a feed-forward layer without a gate; learned positions in the one, a part of each head rotated
/// and attention beside the feed-forward layer in the other.
extension DecoderConfiguration {
    mutating func readGPT2(_ fields: ConfigurationFields) throws {
        try readPlainBlock(
            fields, epsilon: "layer_norm_epsilon", activation: "activation_function", .geluTanh)
        positions = .learned(offset: 0)
        guard try fields.flag("scale_attn_weights", default: true) else {
            throw fields.invalid("\"scale_attn_weights\": false is not supported")
        }
        try fields.refuse(["scale_attn_by_inverse_layer_idx", "add_cross_attention"])
    }

    mutating func readGPTNeoX(_ fields: ConfigurationFields) throws {
        try readPlainBlock(fields, epsilon: "layer_norm_eps", activation: "hidden_act", .gelu)
        hasAttentionBias = try fields.flag("attention_bias", default: true)
        hasOutputBias = hasAttentionBias
        if try fields.flag("use_parallel_residual", default: true) { block.placement = .parallel }
        let share = try fields.real("rotary_pct", above: 0, below: 1.000001, default: 0.25)
        try readRotary(fields, baseKey: "rotary_emb_base", share: share)
    }

    /// LayerNorm, biases everywhere, and a feed-forward layer without a gate.
    mutating func readPlainBlock(
        _ fields: ConfigurationFields, epsilon: String, activation key: String,
        _ activation: BlockShape.Activation
    ) throws {
        normEpsilon = try fields.epsilon(epsilon, default: family.isBERT ? 1e-12 : 1e-5)
        block.norm = .layer
        block.activation = try fields.activation([key], default: activation)
        block.isGated = false
        block.hasFeedForwardBias = true
        hasAttentionBias = true
        hasOutputBias = true
    }
}
