import GRDB

@testable import KindredStore

/// Catalogues as earlier versions of Kindred wrote them.
enum FormerFormats {
    /// Takes away what format 3 added.
    static func makeFormat2(_ database: Database) throws {
        let last = try Int64.fetchOne(
            database, sql: "SELECT seq FROM sqlite_sequence WHERE name = 'article'")
        try database.execute(
            sql: """
                CREATE TABLE article_2 (
                    id INTEGER PRIMARY KEY AUTOINCREMENT,
                    site_id INTEGER NOT NULL REFERENCES site(id),
                    source_id INTEGER NOT NULL,
                    title TEXT NOT NULL,
                    url TEXT NOT NULL,
                    revision INTEGER,
                    digest BLOB NOT NULL,
                    text BLOB NOT NULL,
                    text_size INTEGER NOT NULL,
                    text_crc INTEGER NOT NULL,
                    UNIQUE (site_id, source_id)
                ) STRICT;
                INSERT INTO article_2 SELECT id, site_id, source_id, title, url, revision, digest, text, text_size,
                    text_crc FROM article;
                DROP TABLE article;
                ALTER TABLE article_2 RENAME TO article;
                ALTER TABLE passage DROP COLUMN line;
                DROP TABLE redirect;
                DROP TABLE keyword_language;
                DROP TABLE metadata;
                DROP TABLE metadata_field;
                PRAGMA user_version = 2;
                """)
        try database.execute(
            sql: "UPDATE sqlite_sequence SET seq = ? WHERE name = 'article'", arguments: [last])
    }

    static var configuration: Configuration {
        var configuration = Configuration()
        configuration.foreignKeysEnabled = false
        return configuration
    }
}
