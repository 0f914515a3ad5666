import Foundation
import GRDB
import KindredSystem
import SystemPackage

/// `catalog.sqlite`: the one truth of an index.
///
/// Write-ahead logging: any number of processes read while one writes. Every change of state is one
/// transaction with `synchronous = FULL`, so that what was committed survives the machine's loss of power.
package final class Catalog: Sendable {
    private let database: any DatabaseWriter & Sendable
    private let path: FilePath

    package enum Access: Sendable { case read, write, create }

    /// - Throws: `notFound`; `incompatible` for a catalogue of a newer Kindred; `invalidData` for a file that is
    ///   none of ours or damaged; `cannotCreate`, `inputOutput`.
    package init(path: FilePath, access: Access) throws {
        self.path = path
        if access != .create, !FileManager.default.fileExists(atPath: path.string) {
            throw KindredError(.notFound, "no such catalogue", at: .init(path: path.string))
        }
        var configuration = Configuration()
        configuration.busyMode = .timeout(30)
        configuration.prepareDatabase { database in
            try database.execute(sql: "PRAGMA synchronous = FULL")
        }
        let opened = try Self.translating(path) {
            try DatabasePool(path: path.string, configuration: configuration)
        }
        database = opened
        try Self.translating(path) {
            let version = try opened.read { try Int.fetchOne($0, sql: "PRAGMA user_version") ?? 0 }
            let application = try opened.read { try Int.fetchOne($0, sql: "PRAGMA application_id") ?? 0 }
            let tables = try opened.read {
                try Int.fetchOne($0, sql: "SELECT count(*) FROM sqlite_schema") ?? 0
            }
            if tables == 0, access == .create {
                return try opened.write(CatalogSchema.create)
            }
            guard tables > 0 else {
                throw KindredError(
                    .notFound,
                    "holds nothing: its making was interrupted; run the same 'kindred index' again",
                    at: .init(path: path.string))
            }
            guard application == CatalogSchema.applicationID else {
                throw KindredError(
                    .invalidData, "is not a catalogue of Kindred; index into another name",
                    at: .init(path: path.string))
            }
            guard version <= CatalogSchema.version else {
                throw KindredError(
                    .incompatible,
                    "was written by a newer version of Kindred (format \(version), this one reads up to "
                        + "\(CatalogSchema.version)); use that version, or index again into another name",
                    at: .init(path: path.string))
            }
            if version < CatalogSchema.version, access != .read {
                try opened.write { try CatalogSchema.upgrade($0, path) }
            }
        }
    }

    // MARK: Reading

    package func counts() throws -> CatalogCounts {
        try read { database in
            let texts = try Row.fetchOne(
                database,
                sql:
                    "SELECT count(*), coalesce(sum(length(text)), 0), coalesce(sum(text_size), 0) FROM article"
            )!
            return CatalogCounts(
                articles: texts[0],
                passages: try Int.fetchOne(database, sql: "SELECT count(*) FROM passage") ?? 0,
                deletions: try Int.fetchOne(database, sql: "SELECT count(*) FROM deletion") ?? 0,
                compressedTextBytes: texts[1], textBytes: texts[2])
        }
    }

    /// The live segments, or those that a reindex has staged, and the deleted passages that they may still hold, as of
    /// one moment.
    package func segmentsAndDeletions(
        staged: Bool = false
    ) throws -> (segments: [SegmentRecord], deletions: Set<Int64>) {
        try read { database in
            let segments = try Row.fetchAll(
                database,
                sql: "SELECT id, file, fingerprint, count FROM segment WHERE staged = ? ORDER BY id",
                arguments: [staged]
            ).map { SegmentRecord(id: $0[0], file: $0[1], fingerprint: $0[2], count: $0[3]) }
            return (segments, try Set(Int64.fetchAll(database, sql: "SELECT passage_id FROM deletion")))
        }
    }

    /// What is known of an article of a wiki, nil where it is new.
    package func article(wiki: String, sourceID: Int64) throws -> KnownArticle? {
        try read { database in
            try Row.fetchOne(
                database,
                sql: """
                    SELECT article.id, digest, title FROM article JOIN site ON site.id = site_id
                    WHERE wiki = ? AND source_id = ?
                    """, arguments: [wiki, sourceID]
            ).map { KnownArticle(id: $0[0], digest: [UInt8]($0[1] as Data), title: $0[2]) }
        }
    }

    /// A passage id above every one that was ever given out by a commit.
    package func nextPassageID() throws -> Int64 {
        try read { database in
            try (Int64.fetchOne(database, sql: "SELECT seq FROM sqlite_sequence WHERE name = 'passage'") ?? 0)
                + 1
        }
    }

    package func source(path: String) throws -> SourceRecord? {
        try read { database in
            try Row.fetchOne(
                database, sql: "SELECT path, identity, complete, counts FROM source WHERE path = ?",
                arguments: [path]
            ).map { row in
                let counts = try JSONDecoder().decode(SourceCounts.self, from: Data((row[3] as String).utf8))
                return SourceRecord(path: row[0], identity: row[1], complete: row[2], counts: counts)
            }
        }
    }

    /// The passages of `ids` that exist, by id.
    package func passages(_ ids: [Int64]) throws -> [Int64: PassageRecord] {
        try read { database in
            var texts: [Int64: [UInt8]] = [:]
            var found: [Int64: PassageRecord] = [:]
            let statement = try database.makeStatement(
                sql: """
                    SELECT article_id, ordinal, title, url, section, start, end
                    FROM passage JOIN article ON article.id = article_id WHERE passage.id = ?
                    """)
            for id in ids {
                guard let row = try Row.fetchOne(statement, arguments: [id]) else { continue }
                let articleID: Int64 = row[0]
                let text = try texts[articleID] ?? Self.text(ofArticle: articleID, database, path)
                texts[articleID] = text
                found[id] = PassageRecord(
                    id: id, articleID: articleID, ordinal: row[1], title: row[2], url: row[3],
                    sectionPath: Self.sectionPath(row[4]),
                    text: try Self.slice(text, from: row[5], to: row[6], passage: id, path))
            }
            return found
        }
    }

    /// - Throws: `notFound` where no article has the id.
    package func article(_ id: Int64) throws -> ArticleRecord {
        try read { database in
            guard
                let row = try Row.fetchOne(
                    database, sql: "SELECT title, url FROM article WHERE id = ?", arguments: [id])
            else { throw KindredError(.notFound, "no article has the id \(id)") }
            let text = try Self.text(ofArticle: id, database, path)
            let passages = try Row.fetchAll(
                database,
                sql: "SELECT id, section, start, end FROM passage WHERE article_id = ? ORDER BY ordinal",
                arguments: [id]
            ).map { row -> (id: Int64, sectionPath: [String], range: Range<Int>) in
                let (start, end): (Int, Int) = (row[2], row[3])
                _ = try Self.slice(text, from: start, to: end, passage: row[0], path)
                return (row[0], Self.sectionPath(row[1]), start..<end)
            }
            return ArticleRecord(
                id: id, title: row[0], url: row[1], text: String(decoding: text, as: UTF8.self),
                passages: passages)
        }
    }

    /// The smallest article id above `id`; nil where there is none.
    package func nextArticle(after id: Int64) throws -> Int64? {
        try read { database in
            try Int64.fetchOne(
                database, sql: "SELECT id FROM article WHERE id > ? ORDER BY id LIMIT 1", arguments: [id])
        }
    }

    /// What changes with every commit that changes the answers of a search.
    package struct Generation: Hashable, Sendable {
        let segments: String
        let deletions: Int
    }

    package func generation() throws -> Generation {
        try read { database in
            let row = try Row.fetchOne(
                database,
                sql: """
                    SELECT coalesce((SELECT group_concat(id) FROM segment WHERE staged = 0), ''),
                        (SELECT count(*) FROM deletion)
                    """)!
            return Generation(segments: row[0], deletions: row[1])
        }
    }

    /// The number for the next segment file, above every one that was ever committed.
    package func nextSegmentNumber() throws -> Int64 {
        try read { database in
            try (Int64.fetchOne(database, sql: "SELECT seq FROM sqlite_sequence WHERE name = 'segment'") ?? 0)
                + 1
        }
    }

    // MARK: Writing

    /// Records new and changed articles, their passages and the segment that holds their vectors, in one
    /// transaction. An article that is there already is replaced; its old passages become deletions.
    ///
    /// - Parameters:
    ///   - removed: ids of articles that go.
    ///   - segment: the file that holds the vectors of exactly the new passages; nil where there are none.
    package func commit(
        site: SiteRecord, articles: [NewArticle], removed: [Int64] = [],
        segment: (file: String, fingerprint: String, count: Int)?
    ) throws {
        try write { database in
            try database.execute(
                sql: """
                    INSERT INTO site (name, wiki, base, language) VALUES (?, ?, ?, ?)
                    ON CONFLICT (wiki) DO UPDATE SET name = excluded.name, base = excluded.base
                    """, arguments: [site.name, site.wiki, site.base, site.language])
            let siteID = try Int64.fetchOne(
                database, sql: "SELECT id FROM site WHERE wiki = ?", arguments: [site.wiki])!
            for id in removed { try Self.remove(article: id, database, path) }
            for article in articles {
                try Self.insert(article, siteID: siteID, database, path)
            }
            if let segment {
                try database.execute(
                    sql: "INSERT INTO segment (file, fingerprint, count) VALUES (?, ?, ?)",
                    arguments: [segment.file, segment.fingerprint, segment.count])
            }
        }
    }

    /// Puts a merged segment in the place of others, in one transaction, and forgets the deletions that the merge
    /// left out.
    ///
    /// - Parameters:
    ///   - merged: nil where no live vector was left.
    ///   - staged: whether they are all staged.
    package func replace(
        _ old: [SegmentRecord], by merged: (file: String, fingerprint: String, count: Int)?,
        forgetting deletions: [Int64], staged: Bool
    ) throws {
        try write { database in
            for segment in old {
                try database.execute(sql: "DELETE FROM segment WHERE id = ?", arguments: [segment.id])
            }
            if let merged {
                try database.execute(
                    sql: "INSERT INTO segment (file, fingerprint, count, staged) VALUES (?, ?, ?, ?)",
                    arguments: [merged.file, merged.fingerprint, merged.count, staged])
            }
            for id in deletions {
                try database.execute(sql: "DELETE FROM deletion WHERE passage_id = ?", arguments: [id])
            }
        }
    }

    /// Records a segment that a reindex made; no search sees it before `makeStagedLive`.
    package func stage(file: String, fingerprint: String, count: Int) throws {
        try write { database in
            try database.execute(
                sql: "INSERT INTO segment (file, fingerprint, count, staged) VALUES (?, ?, ?, 1)",
                arguments: [file, fingerprint, count])
        }
    }

    /// Forgets every staged segment.
    package func dropStaged() throws {
        try write { try $0.execute(sql: "DELETE FROM segment WHERE staged = 1") }
    }

    /// Puts the staged segments in the place of the live ones, in one transaction.
    ///
    /// - Parameter deletions: deleted passages that the staged segments hold; all others are forgotten.
    package func makeStagedLive(keeping deletions: Set<Int64>) throws {
        try write { database in
            try database.execute(sql: "DELETE FROM segment WHERE staged = 0")
            try database.execute(sql: "UPDATE segment SET staged = 0")
            try database.execute(sql: "DELETE FROM deletion")
            for id in deletions.sorted() {
                try database.execute(sql: "INSERT INTO deletion (passage_id) VALUES (?)", arguments: [id])
            }
        }
    }

    /// Ids of passages above `id`, the smallest first.
    package func passageIDs(after id: Int64, limit: Int) throws -> [Int64] {
        try read { database in
            try Int64.fetchAll(
                database, sql: "SELECT id FROM passage WHERE id > ? ORDER BY id LIMIT ?",
                arguments: [id, limit])
        }
    }

    /// Records how far a source was read.
    package func record(_ source: SourceRecord) throws {
        let counts = String(decoding: try JSONEncoder().encode(source.counts), as: UTF8.self)
        try write { database in
            try database.execute(
                sql: """
                    INSERT INTO source (path, identity, complete, counts) VALUES (?, ?, ?, ?)
                    ON CONFLICT (path) DO UPDATE SET
                        identity = excluded.identity, complete = excluded.complete, counts = excluded.counts
                    """,
                arguments: [source.path, source.identity, source.complete, counts])
        }
    }

    // MARK: Pieces

    func read<Value: Sendable>(_ body: @Sendable (Database) throws -> Value) throws -> Value {
        try Self.translating(path) { try database.read(body) }
    }

    private func write(_ body: @Sendable (Database) throws -> Void) throws {
        KillPoint.beforeTransaction.pass()
        try Self.translating(path) {
            try database.write { database in
                try body(database)
                KillPoint.inTransaction.pass()
            }
        }
        KillPoint.afterTransaction.pass()
    }

    private static func insert(_ article: NewArticle, siteID: Int64, _ database: Database, _ path: FilePath)
        throws
    {
        if let old = try Int64.fetchOne(
            database, sql: "SELECT id FROM article WHERE site_id = ? AND source_id = ?",
            arguments: [siteID, article.sourceID])
        {
            try remove(article: old, database, path)
        }
        let text = Array(article.text.utf8)
        try database.execute(
            sql: """
                INSERT INTO article (site_id, source_id, title, url, revision, digest, text, text_size, text_crc)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
                """,
            arguments: [
                siteID, article.sourceID, article.title, article.url, article.revision, Data(article.digest),
                Data(LZ4.compress(text)), text.count, Int64(CRC32C(text).value),
            ])
        let articleID = database.lastInsertedRowID
        for (ordinal, passage) in article.passages.enumerated() {
            let section = section(passage.sectionPath)
            try database.execute(
                sql:
                    "INSERT INTO passage (id, article_id, ordinal, section, start, end) VALUES (?, ?, ?, ?, ?, ?)",
                arguments: [
                    passage.id, articleID, ordinal, section, passage.range.lowerBound,
                    passage.range.upperBound,
                ])
            let body = String(decoding: text[passage.range], as: UTF8.self)
            try KeywordIndex.add(
                passage.id, title: article.title, section: section, body: body, database)
        }
    }

    private static func remove(article id: Int64, _ database: Database, _ path: FilePath) throws {
        guard
            let title = try String.fetchOne(
                database, sql: "SELECT title FROM article WHERE id = ?", arguments: [id])
        else { return }
        let text = try text(ofArticle: id, database, path)
        for row in try Row.fetchAll(
            database, sql: "SELECT id, section, start, end FROM passage WHERE article_id = ?", arguments: [id]
        ) {
            let passage: Int64 = row[0]
            try KeywordIndex.remove(
                passage, title: title, section: row[1],
                body: try slice(text, from: row[2], to: row[3], passage: passage, path), database)
            try database.execute(sql: "INSERT INTO deletion (passage_id) VALUES (?)", arguments: [passage])
        }
        try database.execute(sql: "DELETE FROM passage WHERE article_id = ?", arguments: [id])
        try database.execute(sql: "DELETE FROM article WHERE id = ?", arguments: [id])
    }

    /// The text of an article, checked against its checksum.
    static func text(ofArticle id: Int64, _ database: Database, _ path: FilePath) throws -> [UInt8] {
        let row = try Row.fetchOne(
            database, sql: "SELECT text, text_size, text_crc, title FROM article WHERE id = ?",
            arguments: [id])!
        let damaged = KindredError(
            .invalidData,
            "the stored text of article \(id) (\(row[3] as String)) is damaged; index the dump again into a new name",
            at: .init(path: path.string))
        guard let text = try? LZ4.decompress([UInt8](row[0] as Data), size: row[1]),
            Int64(CRC32C(text).value) == row[2] as Int64
        else { throw damaged }
        return text
    }

    static func slice(_ text: [UInt8], from start: Int, to end: Int, passage: Int64, _ path: FilePath) throws
        -> String
    {
        guard start >= 0, start <= end, end <= text.count else {
            throw KindredError(
                .invalidData, "passage \(passage) lies outside its article; the catalogue is damaged",
                at: .init(path: path.string))
        }
        return String(decoding: text[start..<end], as: UTF8.self)
    }

    /// Headings may hold any printable character, so the path is joined by U+001F, UNIT SEPARATOR.
    static func section(_ path: [String]) -> String { path.joined(separator: "\u{1F}") }

    static func sectionPath(_ section: String) -> [String] {
        section.isEmpty ? [] : section.components(separatedBy: "\u{1F}")
    }

    /// Turns SQLite's errors into Kindred's.
    static func translating<Value>(_ path: FilePath, _ body: () throws -> Value) throws -> Value {
        do {
            return try body()
        } catch let error as DatabaseError {
            let location = KindredError.Location(path: path.string)
            switch error.resultCode {
            case .SQLITE_NOTADB, .SQLITE_CORRUPT:
                throw KindredError(
                    .invalidData, "is damaged or not a catalogue; index again into another name",
                    at: location,
                    cause: error)
            case .SQLITE_FULL:
                throw KindredError(
                    .inputOutput,
                    "no space left on the device; free some and run the same command again", at: location)
            case .SQLITE_BUSY, .SQLITE_LOCKED:
                throw KindredError(.busy, "another process is writing; try again", at: location)
            case .SQLITE_CANTOPEN:
                throw KindredError(
                    .cannotCreate, "cannot be opened; check the path and its owner", at: location)
            case .SQLITE_READONLY:
                throw KindredError(.cannotCreate, "is read-only; check its owner and mode", at: location)
            case .SQLITE_IOERR:
                // Also what a full disk gives where SQLite shares memory between processes.
                throw KindredError(
                    .inputOutput,
                    "cannot be read or written; check the disk and its free space, then run the same command again",
                    at: location, cause: error)
            default:
                throw KindredError(.inputOutput, "the catalogue failed", at: location, cause: error)
            }
        }
    }
}
