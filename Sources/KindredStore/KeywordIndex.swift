import GRDB
import SystemPackage

/// The full-text index `passage_text`.
enum KeywordIndex {
    /// Combining marks are part of words, as vowels are in the scripts of India.
    static let table = """
        CREATE VIRTUAL TABLE passage_text USING fts5(
            title, section, body, content='',
            tokenize='porter unicode61 remove_diacritics 2 categories ''L* N* Co Mn Mc'''
        )
        """

    static func add(_ passage: Int64, title: String, section: String, body: String, _ database: Database)
        throws
    {
        try database.execute(
            sql: "INSERT INTO passage_text (rowid, title, section, body) VALUES (?, ?, ?, ?)",
            arguments: [
                passage, KeywordText.indexed(title), KeywordText.indexed(section), KeywordText.indexed(body),
            ])
    }

    /// A contentless FTS5 table forgets a row only when told the text that it was given (SQLite's fts5.html §4.4.3).
    static func remove(_ passage: Int64, title: String, section: String, body: String, _ database: Database)
        throws
    {
        try database.execute(
            sql: """
                INSERT INTO passage_text (passage_text, rowid, title, section, body)
                VALUES ('delete', ?, ?, ?, ?)
                """,
            arguments: [
                passage, KeywordText.indexed(title), KeywordText.indexed(section), KeywordText.indexed(body),
            ])
    }

    /// Drops the index and fills a new one from the passages.
    static func rebuild(_ database: Database, _ path: FilePath) throws {
        try database.execute(sql: "DROP TABLE passage_text")
        try database.execute(sql: table)
        for article in try Int64.fetchAll(database, sql: "SELECT id FROM article ORDER BY id") {
            for passage in try Catalog.passages(ofArticle: article, database, path) {
                try add(
                    passage.id, title: passage.title, section: passage.section, body: passage.body, database)
            }
        }
    }
}
