import KindredTokenizers

/// A text as a decoder sees it: its tokens, and which of them are pooled.
package struct EncoderInput: Sendable {
    package let tokens: [Int32]
    /// The text's own tokens: without those that the tokenizer's template adds and without the instruction's.
    package let ownTokens: Range<Int>

    /// Whether the text had more tokens than there is room for.
    package let isCut: Bool

    package init(tokens: [Int32], ownTokens: Range<Int>, isCut: Bool = false) {
        self.tokens = tokens
        self.ownTokens = ownTokens
        self.isCut = isCut
    }

    package init(
        _ text: String, instruction: String, tokenizer: Tokenizer, usage: EncoderConfiguration,
        shape: DecoderConfiguration, maximumTokens: Int
    ) {
        let body = tokenizer.encode(instruction + text, addSpecialTokens: false)
        let own =
            instruction.isEmpty
            ? body.count : min(tokenizer.encode(text, addSpecialTokens: false).count, body.count)
        let (prefix, suffix) = tokenizer.template
        // Like the reference, the token to be pooled is put at the end, and the text is cut to leave room for it.
        let end = usage.pooling == .endOfSequence ? shape.endToken : nil
        let room = max(1, maximumTokens - (end == nil ? 0 : 1))
        var tokens = Array((prefix + body + suffix).prefix(room))
        if let end, tokens.last != end { tokens.append(end) }
        // A template without special tokens and an empty text leave nothing; a defined vector is better than none.
        if tokens.isEmpty { tokens = [0] }
        let stop = min(prefix.count + body.count, tokens.count)
        let start = min(prefix.count + body.count - own, stop)
        self.tokens = tokens
        isCut = prefix.count + body.count + suffix.count > room
        ownTokens = start < stop ? start..<stop : 0..<tokens.count
    }

    /// Which positions are pooled, and the weight of each (McGill-NLP/llm2vec, `get_pooling`). The weights add up to 1
    /// for means.
    package func pooling(_ mode: EncoderConfiguration.Pooling) -> (positions: Range<Int>, weights: [Float]) {
        let count = ownTokens.count
        switch mode {
        case .mean: return (ownTokens, Array(repeating: 1 / Float(count), count: count))
        case .weightedMean:
            let sum = Float(count * (count + 1) / 2)
            return (ownTokens, (1...count).map { Float($0) / sum })
        case .endOfSequence, .last: return (tokens.count - 1..<tokens.count, [1])
        case .beginOfSequence: return (0..<1, [1])
        }
    }
}
