import CPageChecksums
import Foundation
import GRDB
import KindredSystem
import Synchronization
import SystemPackage

/// Connections to `catalog.sqlite`, as many as are in use at a time.
///
/// Every page has a checksum, which is checked whenever the page is read (`kindred_pages.h`). Changes go through a
/// rollback journal: unlike a write-ahead log it needs no shared memory, so reading needs no write access.
final class CatalogConnections: Sendable {
    /// How long a connection waits for another process's commit.
    private static let patience: TimeInterval = 30
    private static let registered = kindred_pages_register()

    /// What SQLite opens.
    let address: String
    private let idle = Mutex<[DatabaseQueue]>([])

    init(_ path: FilePath) {
        // A path is a URI's path where each byte that could mean something else is escaped (sqlite.org/uri.html).
        let plain = CharacterSet(charactersIn: "a"..."z").union(.init(charactersIn: "A"..."Z"))
            .union(.init(charactersIn: "0123456789/-_.~"))
        let escaped = path.string.addingPercentEncoding(withAllowedCharacters: plain) ?? path.string
        _ = Self.registered
        address = "file:\(path.isAbsolute ? "//" : "")\(escaped)?vfs=\(KINDRED_PAGES_VFS)"
    }

    func read<Value: Sendable>(_ body: @Sendable (Database) throws -> Value) throws -> Value {
        try withConnection { try $0.read(body) }
    }

    /// Reads as of one moment, with the temporary tables of `KeywordVocabulary`.
    func inspect<Value: Sendable>(_ body: @Sendable (Database) throws -> Value) throws -> Value {
        try withConnection { connection in
            try connection.unsafeRead { database in
                try database.cachedStatement(sql: "BEGIN").execute()
                defer { try? database.cachedStatement(sql: "ROLLBACK").execute() }
                return try body(database)
            }
        }
    }

    func write(_ body: @Sendable (Database) throws -> Void) throws {
        try withConnection { try $0.write(body) }
    }

    private func withConnection<Value>(_ body: (DatabaseQueue) throws -> Value) throws -> Value {
        let connection = try idle.withLock { $0.popLast() } ?? open()
        let value = try body(connection)
        // One that failed is closed instead: it may hold pages in its cache that the file does not have.
        idle.withLock { $0.append(connection) }
        return value
    }

    private func open() throws -> DatabaseQueue {
        try DatabaseQueue(path: address, configuration: Self.configuration())
    }

    static func configuration() -> Configuration {
        var configuration = Configuration()
        configuration.busyMode = .timeout(Self.patience)
        configuration.prepareDatabase { database in
            try Self.reserve(in: database)
            // The journal is emptied and synced, so that a commit stays when power is lost, and kept for the next one.
            try database.execute(sql: "PRAGMA journal_mode = TRUNCATE; PRAGMA synchronous = FULL")
            try database.execute(sql: "PRAGMA temp_store = MEMORY; \(KeywordVocabulary.tables)")
        }
        return configuration
    }
}
