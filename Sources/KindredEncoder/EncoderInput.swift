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
        if usage.mode == .echo {
            self = Self.echo(
                text, instruction: instruction, tokenizer: tokenizer, usage: usage, shape: shape,
                maximumTokens: maximumTokens)
            return
        }
        let text = usage.documentTokens.map { Self.words(of: text, within: $0, tokenizer, usage) } ?? text
        let wrapping = usage.wrapping ?? ChatWrapping()
        let (whole, pooled) = Self.wrapped(text, instruction, wrapping)
        let body = tokenizer.encode(whole, addSpecialTokens: false)
        // What stands before the text and belongs to it is not pooled.
        let hasLead = !instruction.isEmpty || !wrapping.before.isEmpty
        let own =
            !hasLead || usage.poolsInstruction
            ? body.count : min(tokenizer.encode(pooled, addSpecialTokens: false).count, body.count)
        let (prefix, suffix) = tokenizer.template
        // Like the reference, the token to be pooled is put at the end, and the text is cut to leave room for it and for
        // what the template adds (tokenizers, utils/truncation.rs).
        let end = usage.pooling == .endOfSequence && suffix.last != shape.endToken ? shape.endToken : nil
        let room = max(1, maximumTokens - (end == nil ? 0 : 1))
        let taken = min(body.count, max(0, room - prefix.count - suffix.count))
        var tokens = Array((prefix + body[..<taken] + suffix).prefix(room))
        if let end, tokens.last != end { tokens.append(end) }
        // A template without special tokens and an empty text leave nothing; a defined vector is better than none.
        if tokens.isEmpty { tokens = [0] }
        let stop = usage.poolsTemplate ? tokens.count : min(prefix.count + taken, tokens.count)
        let first =
            usage.poolsTemplate && (!hasLead || usage.poolsInstruction)
            ? 0 : prefix.count + body.count - own
        let start = min(first, stop)
        self.tokens = tokens
        isCut = taken < body.count
        ownTokens = start < stop ? start..<stop : 0..<tokens.count
    }

    /// What stands before the first and the second copy of a text (Springer et al. 2024, §3).
    private static let echoParts = ("Rewrite the sentence:", ", rewritten sentence:")

    /// A text twice, of which the second copy is pooled. An instruction stands before both.
    private static func echo(
        _ text: String, instruction: String, tokenizer: Tokenizer, usage: EncoderConfiguration,
        shape: DecoderConfiguration, maximumTokens: Int
    ) -> EncoderInput {
        func ids(_ text: String) -> [Int32] { tokenizer.encode(text, addSpecialTokens: false) }
        let (prefix, suffix) = tokenizer.template
        let end = usage.pooling == .endOfSequence && suffix.last != shape.endToken ? shape.endToken : nil
        let (first, second) = echoParts
        let (lead, middle, copy) = (ids(instruction + first), ids(second), ids(" " + text))
        let room =
            maximumTokens - prefix.count - suffix.count - lead.count - middle.count - (end == nil ? 0 : 1)
        let each = max(1, room / 2)
        let own = copy.prefix(each)
        let start = prefix + lead + own + middle
        var tokens = start + own + suffix
        if let end { tokens.append(end) }
        let isCut = own.count < copy.count || tokens.count > maximumTokens
        tokens = Array(tokens.prefix(maximumTokens))
        let stop = min(start.count + own.count, tokens.count)
        return EncoderInput(
            tokens: tokens, ownTokens: start.count < stop ? start.count..<stop : 0..<tokens.count,
            isCut: isCut)
    }

    /// A text with its instruction and what is put around them, and the end of that which is pooled. White space around the
    /// two is dropped where something is put there, as the reference does.
    private static func wrapped(
        _ text: String, _ instruction: String, _ wrapping: ChatWrapping
    ) -> (whole: String, pooled: String) {
        guard !wrapping.isEmpty else { return (instruction + text, text) }
        let end = text.lastIndex { !$0.isWhitespace }.map { text.index(after: $0) } ?? text.startIndex
        let pooled = text[..<end] + wrapping.after
        return (wrapping.before + instruction.drop { $0.isWhitespace } + pooled, String(pooled))
    }

    /// As many of a text's first words as have few enough tokens, joined by spaces; the text itself where all do
    /// (McGill-NLP/llm2vec, llm2vec.py, `_convert_to_str`).
    private static func words(
        of text: String, within limit: Int, _ tokenizer: Tokenizer, _ usage: EncoderConfiguration
    ) -> String {
        var text = text
        while true {
            let count = min(tokenizer.encode(text, addSpecialTokens: false).count, usage.maximumTokens)
            guard count > limit else { return text }
            let words = text.split(whereSeparator: \.isWhitespace)
            text = words.prefix(Int(Double(words.count) * Double(limit) / Double(count))).joined(
                separator: " ")
        }
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
