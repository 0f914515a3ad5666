import Foundation
import KindredSystem

/// A query as a person types it.
///
/// ```
/// query     = { phrase | exclusion | text }
/// phrase    = opening mark, characters, closing mark
/// exclusion = "-", ( phrase | word )
/// ```
///
/// The marks of a phrase are `"…"`, `“…”`, `„…“`, `«…»`, `»…«`, `「…」` and `『…』`. An opening mark stands at the start, behind
/// white space, a bracket or the minus of an exclusion; behind the closing one no letter follows. A phrase's words stand
/// in a passage in this order, side by side. A passage with an excluded word or phrase is no answer.
///
/// A minus excludes at the start or behind white space, before a letter or a phrase; the word goes to the next white space
/// and its parts (`-well-known`) are excluded as a phrase. Everything else is text: marks without their other half, a
/// lone minus, `-40 degrees`, hyphens within words, apostrophes. Nothing is FTS5's syntax.
package struct KeywordQuery: Sendable {
    /// Text of the query that an answer should hold.
    package struct Part: Hashable, Sendable {
        package let text: String
        package let isPhrase: Bool
    }

    /// Phrases and exclusions, at most; each is a search of its own.
    private static let maximumConditions = 64

    /// The query without its exclusions, in order.
    package private(set) var parts: [Part] = []
    /// What no answer may hold: words and phrases.
    package private(set) var exclusions: [String] = []

    /// - Throws: `invalidRequest` for a query of exclusions only, and for too many phrases and exclusions.
    package init(_ query: String) throws {
        var rest = query[...]
        var marks = PhraseMarks(query)
        var text = ""
        func endText(_ parts: inout [Part]) {
            if Self.hasWord(text) { parts.append(Part(text: text, isPhrase: false)) }
            text = ""
        }
        while let character = rest.first {
            let isStart = text.last?.isWhitespace ?? true
            if isStart, character == "-", let (excluded, after) = Self.excluded(rest.dropFirst(), &marks) {
                endText(&parts)
                exclusions.append(excluded)
                rest = after
            } else if isStart || text.last.map(Self.isBracket) == true,
                let (phrase, after) = marks.phrase(rest)
            {
                endText(&parts)
                parts.append(Part(text: phrase, isPhrase: true))
                rest = after
            } else {
                text.append(character)
                rest.removeFirst()
            }
        }
        endText(&parts)
        guard exclusions.isEmpty || !parts.isEmpty else {
            throw KindredError(
                .invalidRequest, "the query only excludes words; write also what you want to find")
        }
        let count = exclusions.count + parts.count { $0.isPhrase }
        guard count <= Self.maximumConditions else {
            throw KindredError(
                .invalidRequest,
                "the query has \(count) phrases and exclusions and may have \(Self.maximumConditions); ask with fewer"
            )
        }
    }

    /// A question in which nothing has a meaning of its own: of a data set, or of a program.
    package init(plain text: String) { parts = [Part(text: text, isPhrase: false)] }

    /// What passages should be about: the query without exclusions and the marks of phrases.
    package var text: String {
        parts.map { $0.text.trimmingCharacters(in: .whitespacesAndNewlines) }.joined(separator: " ")
    }

    /// What passages must hold.
    package var phrases: [String] { parts.filter(\.isPhrase).map(\.text) }

    private static func hasWord(_ text: some StringProtocol) -> Bool {
        text.contains { $0.isLetter || $0.isNumber || $0.isSymbol }
    }

    private static func isBracket(_ character: Character) -> Bool { "([{（［".contains(character) }

    /// What a minus before `text` excludes.
    private static func excluded(
        _ text: Substring, _ marks: inout PhraseMarks
    ) -> (excluded: String, rest: Substring)? {
        if let (phrase, rest) = marks.phrase(text) { return (phrase, rest) }
        guard let first = text.first, first.isLetter else { return nil }
        let end = text.firstIndex(where: \.isWhitespace) ?? text.endIndex
        return (String(text[..<end]), text[end...])
    }
}

