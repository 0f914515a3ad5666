/// Cuts text into the words that merges stay within: steps one after the other, each on the pieces of the one before it,
/// and at the end `ByteLevel` (tokenizers, pre_tokenizers/digits.rs, split.rs, byte_level.rs).
struct PreTokenizer: Sendable {
    enum Cut: Sendable {
        /// Numbers (categories Nd, Nl, No) apart from the rest: each of them, or each run of them.
        case digits(individual: Bool)
        case words(WordPattern)
    }

    /// Before `ByteLevel`.
    let cuts: [Cut]
    /// `ByteLevel` puts a space before each piece that does not begin with one.
    let addsPrefixSpace: Bool
    /// `ByteLevel`'s own pattern; nil where it is told not to cut.
    let lastCut: Cut?

    /// Calls `body` with each word of `text`, in order.
    func forEachWord(in text: ArraySlice<UInt8>, _ body: (ArraySlice<UInt8>) -> Void) {
        cut(text, from: 0, body)
    }

    private func cut(_ piece: ArraySlice<UInt8>, from step: Int, _ body: (ArraySlice<UInt8>) -> Void) {
        guard let first = piece.first else { return }
        if step < cuts.count {
            cuts[step].forEachPiece(of: piece) { cut(piece[$0], from: step + 1, body) }
            return
        }
        let text = addsPrefixSpace && first != 0x20 ? [0x20] + piece : piece
        guard let lastCut else { return body(text) }
        lastCut.forEachPiece(of: text) { body(text[$0]) }
    }
}

extension PreTokenizer.Cut {
    /// Calls `body` with the UTF-8 range of each piece, in order; together they are the whole text.
    fileprivate func forEachPiece(of text: ArraySlice<UInt8>, _ body: (Range<Int>) -> Void) {
        switch self {
        case .digits(let individual): WordPattern.forEachNumber(in: text, individual: individual, body)
        case .words(let pattern): pattern.forEachWord(in: text, body)
        }
    }
}
