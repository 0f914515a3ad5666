import Foundation
import GRDB
import KindredSystem

/// What a search by keywords found.
package struct KeywordAnswer: Sendable {
    /// Best first; empty where the query has no word.
    package var passages: [ScoredPassage] = []
    /// Words that the index does not have, with those that were searched instead.
    package var corrections: [KeywordCorrection] = []
    /// The words that were searched.
    var words: [QueryWord] = []
}

extension Catalog {
    /// Passages by BM25 whose words' proximity is scored, at least.
    private static let candidates = 200
    /// What a word counts in the very form of the query, beside its stem, in a query of at most `exactWords` words.
    private static let exactWeight = 0.1
    private static let exactWords = 3
    /// What a pair of near words counts, as a share of a word that is as rare.
    private static let pairWeight = 0.2
    /// Words between the two of a pair, at most.
    private static let pairDistance = 6
    /// More pairs than any question has; each is a search of its own.
    private static let maximumPairs = 32

    /// The passages that hold words of `query`, best first, by BM25 (SQLite's fts5.html §5.1.1, k1 = 1.2, b = 0.75) and by
    /// how many words that follow each other in the query stand near each other in the passage.
    ///
    /// The words are joined by OR, so that a question in a person's own words finds passages that hold only some
    /// of them. Each is quoted: nothing in the query is FTS5 syntax. A word of the title or a heading counts more
    /// than one of the body. Two words of the query at most six words apart, in either order, count as a rare word does,
    /// with a fifth of its weight (after Metzler and Croft 2005, §3: unordered windows beside single words). A word counts
    /// in the form that it has in each language of the index.
    /// - Parameter allowed: the passages that may be found, those of `passages(matching:)` where the query has conditions;
    ///   nil for all.
    package func keywordSearch(
        _ query: KeywordQuery, limit: Int, among allowed: IDSet? = nil
    ) throws -> KeywordAnswer {
        try inspect { database in
            var answer = try analyzed(query, database)
            guard !answer.words.isEmpty else { return answer }
            answer.passages = try Self.search(answer.words, limit: limit, among: allowed, database)
            return answer
        }
    }

    /// The words of a query, those that the index does not have corrected; without passages.
    func analyzed(_ query: KeywordQuery, _ database: Database) throws -> KeywordAnswer {
        let reader = QueryReader(try Self.languages(database))
        var answer = KeywordAnswer()
        answer.words = reader.words(query)
        if answer.words.contains(where: \.mayBeCorrected) {
            answer.corrections = try KeywordVocabulary(database, path).correct(&answer.words, reader)
        }
        return answer
    }

    /// The passages for a query with all its conditions, as `keywordSearch` ranks them.
    /// - Throws: `invalidRequest` for a query that is none.
    package func keywordSearch(_ query: String, limit: Int) throws -> [ScoredPassage] {
        let query = try KeywordQuery(query)
        return try keywordSearch(query, limit: limit, among: try passages(matching: query)).passages
    }

    /// The passages that hold every phrase of a query, and nothing that it excludes.
    ///
    /// - Returns: nil where the query has no such condition.
    package func passages(matching query: KeywordQuery) throws -> IDSet? {
        guard !query.phrases.isEmpty || !query.exclusions.isEmpty else { return nil }
        return try read { database in
            let reader = QueryReader(try Self.languages(database))
            let phrases = query.phrases.compactMap(reader.expression).joined(separator: " AND ")
            let exclusions = query.exclusions.compactMap(reader.expression).joined(separator: " OR ")
            let found = "SELECT rowid FROM passage_text WHERE passage_text MATCH ?"
            switch (phrases.isEmpty, exclusions.isEmpty) {
            case (true, true): return nil
            case (false, true): return IDSet(try Int64.fetchAll(database, sql: found, arguments: [phrases]))
            case (true, false):
                return IDSet(
                    try Int64.fetchAll(
                        database, sql: "SELECT id FROM passage WHERE id NOT IN (\(found))",
                        arguments: [exclusions]))
            case (false, false):
                return IDSet(
                    try Int64.fetchAll(
                        database, sql: found, arguments: ["(\(phrases)) NOT (\(exclusions))"]))
            }
        }
    }

