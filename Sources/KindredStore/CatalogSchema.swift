import GRDB
import KindredSystem
import SystemPackage

/// The tables of `catalog.sqlite`.
///
/// | table | a row is |
/// |---|---|
/// | `site` | a wiki, or the files of one language: name, database, base URL, language |
/// | `article` | an article or document: id in its site, title, URL, path and line of its file, revision, version of the reader, digest of its source, other titles, metadata, LZ4 text with size and CRC-32C, LZ4 anchors with size |
/// | `passage` | a range of an article's text (UTF-8 bytes), the headings above it, its line in the file |
/// | `redirect` | a page that redirects: id in its site, title, title of its target |
/// | `metadata_field`, `metadata` | a field's name; an article that has a value in it, ordered by value |
/// | `passage_text` | FTS5 over title, headings and body of each passage, as `KeywordText` writes them; contentless, the text is in `article` |
/// | `keyword_language` | a language in which passages of `passage_text` are stemmed, and how many |
/// | `segment` | a file of vectors under `segments/`: encoder fingerprint, number of vectors, whether it is staged by a reindex or live |
/// | `deletion` | a passage that is gone while a segment still holds its vector |
/// | `source` | a dump that was read: identity, counts, whether to its end |
enum CatalogSchema {
    /// Written to `PRAGMA user_version`. Raised by every change that an older Kindred would misread.
    static let version = 3
    /// Written to `PRAGMA application_id`: "KNDR".
    static let applicationID = 0x4B4E_4452

    /// Reads the file's header (sqlite.org/fileformat.html §1.3) before SQLite does: whether it is a catalogue, and of
    /// this format.
    ///
    /// - Parameter upgrades: bring one of an earlier format up to this one. The caller has the right to write.
    /// - Throws: `notFound`, `invalidData`, `incompatible`, `inputOutput`.
    static func checkHeader(of path: FilePath, mayBeMissing: Bool, upgrades: Bool) throws {
        let file: ReadableFile
        do {
            file = try ReadableFile(path)
        } catch let error as KindredError where mayBeMissing && error.code == .notFound {
            return
        }
        // An empty one was begun; one with a journal is first put right by SQLite.
        let journal = try? ReadableFile(FilePath(path.string + "-journal"))
        guard file.count > 0, (journal?.count ?? 0) == 0 else { return }
        let header = try file.bytes(0..<min(100, file.count))
        func number(_ byte: Int) -> Int { header[byte..<byte + 4].reduce(0) { $0 << 8 | Int($1) } }
        let location = KindredError.Location(path: path.string)
        guard header.count == 100, header.starts(with: Array("SQLite format 3".utf8)),
            number(68) == applicationID
        else {
            throw KindredError(
                .invalidData, "is damaged or not a catalogue of Kindred; index into another name",
                at: location)
        }
        let found = number(60)
        if found == 1, upgrades { return try CatalogUpgrade.fromFormat1(path) }
        if found == 2, upgrades { return try CatalogUpgrade.fromFormat2(path) }
        guard found == version else {
            let isNewer = found > version
            throw KindredError(
                .incompatible,
                "was written by \(isNewer ? "a newer" : "an earlier") version of Kindred (format \(found), this one "
                    + "reads \(version)); "
                    + (isNewer
                        ? "use that version, or index the dump again into another name"
                        : "'kindred index' with its dump or 'kindred verify --repair' brings it up to this one"),
                at: location)
        }
    }

    static func create(_ database: Database) throws {
        try database.execute(
            sql: """
                CREATE TABLE site (
                    id INTEGER PRIMARY KEY,
                    name TEXT NOT NULL,
                    wiki TEXT NOT NULL UNIQUE,
                    base TEXT NOT NULL,
                    language TEXT NOT NULL
                ) STRICT;
                \(article("article"));
                CREATE TABLE passage (
                    id INTEGER PRIMARY KEY AUTOINCREMENT,
                    article_id INTEGER NOT NULL REFERENCES article(id),
                    ordinal INTEGER NOT NULL,
                    section TEXT NOT NULL,
                    start INTEGER NOT NULL,
                    end INTEGER NOT NULL,
                    line INTEGER,
                    UNIQUE (article_id, ordinal)
                ) STRICT;
                \(added)
                CREATE TABLE segment (
                    id INTEGER PRIMARY KEY AUTOINCREMENT,
                    file TEXT NOT NULL UNIQUE,
                    fingerprint TEXT NOT NULL,
                    count INTEGER NOT NULL,
                    staged INTEGER NOT NULL DEFAULT 0
                ) STRICT;
                CREATE TABLE deletion (passage_id INTEGER PRIMARY KEY) STRICT;
                CREATE TABLE source (
                    id INTEGER PRIMARY KEY,
                    path TEXT NOT NULL UNIQUE,
                    identity TEXT NOT NULL,
                    complete INTEGER NOT NULL,
                    counts TEXT NOT NULL
                ) STRICT;
                \(KeywordIndex.table);
                \(KeywordIndex.languageTable);
                PRAGMA user_version = \(version);
                PRAGMA application_id = \(applicationID);
                """)
    }

    /// The declaration of `article`. The text is last, so that no other column stands behind its pages.
    static func article(_ name: String) -> String {
        """
        CREATE TABLE \(name) (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            site_id INTEGER NOT NULL REFERENCES site(id),
            source_id INTEGER NOT NULL,
            title TEXT NOT NULL,
            url TEXT NOT NULL,
            path TEXT NOT NULL DEFAULT '',
            line INTEGER,
            revision INTEGER,
            reader INTEGER NOT NULL DEFAULT 0,
            digest BLOB NOT NULL,
            text_size INTEGER NOT NULL,
            text_crc INTEGER NOT NULL,
            alternatives TEXT NOT NULL DEFAULT '',
            metadata TEXT NOT NULL DEFAULT '{}',
            anchors_size INTEGER NOT NULL DEFAULT 0,
            anchors BLOB,
            text BLOB NOT NULL,
            UNIQUE (site_id, source_id)
        ) STRICT
        """
    }

    /// What format 3 added to format 2, beside columns.
    static let added = """
        CREATE INDEX article_title ON article (site_id, title);
        CREATE INDEX article_path ON article (path) WHERE path <> '';
        CREATE TABLE redirect (
            site_id INTEGER NOT NULL REFERENCES site(id),
            source_id INTEGER NOT NULL,
            title TEXT NOT NULL,
            target TEXT NOT NULL,
            PRIMARY KEY (site_id, source_id)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX redirect_target ON redirect (site_id, target);
        CREATE INDEX redirect_title ON redirect (site_id, title);
        \(CatalogMetadata.tables)
        """
}
