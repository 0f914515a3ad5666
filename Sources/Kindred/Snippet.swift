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
    /// those; cut at words. The language, by whose stems words are compared, is guessed from the text.
    public init(of text: String, query: String, length: Int = 240) {
        self.init(
            of: text,
            marks: KeywordMarks(
                query, corrections: [], language: KeywordLanguage(site: "", text: Array(text.utf8))),
            length: length)
    }

    /// The stretch of a hit, as above, with corrected words marked too.
    public init(of hit: SearchHit, in results: SearchResults, length: Int = 240) {
        self.init(
            of: hit.text,
            marks: KeywordMarks(
                results.query, corrections: results.corrections.map(\.correction), language: hit.language),
            length: length)
    }

    /// Where the query's words stand in a hit's text; UTF-8 bytes.
    package static func marks(in hit: SearchHit, of results: SearchResults) -> [Range<Int>] {
        let marks = KeywordMarks(
            results.query, corrections: results.corrections.map(\.correction), language: hit.language)
        let utf8 = hit.text.utf8
        return matches(marks.words(in: hit.text)).map { range in
            let start = utf8.distance(from: utf8.startIndex, to: range.lowerBound)
            return start..<start + utf8.distance(from: range.lowerBound, to: range.upperBound)
        }
    }

    private init(of text: String, marks: KeywordMarks, length: Int) {
        let words = marks.words(in: text)
        let window = Self.bestWindow(text, words: words, length: length)
        var pieces: [Piece] = []
        var plain = ""
        var position = window.lowerBound
        func append(_ piece: some StringProtocol) {
            plain += piece.split(whereSeparator: \.isNewline).joined(separator: " ")
        }
        for range in Self.matches(words)
        where range.lowerBound >= window.lowerBound && range.upperBound <= window.upperBound {
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

    /// The words of the query in a text; characters of scripts without spaces that touch are one.
    private static func matches(_ words: [KeywordMarks.Word]) -> [Range<String.Index>] {
        var matches: [Range<String.Index>] = []
        for word in words where word.term != nil {
            if let last = matches.last, last.upperBound == word.range.lowerBound {
                matches[matches.count - 1] = last.lowerBound..<word.range.upperBound
            } else {
                matches.append(word.range)
            }
        }
        return matches
    }

    private static func bestWindow(
        _ text: String, words: [KeywordMarks.Word], length: Int
    ) -> Range<String.Index> {
        let whole = text.startIndex..<text.endIndex
        guard text.count > length, !words.isEmpty else { return whole }
        var best = (score: -1, range: whole)
        // A window starts at the text's start or shortly before a match.
        let starts = [0] + words.indices.filter { words[$0].term != nil }.map { max(0, $0 - 4) }
        for first in starts {
            let lower = first == 0 ? text.startIndex : words[first].range.lowerBound
            guard let limit = text.index(lower, offsetBy: length, limitedBy: text.endIndex) else {
                let tail = text.index(text.endIndex, offsetBy: -length)
                let from = words.first { $0.range.lowerBound >= tail }?.range.lowerBound ?? tail
                let score = distinct(words, from..<text.endIndex)
                if score > best.score { best = (score, from..<text.endIndex) }
                continue
            }
            let upper =
                words.last { $0.range.upperBound <= limit && $0.range.lowerBound >= lower }?.range.upperBound
                ?? limit
            let score = distinct(words, lower..<upper)
            if score > best.score { best = (score, lower..<upper) }
        }
        return best.range
    }

    private static func distinct(_ words: [KeywordMarks.Word], _ window: Range<String.Index>) -> Int {
        var found: Set<String> = []
        for word in words
        where word.range.lowerBound >= window.lowerBound && word.range.upperBound <= window.upperBound {
            if let term = word.term { found.insert(term) }
        }
        return found.count
    }
}