    /// The languages of the index, the one of most passages first.
    private static func languages(_ database: Database) throws -> [KeywordLanguage] {
        let counts = try KeywordIndex.languages(database).sorted { ($1.value, $0.key) < ($0.value, $1.key) }
        return counts.isEmpty ? [.standard] : counts.map { KeywordLanguage($0.key) }
    }

    private static func search(
        _ words: [QueryWord], limit: Int, among allowed: IDSet?, _ database: Database
    ) throws -> [ScoredPassage] {
        var terms: [String] = []
        for word in words {
            for term in word.terms.joined() {
                let term = QueryReader.quoted(term) + (word.isPrefix ? "*" : "")
                if !terms.contains(term) { terms.append(term) }
            }
            // Of a few words the person means these; in a question the inflection follows from the grammar.
            guard words.count <= exactWords else { continue }
            for form in word.exactForms.map(QueryReader.quoted) where !terms.contains(form) {
                terms.append(form)
            }
        }
        // A limit lets SQLite keep the best only, but those may not be allowed.
        let wanted = max(limit, candidates)
        let rows = try Row.fetchCursor(
            database.cachedStatement(
                sql: """
                    SELECT rowid, -bm25(passage_text, 2.0, 1.5, 1.0, \(exactWeight)) AS score
                    FROM passage_text WHERE passage_text MATCH ? ORDER BY score DESC, rowid LIMIT ?
                    """),
            arguments: [terms.joined(separator: " OR "), allowed == nil ? wanted : -1])
        var found: [ScoredPassage] = []
        while found.count < wanted, let row = try rows.next() {
            let passage = ScoredPassage(id: try row.value(0), score: try row.value(1))
            if allowed?.contains(passage.id) ?? true { found.append(passage) }
        }
        let bonuses = try proximity(of: pairs(words), database)
        for index in found.indices { found[index].score += bonuses[found[index].id] ?? 0 }
        return Array(found.ranked().prefix(limit))
    }

    /// Words that follow each other in a query, each pair in the forms of the index's languages.
    private static func pairs(_ words: [QueryWord]) -> [[[String]]] {
        zip(words, words.dropFirst()).prefix(maximumPairs).map { first, second in
            var forms: [[String]] = []
            for (first, second) in zip(first.terms, second.terms) {
                guard let first = first.first, let second = second.first else { continue }
                if !forms.contains([first, second]) { forms.append([first, second]) }
            }
            return forms
        }
    }

    /// For every passage that holds pairs of words near each other, what they are worth.
    private static func proximity(of pairs: [[[String]]], _ database: Database) throws -> [Int64: Double] {
        guard !pairs.isEmpty else { return [:] }
        // The highest id is about the number of passages, which would have to be counted.
        let highest = try database.cachedStatement(sql: "SELECT max(id) FROM passage")
        let count = Double(try Int64.fetchOne(highest) ?? 0)
        let holders = try database.cachedStatement(
            sql: "SELECT rowid FROM passage_text WHERE passage_text MATCH ?")
        var bonuses: [Int64: Double] = [:]
        for forms in pairs {
            let near = forms.map { terms in
                "NEAR(\(terms.map(QueryReader.quoted).joined(separator: " ")), \(pairDistance))"
            }
            let passages = try Int64.fetchAll(holders, arguments: [near.joined(separator: " OR ")])
            let holding = Double(passages.count)
            // As BM25 weights a word, by how rare it is (fts5.html §5.1.1).
            let weight = pairWeight * log(max((count - holding + 0.5) / (holding + 0.5), 1))
            guard weight > 0 else { continue }
            for passage in passages { bonuses[passage, default: 0] += weight }
        }
        return bonuses
    }
}
