import KindredSystem

/// Phi-3 and 4 (transformers, modeling_phi3.py): Llama with fused projections, "longrope" for long contexts, and sometimes
/// a part of each head left as it is.
extension DecoderConfiguration {
    mutating func readPhi(_ fields: ConfigurationFields) throws {
        normEpsilon = try fields.epsilon("rms_norm_eps", default: 1e-5)
        block.activation = try fields.activation(["hidden_act"], default: .silu)
        try fields.refuse(["attention_bias"])
        try readRotary(fields)
        if case .divided = rotaryScaling {
            // The divisors for texts beyond the original context are others; texts are cut there.
            maximumPositions = try fields.number(
                "original_max_position_embeddings", 1...16_777_216, default: maximumPositions)
        }
        try readWindow(fields) { _ in true }
    }
}
