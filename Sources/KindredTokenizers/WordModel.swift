/// Words → token ids, where words are UTF-8 rather than bytes of `ByteLevel`.
enum WordModel: Sendable {
    case bytePair(CharacterPairs)
    case unigram(Unigram)
    case wordPiece(WordPiece)
    case wordLevel(WordLevel)

    func append(_ word: ArraySlice<UInt8>, to ids: inout [Int32]) {
        switch self {
        case .bytePair(let model): model.append(word, to: &ids)
        case .unigram(let model): model.append(word, to: &ids)
        case .wordPiece(let model): model.append(word, to: &ids)
        case .wordLevel(let model): model.append(word, to: &ids)
        }
    }
}

/// The tokens "<0x00>" to "<0xFF>", for text that no other token spells.
struct ByteFallback: Sendable {
    /// By byte; -1 where there is none.
    private let ids: [Int32]

    /// nil for a vocabulary without such tokens.
    init?(_ vocabulary: [[UInt8]: Int32]) {
        let digits = Array("0123456789ABCDEF".utf8)
        ids = (0..<256).map { byte in
            vocabulary[Array("<0x".utf8) + [digits[byte >> 4], digits[byte & 15], UInt8(ascii: ">")]] ?? -1
        }
        guard ids.contains(where: { $0 >= 0 }) else { return nil }
    }

    /// Appends a token for each byte; false where one is missing, and nothing is appended.
    func append(_ text: ArraySlice<UInt8>, to result: inout [Int32]) -> Bool {
        guard text.allSatisfy({ ids[Int($0)] >= 0 }) else { return false }
        for byte in text { result.append(ids[Int(byte)]) }
        return true
    }
}

/// Byte-pair encoding that begins with characters (tokenizers, models/bpe/model.rs, `merge_word`).
struct CharacterPairs: Sendable {
    let vocabulary: [[UInt8]: Int32]
    let merges: BytePairMerges
    let unknown: Int32?
    let fusesUnknown: Bool
    let fallback: ByteFallback?
    /// Before every character but a word's first, and after its last.
    let prefix: [UInt8]
    let suffix: [UInt8]
    /// Whether a word that is a token is not cut.
    let ignoresMerges: Bool

    func append(_ word: ArraySlice<UInt8>, to ids: inout [Int32]) {
        if ignoresMerges, let whole = vocabulary[Array(word)] {
            ids.append(whole)
            return
        }
        var symbols: [Int32] = []
        symbols.reserveCapacity(word.count)
        var followsUnknown = false
        var start = word.startIndex
        while start < word.endIndex {
            let end = word.endOfScalar(at: start)
            var character = Array(word[start..<end])
            if start > word.startIndex { character = prefix + character }
            if end == word.endIndex { character += suffix }
            let isKnown: Bool
            if let id = vocabulary[character] {
                symbols.append(id)
                isKnown = true
            } else if let fallback, fallback.append(word[start..<end], to: &symbols) {
                isKnown = true
            } else {
                if let unknown, !(fusesUnknown && followsUnknown) { symbols.append(unknown) }
                isKnown = false
            }
            followsUnknown = !isKnown && unknown != nil
            start = end
        }
        merges.apply(to: &symbols)
        ids += symbols
    }
}

/// The longest token that a word begins with, then the longest that the rest begins with, and so on (Devlin et al. 2019;
/// tokenizers, models/wordpiece/mod.rs).
struct WordPiece: Sendable {
    let vocabulary: [[UInt8]: Int32]
    let unknown: Int32
    /// Before every piece but a word's first.
    let prefix: [UInt8]
    /// A longer word is unknown.
    let maximumCharacters: Int
    /// Bytes of the longest token.
    let longest: Int

    func append(_ word: ArraySlice<UInt8>, to ids: inout [Int32]) {
        guard word.lazy.filter({ $0 & 0xC0 != 0x80 }).count <= maximumCharacters else {
            ids.append(unknown)
            return
        }
        let before = ids.count
        var start = word.startIndex
        while start < word.endIndex {
            let lead = start > word.startIndex ? prefix : []
            var end = min(word.endIndex, start + longest)
            while end > start, end < word.endIndex, word[end] & 0xC0 == 0x80 { end -= 1 }
            var found: Int32?
            while end > start {
                if let id = vocabulary[lead + word[start..<end]] {
                    found = id
                    break
                }
                end -= 1
                while end > start, word[end] & 0xC0 == 0x80 { end -= 1 }
            }
            guard let found else {
                ids.removeSubrange(before...)
                ids.append(unknown)
                return
            }
            ids.append(found)
            start = end
        }
    }
}

/// Each word is a token or unknown.
struct WordLevel: Sendable {
    let vocabulary: [[UInt8]: Int32]
    let unknown: Int32?

    func append(_ word: ArraySlice<UInt8>, to ids: inout [Int32]) {
        if let id = vocabulary[Array(word)] ?? unknown { ids.append(id) }
    }
}

extension ArraySlice<UInt8> {
    /// The index after the UTF-8 scalar that begins at `start`.
    func endOfScalar(at start: Int) -> Int {
        let byte = self[start]
        let length = byte < 0x80 ? 1 : byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1
        return Swift.min(start + length, endIndex)
    }
}
