import Foundation
import GRDB
import KindredSystem
import SystemPackage

/// Brings a catalogue of an earlier format up to this one, by a copy that takes its place whole or not at all.
enum CatalogUpgrade {
    /// Format 1 had the same tables but for the full-text index, which had texts as they are, so that words of scripts
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
        try new.write { database in
            try KeywordIndex.rebuild(database, path)
            try database.execute(sql: "PRAGMA user_version = \(CatalogSchema.version)")
        }
        try? FileManager.default.removeItem(atPath: copy.string + "-journal")
        guard systemRename(copy.string, path.string) == 0 else {
            throw KindredError.systemCall("rename", path: path, errno: errno, creating: true)
        }
        try AtomicFile.syncDirectory(path.removingLastComponent())
    }
}
