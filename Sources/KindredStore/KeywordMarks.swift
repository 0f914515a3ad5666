import Foundation

/// Finds the words of a query in a text, in any form, as the full-text index does.
package struct KeywordMarks {
    /// A word of a text, or a character of a script without spaces.
    package struct Word {
        package let range: Range<String.Index>
        /// The term of the query that it is; nil for any other word.
        package let term: String?
    }

    private let stems: KeywordStems
    private var terms: Set<String> = []
    private var characters: Set<String> = []

    /// - Parameters:
    ///   - corrections: words that were searched beside those of the query.
    ///   - language: of the texts.
    package init(_ query: String, corrections: [String], language: KeywordLanguage) {
        stems = KeywordStems(language)
        // What is no query marks nothing.
        guard let query = try? KeywordQuery(query) else { return }
        let reader = QueryReader([language])
        for word in reader.words(query) + corrections.map(reader.word) {
            if word.isPrefix { characters.formUnion(word.terms.joined()) }
            terms.formUnion(word.terms.joined())
        }
    }

    /// The words of a text, in order.
    package func words(in text: String) -> [Word] {
        var words: [Word] = []
        var start: String.Index?
        var last: Unicode.Scalar?
        func end(at end: String.Index) {
            if let begun = start { words.append(Word(range: begun..<end, term: term(of: text[begun..<end]))) }
            (start, last) = (nil, nil)
        }
        var index = text.startIndex
        while index < text.endIndex {
            let next = text.index(after: index)
            let scalar = text[index].unicodeScalars.first!
            if KeywordText.isPaired(scalar) {
                end(at: index)
                words.append(Word(range: index..<next, term: term(at: index, text)))
            } else if KeywordText.isWord(scalar) {
                start = start ?? index
                last = text[index].unicodeScalars.last
            } else if start == nil || !isInside(scalar, after: last, before: text[next...].first) {
                end(at: index)
            }
            index = next
        }
        end(at: text.endIndex)
        return words
    }

    /// Whether a character that is no letter is inside of a word.
    private func isInside(_ scalar: Unicode.Scalar, after last: Unicode.Scalar?, before next: Character?)
        -> Bool
    {
        guard let next = next?.unicodeScalars.first, KeywordText.isWord(next), !KeywordText.isPaired(next)
        else { return false }
        return KeywordText.isApostrophe(scalar, after: last) || KeywordText.isOptionalMark(scalar)
    }

    private func term(of word: Substring) -> String? {
        guard !terms.isEmpty else { return nil }
        for piece in KeywordText.pieces(String(word)) {
            if let term = KeywordText.terms(of: piece, stems).first(where: terms.contains) { return term }
        }
        return nil
    }

    /// The pair that begins or ends with a character, or the character itself.
    private func term(at index: String.Index, _ text: String) -> String? {
        guard !terms.isEmpty else { return nil }
        func normal(_ text: Substring) -> [String] {
            KeywordText.pieces(String(text)).flatMap { piece -> [String] in
                if case .run(let characters) = piece { characters } else { [] }
            }
        }
        let here = normal(text[index...index])
        if let character = here.first, characters.contains(character) { return character }
        let before = index > text.startIndex ? text.index(before: index) : index
        let pair = normal(text[before...index])
        if let gram = KeywordText.grams(pair).first(where: terms.contains) { return gram }
        let after = text.index(after: index)
        guard after < text.endIndex else { return nil }
        return KeywordText.grams(normal(text[index...after])).first(where: terms.contains)
    }
}
