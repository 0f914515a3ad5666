/// A part of an article that is found and shown by itself.
package struct Passage: Hashable, Sendable {
    /// The headings above it, outermost first.
    package let sectionPath: [String]
    /// UTF-8 bytes of the article's text.
    package let range: Range<Int>

    /// What the encoder sees of a passage: title, headings and body, a line each.
    package static func encodedText(title: String, sectionPath: [String], body: String) -> String {
        let heading = sectionPath.isEmpty ? "" : sectionPath.joined(separator: " › ") + "\n"
        return title + "\n" + heading + body
    }
}

/// Cuts articles into passages that fit a budget of tokens: whole paragraphs where they fit, sentences where a
/// paragraph is too long, words where a sentence is, characters as a reader sees them (grapheme clusters, UAX #29)
/// where a word is. No passage crosses a section, and no word is lost.
package struct PassageCutter {
    private let budget: Int
    private let tokenCount: (String) -> Int

    /// - Parameters:
    ///   - budget: tokens of a passage as it is encoded, title and headings included, at most.
    ///   - tokenCount: of a text, without special tokens. Tokens of pieces are added up, which overstates little.
    package init(budget: Int = 160, tokenCount: @escaping (String) -> Int) {
        self.budget = budget
        self.tokenCount = tokenCount
    }

    /// Bytes of a token, at most, on the average of a passage.
    private static let longestToken = 64

    /// A stretch that is not cut further, and its tokens.
    private struct Piece {
        let range: Range<Int>
        let tokens: Int
        let startsParagraph: Bool
    }

    package func passages(of article: Article) -> [Passage] {
        passages(title: article.title, text: article.bytes, sections: article.sections)
    }

    /// - Parameters:
    ///   - text: in UTF-8.
    ///   - sections: ranges of it.
    package func passages(title: String, text: [UInt8], sections: [Article.Section]) -> [Passage] {
        sections.flatMap { section in
            let head = tokenCount(
                Passage.encodedText(title: title, sectionPath: section.path, body: ""))
            // A title longer than half a passage would leave no room for what it is about.
            let room = max(budget - head, budget / 2)
            let pieces = paragraphs(text, section.range).flatMap { self.pieces(text, $0, room: room) }
            return pack(pieces, room: room).filter { Self.says(text, $0) }.map {
                Passage(sectionPath: section.path, range: $0)
            }
        }
    }

    /// Whether there is a letter or a digit.
    private static func says(_ text: [UInt8], _ range: Range<Int>) -> Bool {
        range.contains { Bytes.isWord(text[$0]) }
    }

    /// Ranges between blank lines.
    private func paragraphs(_ text: [UInt8], _ range: Range<Int>) -> [Range<Int>] {
        var result: [Range<Int>] = []
        var start = range.lowerBound
        var position = range.lowerBound
        while position < range.upperBound {
            if text[position] == 0x0A, position + 1 < range.upperBound, text[position + 1] == 0x0A {
                if position > start { result.append(start..<position) }
                start = position + 2
                position += 1
            }
            position += 1
        }
        if start < range.upperBound { result.append(start..<range.upperBound) }
        return result
    }

    private func tokens(_ text: [UInt8], _ range: Range<Int>) -> Int {
        // Of marks alone, no passage is made; they have at most as many tokens as bytes.
        guard Self.says(text, range) else { return range.count }
        // The space before a piece is part of its first token.
        return tokenCount(" " + String(decoding: text[range], as: UTF8.self))
    }

    /// A paragraph as one piece where it fits, as sentences or smaller where it does not.
    private func pieces(_ text: [UInt8], _ paragraph: Range<Int>, room: Int) -> [Piece] {
        let sentences = SentenceCutter.sentences(text, paragraph)
        // What is longer than any tokens that would fit needs no count.
        let longest = room * Self.longestToken
        let counted = sentences.map {
            Piece(range: $0, tokens: $0.count > longest ? room + 1 : tokens(text, $0), startsParagraph: false)
        }
        let total = counted.reduce(0) { $0 + $1.tokens }
        if total <= room { return [Piece(range: paragraph, tokens: total, startsParagraph: true)] }
        let fitting = counted.flatMap { $0.tokens <= room ? [$0] : words(text, $0.range, room: room) }
        return fitting.enumerated().map {
            Piece(range: $1.range, tokens: $1.tokens, startsParagraph: $0 == 0)
        }
    }

    /// A too long sentence in stretches of words; a too long word in stretches of characters.
    private func words(_ text: [UInt8], _ sentence: Range<Int>, room: Int) -> [Piece] {
        var result: [Piece] = []
        var start = sentence.lowerBound
        var used = 0
        var position = sentence.lowerBound
        var boundaries = GraphemeBoundaries(text, sentence)
        while position < sentence.upperBound {
            var end = position
            // A word with the space before it, or so many bytes of one that they cannot have more tokens than fit.
            while end < sentence.upperBound, Bytes.isSpace(text[end]) { end += 1 }
            while end < sentence.upperBound, !Bytes.isSpace(text[end]), end - position < room { end += 1 }
            end = boundaries.next(from: end)
            let count = tokens(text, position..<end)
            if used + count > room, position > start {
                result.append(Piece(range: start..<position, tokens: used, startsParagraph: false))
                start = position
                used = 0
            }
            used += count
            position = end
        }
        result.append(Piece(range: start..<sentence.upperBound, tokens: used, startsParagraph: false))
        return result
    }

    /// Fills passages with pieces in order. A paragraph that would be cut begins a new passage where the current one is
    /// at least half full.
    private func pack(_ pieces: [Piece], room: Int) -> [Range<Int>] {
        var result: [Range<Int>] = []
        var current: Range<Int>?
        var used = 0
        var index = 0
        while index < pieces.count {
            let piece = pieces[index]
            let isCut =
                piece.startsParagraph && index + 1 < pieces.count && !pieces[index + 1].startsParagraph
            if let open = current, used + piece.tokens > room || (isCut && used * 2 >= room) {
                result.append(open)
                current = nil
                used = 0
            }
            current = (current?.lowerBound ?? piece.range.lowerBound)..<piece.range.upperBound
            used += piece.tokens
            index += 1
        }
        if let current { result.append(current) }
        return result
    }
}

/// Where the characters of a stretch of text begin, as a reader sees them; asked in order.
private struct GraphemeBoundaries {
    private var rest: Substring
    private var position: Int
    private let end: Int

    init(_ text: [UInt8], _ range: Range<Int>) {
        rest = String(decoding: text[range], as: UTF8.self)[...]
        position = range.lowerBound
        end = range.upperBound
    }

    /// The first boundary at or after `index`.
    mutating func next(from index: Int) -> Int {
        while position < index, let character = rest.popFirst() { position += character.utf8.count }
        return min(position, end)
    }
}
