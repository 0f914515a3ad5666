import GRDB
import SystemPackage

/// What the full-text index holds of a passage: a function of stored columns, since a contentless FTS5 table forgets a row
/// only when told the text that it was given (SQLite's fts5.html §4.4.3).
struct KeywordRow: Sendable {
    let id: Int64
    /// With the titles that lead to it, for the first passage of an article.
    let title: String
    let section: String
    let body: String
    /// Of the article.
    let language: KeywordLanguage
}

/// The full-text index `passage_text`, and `keyword_language` with the languages of its passages.
enum KeywordIndex {
    /// Combining marks are part of words, as vowels are in the scripts of India. `KeywordStems` takes accents away where
    /// they do not count. `exact` has the words of the passage that
    /// differ from their stems, so that a passage with the very word of a query comes before those with its kin.
    static let table = """
        CREATE VIRTUAL TABLE passage_text USING fts5(
            title, section, body, exact, content='',
            tokenize='unicode61 remove_diacritics 0 categories ''L* N* Co Mn Mc'''
        )
        """
    static let languageTable = """
        CREATE TABLE keyword_language (language TEXT PRIMARY KEY, passages INTEGER NOT NULL) STRICT, WITHOUT ROWID
        """

    static func add(_ row: KeywordRow, _ database: Database) throws {
        try execute(
            "INSERT INTO passage_text (rowid, title, section, body, exact) VALUES (?, ?, ?, ?, ?)", row,
            database)
        try count(row, 1, database)
    }

    static func remove(_ row: KeywordRow, _ database: Database) throws {
        try execute(
            """
            INSERT INTO passage_text (passage_text, rowid, title, section, body, exact)
            VALUES ('delete', ?, ?, ?, ?, ?)
            """, row, database)
        try count(row, -1, database)
    }

    private static func execute(_ sql: String, _ row: KeywordRow, _ database: Database) throws {
        let stems = KeywordStems(row.language)
        try database.cachedStatement(sql: sql).execute(arguments: [
            row.id, KeywordText.indexed(row.title, stems), KeywordText.indexed(row.section, stems),
            KeywordText.indexed(row.body, stems),
            KeywordText.exactForms([row.title, row.section, row.body], stems),
        ])
    }

    private static func count(_ row: KeywordRow, _ change: Int, _ database: Database) throws {
        try database.cachedStatement(
            sql: """
                INSERT INTO keyword_language (language, passages) VALUES (?, ?)
                ON CONFLICT (language) DO UPDATE SET passages = passages + excluded.passages
                """
        ).execute(arguments: [row.language.code, change])
    }

    /// Passages in each language.
    static func languages(_ database: Database) throws -> [String: Int] {
        let rows = try Row.fetchAll(
            database.cachedStatement(
                sql: "SELECT language, passages FROM keyword_language WHERE passages <> 0"))
        return try Dictionary(rows.map { (try $0.value(0), try $0.value(1)) }) { $0 + $1 }
    }

    /// Drops the index and fills a new one from the passages.
    static func rebuild(_ database: Database, _ path: FilePath) throws {
        try database.execute(sql: "DROP TABLE passage_text; DROP TABLE keyword_language")
        try database.execute(sql: "\(table); \(languageTable)")
        for article in try Int64.fetchAll(database, sql: "SELECT id FROM article ORDER BY id") {
            for row in try Catalog.keywordRows(ofArticle: article, database, path) { try add(row, database) }
        }
    }
}
