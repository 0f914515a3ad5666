import GRDB

extension Catalog {
    /// The passages that hold words of `query`, best first, by BM25 (SQLite's fts5.html §5.1.1, k1 = 1.2, b = 0.75).
    ///
    /// The words are joined by OR, so that a question in a person's own words finds passages that hold only some
    /// of them. Each is quoted: nothing in the query is FTS5 syntax. A word of the title or a heading counts more
    /// than one of the body.
    /// - Returns: passage ids with scores, larger is better; empty where the query has no word.
    package func keywordSearch(_ query: String, limit: Int) throws -> [(id: Int64, score: Double)] {
        let words = KeywordQuery.words(query)
        guard !words.isEmpty else { return [] }
        let match = words.map { "\"\($0)\"" }.joined(separator: " OR ")
        return try read { database in
            try Row.fetchAll(
                database,
                sql: """
                    SELECT rowid, -bm25(passage_text, 2.0, 1.5, 1.0) AS score
                    FROM passage_text WHERE passage_text MATCH ? ORDER BY score DESC, rowid LIMIT ?
                    """,
                arguments: [match, limit]
            ).map { ($0[0], $0[1]) }
        }
    }
}

/// A question as a list of words.
package enum KeywordQuery {
    /// More words than any question has; a pasted page is cut here so that its search stays quick.
    static let maximumWords = 256

    /// The distinct words of `query` in order, lower-cased, without English function words (unless it has no others).
    package static func words(_ query: String) -> [String] {
        var seen: Set<String> = []
        var words: [String] = []
        for piece in query.lowercased().split(whereSeparator: { !$0.isLetter && !$0.isNumber }) {
            let word = String(piece)
            if words.count < maximumWords, seen.insert(word).inserted { words.append(word) }
        }
        let content = words.filter { !functionWords.contains($0) }
        return content.isEmpty ? words : content
    }

    /// Words that carry no topic. BM25 gives them little weight, but each costs a walk over half the index.
    private static let functionWords: Set<String> = [
        "a", "an", "and", "are", "as", "at", "be", "been", "but", "by", "can", "could", "did", "do", "does",
        "for",
        "from", "had", "has", "have", "he", "her", "his", "how", "i", "if", "in", "into", "is", "it", "its",
        "me",
        "my", "of", "on", "or", "our", "s", "she", "should", "so", "some", "t", "than", "that", "the",
        "their",
        "them", "then", "there", "these", "they", "this", "those", "to", "was", "we", "were", "what", "when",
        "where", "which", "while", "who", "whom", "whose", "why", "will", "with", "would", "you", "your",
    ]
}
