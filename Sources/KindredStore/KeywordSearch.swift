import Foundation
import GRDB
import KindredSystem

extension Catalog {
    /// Passages by BM25 whose words' proximity is scored, at least.
    private static let candidates = 200
    /// What a pair of near words counts, as a share of a word that is as rare.
    private static let pairWeight = 0.2
    /// Words between the two of a pair, at most.
    private static let pairDistance = 6

    /// The passages that hold words of `query`, best first, by BM25 (SQLite's fts5.html §5.1.1, k1 = 1.2, b = 0.75) and by
    /// how many words that follow each other in the query stand near each other in the passage.
    ///
    /// The words are joined by OR, so that a question in a person's own words finds passages that hold only some
    /// of them. Each is quoted: nothing in the query is FTS5 syntax. A word of the title or a heading counts more
    /// than one of the body. Two words of the query at most six words apart, in either order, count as a rare word does,
    /// with a fifth of its weight (after Metzler and Croft 2005, §3: unordered windows beside single words).
    /// - Parameter allowed: the passages that may be found; nil for all.
    /// - Returns: best first; empty where the query has no word.
    package func keywordSearch(
        _ query: String, limit: Int, among allowed: IDSet? = nil
    ) throws -> [ScoredPassage] {
        let words = KeywordQuery.terms(query)
        return try read { try Self.search(words, limit: limit, among: allowed, $0) }
    }

    private static func search(
        _ words: [(word: String, isPrefix: Bool)], limit: Int, among allowed: IDSet?, _ database: Database
    ) throws -> [ScoredPassage] {
        guard !words.isEmpty else { return [] }
        let match = words.map { "\"\($0.word)\"" + ($0.isPrefix ? "*" : "") }.joined(separator: " OR ")
        // A limit lets SQLite keep the best only, but those may not be allowed.
        let wanted = max(limit, candidates)
        let rows = try Row.fetchCursor(
            database,
            sql: """
                SELECT rowid, -bm25(passage_text, 2.0, 1.5, 1.0) AS score
                FROM passage_text WHERE passage_text MATCH ? ORDER BY score DESC, rowid LIMIT ?
                """,
            arguments: [match, allowed == nil ? wanted : -1])
        var found: [ScoredPassage] = []
        while found.count < wanted, let row = try rows.next() {
            let passage = ScoredPassage(id: try row.value(0), score: try row.value(1))
            if allowed?.contains(passage.id) ?? true { found.append(passage) }
        }
        let bonuses = try proximity(of: KeywordQuery.pairs(words.map(\.word)), database)
        for index in found.indices { found[index].score += bonuses[found[index].id] ?? 0 }
        return Array(found.ranked().prefix(limit))
    }

    /// For every passage that holds pairs of words near each other, what they are worth.
    private static func proximity(
        of pairs: [(String, String)], _ database: Database
    ) throws -> [Int64: Double] {
        guard !pairs.isEmpty else { return [:] }
        // The highest id is about the number of passages, which would have to be counted.
        let count = Double(try Int64.fetchOne(database, sql: "SELECT max(id) FROM passage") ?? 0)
        var bonuses: [Int64: Double] = [:]
        for (first, second) in pairs {
            let passages = try Int64.fetchAll(
                database, sql: "SELECT rowid FROM passage_text WHERE passage_text MATCH ?",
                arguments: ["NEAR(\"\(first)\" \"\(second)\", \(pairDistance))"])
            let holding = Double(passages.count)
            // As BM25 weights a word, by how rare it is (fts5.html §5.1.1).
            let weight = pairWeight * log(max((count - holding + 0.5) / (holding + 0.5), 1))
            guard weight > 0 else { continue }
            for passage in passages { bonuses[passage, default: 0] += weight }
        }
        return bonuses
    }
}

/// A question as a list of words.
package enum KeywordQuery {
    /// More words than any question has; a pasted page is cut here so that its search stays quick.
    static let maximumWords = 256

    /// More pairs than any question has; each is a search of its own.
    private static let maximumPairs = 32

    /// Words that follow each other in a question.
    static func pairs(_ words: [String]) -> [(String, String)] {
        Array(zip(words, words.dropFirst()).prefix(maximumPairs))
    }

    /// The distinct words of `query` in order, lower-cased, without English function words (unless it has no others), as
    /// a text has them.
    package static func words(_ query: String) -> [String] {
        distinct(query.lowercased().split { !$0.isLetter && !$0.isNumber }.map { (String($0), false) }).map(
            \.word)
    }

    /// The same as the full-text index has them; whether a word is only the start of one.
    static func terms(_ query: String) -> [(word: String, isPrefix: Bool)] {
        distinct(KeywordText.words(query))
    }

    private static func distinct(_ all: [(word: String, isPrefix: Bool)]) -> [(word: String, isPrefix: Bool)]
    {
        var seen: Set<String> = []
        var words: [(word: String, isPrefix: Bool)] = []
        for word in all where words.count < maximumWords && seen.insert(word.word).inserted {
            words.append(word)
        }
        let content = words.filter { !functionWords.contains($0.word) }
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