/// The marks of phrases in a query, asked in order. Each closing mark and each letter is looked for once, so that a query
/// of nothing but opening marks takes linear time.
private struct PhraseMarks {
    private let query: String
    /// For each opening mark, where the next closing one stands; the end where there is none.
    private var closings: [Character: String.Index] = [:]
    /// Where the next letter or digit stands; nil before one was looked for.
    private var letter: String.Index?

    init(_ query: String) { self.query = query }

    /// The phrase that begins with `text`, an end of the query.
    mutating func phrase(_ text: Substring) -> (phrase: String, rest: Substring)? {
        guard let opening = text.first else { return nil }
        let marks = Self.closingMarks(of: opening)
        guard !marks.isEmpty else { return nil }
        let start = text.index(after: text.startIndex)
        let closing = closing(of: opening, marks, from: start)
        // A phrase that no passage could hold is text.
        guard closing < query.endIndex, nextLetter(from: start) < closing else { return nil }
        return (String(query[start..<closing]), query[query.index(after: closing)...])
    }

    private mutating func closing(
        of opening: Character, _ marks: Set<Character>, from start: String.Index
    ) -> String.Index {
        if let known = closings[opening], known >= start { return known }
        var index = start
        while index < query.endIndex {
            let mark = query[index]
            if marks.contains(mark), Self.isEnd(query[query.index(after: index)...], closing: mark) { break }
            index = query.index(after: index)
        }
        closings[opening] = index
        return index
    }

    private mutating func nextLetter(from start: String.Index) -> String.Index {
        if let letter, letter >= start { return letter }
        let next = query[start...].firstIndex { $0.isLetter || $0.isNumber } ?? query.endIndex
        letter = next
        return next
    }

    private static func closingMarks(of opening: Character) -> Set<Character> {
        switch opening {
        case "\"": ["\""]
        case "“": ["”"]
        case "”": ["”"]
        case "„": ["“", "”"]
        case "«": ["»"]
        case "»": ["«"]
        case "「": ["」"]
        case "『": ["』"]
        default: []
        }
    }

    /// Whether a closing mark is one: a straight one within a word is an abbreviation's in Hebrew.
    private static func isEnd(_ rest: Substring, closing: Character) -> Bool {
        guard closing == "\"" || closing == "”", let next = rest.first else { return true }
        return !next.isLetter && !next.isNumber
    }
}

/// A word of a query with the terms under which the index may have it.
struct QueryWord {
    /// As it is typed, in its normal form.
    var surface: String
    /// The terms in each language of the index, its own first; a word with an apostrophe has several, and one with other
    /// spellings.
    var terms: [[String]]
    /// The word as texts may have it, where that differs from its terms.
    var exactForms: [String] = []
    /// Whether the terms are only the start of one: a single character of a script without spaces.
    var isPrefix = false
    /// Whether another word may be meant.
    var mayBeCorrected = false
}

/// Reads the words of a query in the languages of an index.
struct QueryReader {
    /// More words than any question has; a pasted page is cut here so that its search stays quick.
    private static let maximumWords = 256
    /// The shortest word that is corrected, in letters, and the longest.
    private static let correctable = 5...40

    let stems: [KeywordStems]

    init(_ languages: [KeywordLanguage]) { stems = languages.map(KeywordStems.init) }

    /// The distinct words of a query in order, without English function words unless it has no others.
    func words(_ query: KeywordQuery) -> [QueryWord] {
        var seen: Set<String> = []
        var words: [QueryWord] = []
        var content: [QueryWord] = []
        for part in query.parts {
            for piece in KeywordText.pieces(part.text) {
                for word in self.words(piece, isQuoted: part.isPhrase) {
                    guard words.count < Self.maximumWords else { break }
                    guard seen.insert(word.surface.lowercased()).inserted else { continue }
                    words.append(word)
                    if !Self.isFunctionWord(piece) { content.append(word) }
                }
            }
        }
        return content.isEmpty ? words : content
    }

