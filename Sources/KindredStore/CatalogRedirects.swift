import Foundation
import GRDB
import KindredSystem

/// Titles of pages that redirect to an article. The full-text index has them with the title of its first passage.
extension Catalog {
    /// Articles between two commits.
    private static let articlesAtATime = 500

    /// The ids of the pages of a wiki that redirect, there.
    package func redirectIDs(wiki: String) throws -> [Int64] {
        try read { database in
            try Int64.fetchAll(
                database,
                sql: "SELECT source_id FROM redirect WHERE site_id = (SELECT id FROM site WHERE wiki = ?)",
                arguments: [wiki])
        }
    }

    static func insert(_ redirects: [RedirectRecord], siteID: Int64, _ database: Database) throws {
        for redirect in redirects {
            try database.execute(
                sql: """
                    INSERT INTO redirect (site_id, source_id, title, target) VALUES (?, ?, ?, ?)
                    ON CONFLICT (site_id, source_id) DO UPDATE SET title = excluded.title, target = excluded.target
                    """, arguments: [siteID, redirect.sourceID, redirect.title, redirect.target])
        }
    }

    /// Forgets pages of a wiki that redirect no more.
    package func removeRedirects(wiki: String, sourceIDs: [Int64]) throws {
        guard !sourceIDs.isEmpty else { return }
        try write { database in
            for id in sourceIDs {
                try database.execute(
                    sql:
                        "DELETE FROM redirect WHERE site_id = (SELECT id FROM site WHERE wiki = ?) AND source_id = ?",
                    arguments: [wiki, id])
            }
        }
    }

    /// Brings the full-text index in line with the redirects: the first passage of each article is found by the titles
    /// that lead to it.
    ///
    /// - Throws: `interrupted` where `shouldStop` says so; what was settled before stays.
    package func settleRedirects(shouldStop: () -> Bool = { false }) throws {
        let candidates = try read { database in
            try Int64.fetchAll(
                database,
                sql: """
                    SELECT article.id FROM article
                    WHERE alternatives <> '' OR EXISTS (
                        SELECT 1 FROM redirect WHERE redirect.site_id = article.site_id AND target = article.title)
                    ORDER BY article.id
                    """)
        }
        var start = 0
        while start < candidates.count {
            if shouldStop() { throw KindredError(.interrupted, "stopped") }
            let some = candidates[start..<min(start + Self.articlesAtATime, candidates.count)]
            start = some.endIndex
            let changed = try read { database in
                try some.compactMap { try Self.change(ofArticle: $0, database) }
            }
            guard !changed.isEmpty else { continue }
            try write { database in
                for (id, alternatives) in changed {
                    try settle(article: id, alternatives, database)
                }
            }
        }
    }

    private static func change(
        ofArticle id: Int64, _ database: Database
    ) throws -> (id: Int64, alternatives: String)? {
        guard
            let row = try Row.fetchOne(
                database, sql: "SELECT site_id, title, alternatives FROM article WHERE id = ?",
                arguments: [id])
        else { return nil }
        let (site, title): (Int64, String) = try (row.value(0), row.value(1))
        let titles = try String.fetchAll(
            database, sql: "SELECT title FROM redirect WHERE site_id = ? AND target = ? ORDER BY title",
            arguments: [site, title])
        let wanted = telling(titles, beside: title).joined(separator: "\n")
        return try row.value(2) == wanted ? nil : (id, wanted)
    }

    private func settle(article id: Int64, _ alternatives: String, _ database: Database) throws {
        guard let old = try Self.keywordRows(ofArticle: id, database, path).first else { return }
        try KeywordIndex.remove(old, database)
        try database.execute(
            sql: "UPDATE article SET alternatives = ? WHERE id = ?", arguments: [alternatives, id])
        guard let new = try Self.keywordRows(ofArticle: id, database, path).first else { return }
        try KeywordIndex.add(new, database)
    }

    /// The titles that have a word which neither `title` nor one before them has: those that differ in case, accents or
    /// order alone would only make the passage longer, which BM25 counts against it.
    static func telling(_ titles: [String], beside title: String) -> [String] {
        func words(_ text: String) -> Set<String> {
            Set(
                text.folding(options: [.caseInsensitive, .diacriticInsensitive], locale: nil)
                    .split { !$0.isLetter && !$0.isNumber }.map(String.init))
        }
        var known = words(title)
        return titles.filter { other in
            let new = words(other).subtracting(known)
            known.formUnion(new)
            return !new.isEmpty
        }
    }
}
