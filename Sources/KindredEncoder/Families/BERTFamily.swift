import KindredSystem

/// BERT (Devlin et al. 2019; transformers, modeling_bert.py), RoBERTa, XLM-R and DistilBERT: encoders, with norms after each
/// part, learned positions, and attention both ways.
extension DecoderConfiguration {
    mutating func readBERT(_ fields: ConfigurationFields) throws {
        let isDistilled = family == .distilBERT
        try readPlainBlock(
            fields, epsilon: "layer_norm_eps", activation: isDistilled ? "activation" : "hidden_act", .gelu)
        block.placement = .after
        isEncoder = true
        isBidirectional = true
        normalizesEmbeddings = true
        hasFinalNorm = false
        hasSegments = !isDistilled
        let kind = fields.json["position_embedding_type"] as? String ?? "absolute"
        guard kind == "absolute" else {
            throw fields.invalid("\"position_embedding_type\": \"\(kind.prefix(40))\" is not supported")
        }
        try fields.refuse(["is_decoder", "sinusoidal_pos_embds", "add_cross_attention"])
        // RoBERTa's places begin after the number of its padding token.
        let isRoberta = family == .roberta || family == .xlmRoberta
        let offset = isRoberta ? try fields.number("pad_token_id", 0...65_535, default: 1) + 1 : 0
        guard offset < maximumPositions else {
            throw fields.invalid("\"max_position_embeddings\" leaves no place")
        }
        maximumPositions -= offset
        positions = .learned(offset: offset)
    }
}

extension DecoderConfiguration.Family {
    package var isBERT: Bool {
        switch self {
        case .bert, .roberta, .xlmRoberta, .distilBERT: true
        default: false
        }
    }
}
