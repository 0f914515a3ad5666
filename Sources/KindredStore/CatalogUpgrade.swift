import Foundation
import GRDB
import KindredSystem
import SystemPackage

/// Brings a catalogue of an earlier format up to this one, whole or not at all.
enum CatalogUpgrade {
    /// By a copy that takes the file's place. Format 1 had the tables of format 2 but for the full-text index, which had texts as they are, so that words of scripts
    /// without spaces were not found; and pages without checksums in a database with a write-ahead log.
    ///
    /// - Throws: `busy` where another process reads the catalogue; `invalidData` where it is damaged; `inputOutput`.
    static func fromFormat1(_ path: FilePath) throws {
        let copy = FilePath(path.string + ".upgraded")
        // What an interrupted upgrade left, and what one that fails leaves.
        try? FileManager.default.removeItem(atPath: copy.string)
        defer { try? FileManager.default.removeItem(atPath: copy.string) }
        let new = CatalogConnections(copy)
        var configuration = Configuration()
        configuration.busyMode = .timeout(30)
        configuration.prepareDatabase { try CatalogConnections.reserve(in: $0) }
        let old = try DatabaseQueue(path: path.string, configuration: configuration)
        try old.writeWithoutTransaction { database in
            // Everything of the log comes into the file, and the log goes: it must not be taken for the copy's.
            let mode = try String.fetchOne(database, sql: "PRAGMA journal_mode = DELETE")
            guard mode == "delete" else { throw DatabaseError(resultCode: .SQLITE_BUSY) }
            try database.execute(sql: "VACUUM INTO ?", arguments: [new.address])
        }
        try old.close()
        // This commit also syncs what was copied.
        try Self.withoutForeignKeys(new.address) { try addToFormat2($0, path) }
        try? FileManager.default.removeItem(atPath: copy.string + "-journal")
        guard systemRename(copy.string, path.string) == 0 else {
            throw KindredError.systemCall("rename", path: path, errno: errno, creating: true)
        }
        try AtomicFile.syncDirectory(path.removingLastComponent())
    }

    /// In one transaction. Format 2 had neither paths nor metadata nor redirects, and stems of English alone. The next run
    /// that reads an article adds what it lacks (`article.reader` is 0).
    static func fromFormat2(_ path: FilePath) throws {
        try withoutForeignKeys(CatalogConnections(path).address) { try addToFormat2($0, path) }
    }

    private static func addToFormat2(_ database: Database, _ path: FilePath) throws {
        let last = try Int64.fetchOne(
            database, sql: "SELECT seq FROM sqlite_sequence WHERE name = 'article'")
        try database.execute(
            sql: """
                \(CatalogSchema.article("article_3"));
                INSERT INTO article_3
                    (id, site_id, source_id, title, url, revision, digest, text_size, text_crc, text)
                SELECT id, site_id, source_id, title, url, revision, digest, text_size, text_crc, text FROM article;
                DROP TABLE article;
                ALTER TABLE article_3 RENAME TO article;
                ALTER TABLE passage ADD COLUMN line INTEGER;
                \(CatalogSchema.added)
                """)
        // Ids are never given out twice.
        if let last {
            try database.execute(
                sql: "UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = 'article'", arguments: [last])
        }
        // The next run reads each source again, for what format 2 did not keep.
        try database.execute(sql: "UPDATE source SET complete = 0")
        try database.execute(sql: KeywordIndex.languageTable)
        try KeywordIndex.rebuild(database, path)
        try database.execute(sql: "PRAGMA user_version = \(CatalogSchema.version)")
    }

    /// A transaction in which a table may be replaced that others refer to (sqlite.org/lang_altertable.html §7).
    private static func withoutForeignKeys(_ address: String, _ body: (Database) throws -> Void) throws {
        var configuration = CatalogConnections.configuration()
        configuration.foreignKeysEnabled = false
        let connection = try DatabaseQueue(path: address, configuration: configuration)
        try connection.write(body)
        try connection.close()
    }
}
