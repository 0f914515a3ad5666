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

    /// Makes the index of a catalogue of version 1 anew: it had texts as they are, in which words of scripts without
    /// spaces were not found.
    static func upgrade(_ database: Database, _ path: FilePath) throws {
        try database.execute(sql: "DROP TABLE passage_text")
        try database.execute(sql: table)
        let articles = try Row.fetchCursor(database, sql: "SELECT id, title FROM article ORDER BY id")
        while let row = try articles.next() {
            let (article, title): (Int64, String) = (row[0], row[1])
            let text = try Catalog.text(ofArticle: article, database, path)
            let passages = try Row.fetchAll(
                database, sql: "SELECT id, section, start, end FROM passage WHERE article_id = ?",
                arguments: [article])
            for passage in passages {
                let body = try Catalog.slice(
                    text, from: passage[2], to: passage[3], passage: passage[0], path)
                try add(passage[0], title: title, section: passage[1], body: body, database)
            }
        }
    }
}