    private func words(_ piece: KeywordText.Piece, isQuoted: Bool) -> [QueryWord] {
        switch piece {
        case .word(let parts):
            let surface = parts.joined(separator: "'")
            return [
                QueryWord(
                    surface: surface, terms: stems.map { terms(parts, $0) }, exactForms: exactForms(parts),
                    mayBeCorrected: !isQuoted && parts.count == 1
                        && Self.correctable.contains(surface.count)
                        && surface.allSatisfy(\.isLetter))
            ]
        case .run(let characters):
            let terms = characters.count == 1 ? characters : KeywordText.grams(characters)
            return terms.map { term in
                QueryWord(
                    surface: term, terms: stems.map { _ in [term] }, isPrefix: characters.count == 1)
            }
        }
    }

    /// Of a word with apostrophes, single letters say nothing.
    private func terms(_ parts: [String], _ stems: KeywordStems) -> [String] {
        let all = KeywordText.terms(of: .word(parts), stems)
        guard all.count > 1 else { return stems.queried(stems.withoutPossessive(parts)[0]) }
        let telling = zip(stems.withoutPossessive(parts), all).filter { $0.0.count > 1 }.map(\.1)
        return telling + all.suffix(1)
    }

    private func exactForms(_ parts: [String]) -> [String] {
        stems.flatMap { stems in
            stems.withoutPossessive(parts).filter { $0.count > 1 }.compactMap {
                KeywordText.exactForm($0, stems)
            }
        }
    }

    /// The same word in another spelling.
    func word(_ surface: String) -> QueryWord {
        QueryWord(
            surface: surface, terms: stems.map { $0.queried(surface) }, exactForms: exactForms([surface]))
    }

    /// An FTS5 expression for passages that hold a phrase; nil where it has no word.
    ///
    /// A phrase with an apostrophe stands in texts also without it, as one word or as two.
    func expression(phrase: String) -> String? {
        let pieces = KeywordText.pieces(phrase)
        var forms: [String] = []
        for stems in stems {
            for spelling in Spelling.allCases {
                var terms: [String] = []
                var isPrefix = false
                for (index, piece) in pieces.enumerated() {
                    let isLast = index == pieces.count - 1
                    switch piece {
                    case .word(let parts): terms += spelling.terms(parts, stems)
                    case .run(let characters):
                        // In a text the run may go on where the phrase ends.
                        let isWhole = !isLast || characters.count == 1
                        terms += KeywordText.grams(characters) + (isWhole ? characters.suffix(1) : [])
                        isPrefix = isLast && characters.count == 1
                    }
                }
                guard !terms.isEmpty else { continue }
                let form = Self.quoted(terms.joined(separator: " ")) + (isPrefix ? " *" : "")
                if !forms.contains(form) { forms.append(form) }
            }
        }
        return forms.isEmpty ? nil : "(" + forms.joined(separator: " OR ") + ")"
    }

    /// How a word with apostrophes may stand in a text.
    private enum Spelling: CaseIterable {
        case withApostrophes, asOneWord, asWords

        func terms(_ parts: [String], _ stems: KeywordStems) -> [String] {
            let all = KeywordText.terms(of: .word(parts), stems)
            guard all.count > 1 else { return all }
            return switch self {
            case .withApostrophes: all
            case .asOneWord: Array(all.suffix(1))
            case .asWords: Array(all.dropLast())
            }
        }
    }

    /// A string of FTS5 (fts5.html §3.1). Terms are letters, digits and marks.
    static func quoted(_ terms: String) -> String { "\"\(terms)\"" }

    private static func isFunctionWord(_ piece: KeywordText.Piece) -> Bool {
        guard case .word(let parts) = piece else { return false }
        return parts.allSatisfy { functionWords.contains($0.lowercased()) }
    }

    /// Words that carry no topic. BM25 gives them little weight, but each costs a walk over half the index.
    private static let functionWords: Set<String> = [
        "a", "an", "and", "are", "as", "at", "be", "been", "but", "by", "can", "could", "did", "do", "does",
        "for", "from", "had", "has", "have", "he", "her", "his", "how", "i", "if", "in", "into", "is", "it",
        "its", "me", "my", "of", "on", "or", "our", "s", "she", "should", "so", "some", "t", "than", "that",
        "the", "their", "them", "then", "there", "these", "they", "this", "those", "to", "was", "we", "were",
        "what", "when", "where", "which", "while", "who", "whom", "whose", "why", "will", "with", "would",
        "you", "your",
    ]
}
