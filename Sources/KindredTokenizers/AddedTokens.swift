/// A token that is found in the text as it stands, before anything is cut.
struct AddedToken: Sendable {
    let id: Int32
    private(set) var content: [UInt8]
    let isSpecial: Bool
    /// Looked for in the normalised text rather than in the text as given.
    let isNormalized: Bool
    let stripsLeft: Bool
    let stripsRight: Bool
    let isSingleWord: Bool

    func with(content: [UInt8]) -> AddedToken {
        var token = self
        token.content = content
        return token
    }
}

/// Finds added tokens: the leftmost, and of those the longest (tokenizers, added_vocabulary.rs).
struct AddedTokens: Sendable {
    enum Piece {
        case token(Int32)
        case text(ArraySlice<UInt8>)
    }

    private let special: [Int32: Bool]
    /// By first byte, longest first.
    private let byFirstByte: [[AddedToken]]
    let hasNormalized: Bool

    init(_ tokens: [AddedToken]) {
        special = Dictionary(tokens.map { ($0.id, $0.isSpecial) }, uniquingKeysWith: { $1 })
        var byFirstByte: [[AddedToken]] = Array(repeating: [], count: 256)
        for token in tokens.sorted(by: { $0.content.count > $1.content.count }) {
            if let first = token.content.first { byFirstByte[Int(first)].append(token) }
        }
        self.byFirstByte = byFirstByte
        hasNormalized = tokens.contains { $0.isNormalized && !$0.content.isEmpty }
    }

    /// Whether an added token is special; nil for an id that is no added token's.
    func isSpecial(_ id: Int32) -> Bool? { special[id] }

    func split(_ text: [UInt8], normalized: Bool) -> [Piece] {
        var pieces: [Piece] = []
        var start = 0
        var position = 0
        while position < text.count {
            guard
                let token = byFirstByte[Int(text[position])].first(where: {
                    $0.isNormalized == normalized && text[position...].starts(with: $0.content)
                }),
                !token.isSingleWord || Self.standsAlone(position..<position + token.content.count, in: text)
            else {
                position += 1
                continue
            }
            var lower = position
            var upper = position + token.content.count
            if token.stripsLeft { while lower > start, Self.isSpace(text[lower - 1]) { lower -= 1 } }
            if token.stripsRight { while upper < text.count, Self.isSpace(text[upper]) { upper += 1 } }
            if lower > start { pieces.append(.text(text[start..<lower])) }
            pieces.append(.token(token.id))
            start = upper
            position = upper
        }
        if start < text.count { pieces.append(.text(text[start...])) }
        return pieces
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }

    private static func standsAlone(_ range: Range<Int>, in text: [UInt8]) -> Bool {
        func isWord(_ byte: UInt8) -> Bool {
            byte >= 0x80 || byte == UInt8(ascii: "_") || (0x30...0x39).contains(byte)
                || (0x41...0x5A).contains(byte)
                || (0x61...0x7A).contains(byte)
        }
        let before = range.lowerBound > 0 && isWord(text[range.lowerBound - 1])
        let after = range.upperBound < text.count && isWord(text[range.upperBound])
        return !before && !after
    }
}
