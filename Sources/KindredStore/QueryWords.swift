import Foundation
import GRDB
import KindredSystem

/// The content words of a query with their weights, to tell how much of the query a text holds.
package struct QueryWords: Sendable {
    struct Word: Sendable {
        /// Any of them in a text is the word.
        let terms: Set<String>
        let isPrefix: Bool
        /// Inverse document frequency.
        let weight: Double
    }

    let words: [Word]
    /// Of all words.
    private var weight: Double { words.reduce(0) { $0 + $1.weight } }

    /// The share of the words, weighted by how rare they are, that some texts hold together in any form.
    ///
    /// - Parameter language: by whose stems the texts are in the full-text index.
    /// - Returns: 0 to 1; 0 for a query without any word.
    package func share(heldBy texts: [String], language: KeywordLanguage) -> Double {
        let weight = weight
        guard weight > 0 else { return 0 }
        let stems = KeywordStems(language)
        var held: Set<String> = []
        for text in texts {
            for piece in KeywordText.pieces(text) { held.formUnion(KeywordText.terms(of: piece, stems)) }
        }
        let found = words.filter { word in
            !held.isDisjoint(with: word.terms)
                || word.isPrefix && held.contains { term in word.terms.contains { term.hasPrefix($0) } }
        }
        return found.reduce(0) { $0 + $1.weight } / weight
    }
}

extension Catalog {
    /// The content words of a query, those that the index does not have corrected.
    ///
    /// The weight of a word is log(1 + (N - n + 0.5) / (n + 0.5)) with n of N passages that hold it (Robertson and
    /// Spärck Jones 1976, with the 1 that Lucene adds so that no weight is negative). Of several terms for a word, in the
    /// languages of the index, the most frequent counts.
    ///
    /// - Parameter answer: of a search by keywords for the query, which has its words already; nil where there was none.
    package func words(of query: KeywordQuery, in answer: KeywordAnswer?) throws -> QueryWords {
        try inspect { database in
            let words = try (answer ?? analyzed(query, database)).words
            guard !words.isEmpty else { return QueryWords(words: []) }
            let counts = try KeywordVocabulary(database, path).passages(
                with: words.flatMap { $0.terms.joined() })
            // The highest id is about the number of passages, which would have to be counted.
            let highest = try database.cachedStatement(sql: "SELECT max(id) FROM passage")
            let all = Double(try Int64.fetchOne(highest) ?? 0)
            return QueryWords(
                words: words.map { word in
                    let terms = Set(word.terms.joined())
                    let holding = Double(terms.compactMap { counts[$0] }.max() ?? 0)
                    return QueryWords.Word(
                        terms: terms, isPrefix: word.isPrefix,
                        weight: log(1 + max(all - holding + 0.5, 0) / (holding + 0.5)))
                })
        }
    }
}
