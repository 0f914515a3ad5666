import Foundation
import KindredStore

/// The part of a passage that is shown in a list, with the words of the query marked.
public struct Snippet: Hashable, Sendable {
    /// Text in pieces; `isMatch` where a piece is a word of the query, in this or another form.
    public struct Piece: Hashable, Sendable {
        /// Text without line breaks.
        public let text: String
        /// Whether the piece is a word of the query, in this or another form.
        public let isMatch: Bool

        package init(text: String, isMatch: Bool) {
            self.text = text
            self.isMatch = isMatch
        }
    }

    /// The pieces in order.
    public let pieces: [Piece]
    /// Whether the passage has more text before the snippet.
    public let isCutBefore: Bool
    /// Whether the passage has more text after the snippet.
    public let isCutAfter: Bool

    /// The stretch of at most `length` characters that holds the most distinct words of the query, the earliest of
    /// those; cut at words.
    public init(of text: String, query: String, length: Int = 240) {
        let words = Self.words(text)
        let wanted = Set(KeywordQuery.words(query).map(Self.stem))
        let stems = words.map { Self.stem(String(text[$0]).lowercased()) }
        let window = Self.bestWindow(text, words: words, stems: stems, wanted: wanted, length: length)
        var pieces: [Piece] = []
        var plain = ""
        var position = window.lowerBound
        func append(_ piece: some StringProtocol) {
            plain += piece.split(whereSeparator: \.isNewline).joined(separator: " ")
        }
        for (range, stem) in zip(words, stems)
        where range.lowerBound >= window.lowerBound && range.upperBound <= window.upperBound
            && wanted.contains(stem)
        {
            append(text[position..<range.lowerBound])
            if !plain.isEmpty { pieces.append(Piece(text: plain, isMatch: false)) }
            plain = ""
            pieces.append(Piece(text: String(text[range]), isMatch: true))
            position = range.upperBound
        }
        append(text[position..<window.upperBound])
        if !plain.isEmpty { pieces.append(Piece(text: plain, isMatch: false)) }
        self.pieces = pieces
        isCutBefore = window.lowerBound > text.startIndex
        isCutAfter = window.upperBound < text.endIndex
    }

    private static func words(_ text: String) -> [Range<String.Index>] {
        var words: [Range<String.Index>] = []
        var start: String.Index?
        for index in text.indices {
            let inside = text[index].isLetter || text[index].isNumber
            if inside, start == nil { start = index }
            if !inside, let begun = start {
                words.append(begun..<index)
                start = nil
            }
        }
        if let start { words.append(start..<text.endIndex) }
        return words
    }

    private static func bestWindow(
        _ text: String, words: [Range<String.Index>], stems: [String], wanted: Set<String>, length: Int
    ) -> Range<String.Index> {
        let whole = text.startIndex..<text.endIndex
        guard text.count > length, !words.isEmpty else { return whole }
        var best = (score: -1, range: whole)
        // A window starts at the text's start or shortly before a match.
        let starts = [0] + words.indices.filter { wanted.contains(stems[$0]) }.map { max(0, $0 - 4) }
        for first in starts {
            let lower = first == 0 ? text.startIndex : words[first].lowerBound
            guard let limit = text.index(lower, offsetBy: length, limitedBy: text.endIndex) else {
                let tail = text.index(text.endIndex, offsetBy: -length)
                let from = words.first { $0.lowerBound >= tail }?.lowerBound ?? tail
                let score = distinct(words, stems, wanted, from..<text.endIndex)
                if score > best.score { best = (score, from..<text.endIndex) }
                continue
            }
            let upper = words.last { $0.upperBound <= limit && $0.lowerBound >= lower }?.upperBound ?? limit
            let score = distinct(words, stems, wanted, lower..<upper)
            if score > best.score { best = (score, lower..<upper) }
        }
        return best.range
    }

    private static func distinct(
        _ words: [Range<String.Index>], _ stems: [String], _ wanted: Set<String>,
        _ window: Range<String.Index>
    ) -> Int {
        var found: Set<String> = []
        for (range, stem) in zip(words, stems)
        where range.lowerBound >= window.lowerBound && range.upperBound <= window.upperBound
            && wanted.contains(stem)
        {
            found.insert(stem)
        }
        return found.count
    }

    /// A word without its inflection, roughly as the porter tokenizer of the full-text index has it.
    static func stem(_ word: String) -> String {
        var stem = word.folding(options: [.diacriticInsensitive, .caseInsensitive], locale: nil)
        for suffix in ["ings", "ing", "ies", "ed", "es", "s", "ly", "e", "y"] where stem.hasSuffix(suffix) {
            if stem.count - suffix.count >= 3 {
                stem.removeLast(suffix.count)
                break
            }
        }
        if stem.count > 3, let last = stem.last, stem.dropLast().last == last { stem.removeLast() }
        return stem
    }
}
