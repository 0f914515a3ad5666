import Foundation
import GRDB
import KindredSystem
import SystemPackage

/// `catalog.sqlite`: the single source of truth of an index.
///
/// Any number of processes read while one writes. Every change of state is one transaction, synced before it counts,
/// so that what was committed survives the machine's loss of power. Every page has a checksum: nothing is read from
/// a damaged one.
package final class Catalog: Sendable {
    private let connections: CatalogConnections
    let path: FilePath

    package enum Access: Sendable { case read, write, create }

    /// - Throws: `notFound`; `incompatible` for a catalogue of a newer format, or an earlier
    ///   one that is only read; `invalidData` for a file that is none of
    ///   ours or damaged; `cannotCreate`, `inputOutput`.
    package init(path: FilePath, access: Access) throws {
        self.path = path
        connections = CatalogConnections(path)
        try Self.translating(path) {
            try CatalogSchema.checkHeader(
                of: path, mayBeMissing: access == .create, upgrades: access != .read)
        }
        let tables = try read { try Int.fetchOne($0, sql: "SELECT count(*) FROM sqlite_schema") ?? 0 }
        guard tables == 0 else { return }
        guard access == .create else {
            throw KindredError(
                .notFound, "holds nothing: its making was interrupted; run the same 'kindred index' again",
                at: .init(path: path.string))
        }
        try Self.translating(path) { try connections.write(CatalogSchema.create) }
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
                articles: try texts.value(0),
                passages: try Int.fetchOne(database, sql: "SELECT count(*) FROM passage") ?? 0,
                deletions: try Int.fetchOne(database, sql: "SELECT count(*) FROM deletion") ?? 0,
                compressedTextBytes: try texts.value(1), textBytes: try texts.value(2))
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
            ).map {
                SegmentRecord(
                    id: try $0.value(0), file: try $0.value(1), fingerprint: try $0.decode(atIndex: 2),
                    count: try $0.value(3))
            }
            return (segments, try Set(Int64.fetchAll(database, sql: "SELECT passage_id FROM deletion")))
        }
    }

    /// What is known of an article of a wiki, nil where it is new.
    package func article(wiki: String, sourceID: Int64) throws -> KnownArticle? {
        try read { database in
            try Row.fetchOne(
                database,
                sql: """
                    SELECT article.id, digest, title, reader FROM article JOIN site ON site.id = site_id
                    WHERE wiki = ? AND source_id = ?
                    """, arguments: [wiki, sourceID]
            ).map {
                KnownArticle(
                    id: try $0.value(0), digest: [UInt8](try $0.value(1) as Data), title: try $0.value(2),
                    reader: try $0.value(3))
            }
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
                let counts = try JSONDecoder().decode(
                    SourceCounts.self, from: Data((row.value(3) as String).utf8))
                return SourceRecord(
                    path: try row.value(0), identity: try row.value(1), complete: try row.value(2),
                    counts: counts)
            }
        }
    }

    /// The passages of `ids` that exist, by id.
    package func passages(_ ids: [Int64]) throws -> [Int64: PassageRecord] {
        try read { database in
            var texts: [Int64: [UInt8]] = [:]
            var found: [Int64: PassageRecord] = [:]
            let statement = try database.cachedStatement(
                sql: """
                    SELECT article_id, ordinal, title, url, section, start, end, path, passage.line, metadata,
                        language
                    FROM passage JOIN article ON article.id = article_id JOIN site ON site.id = site_id
                    WHERE passage.id = ?
                    """)
            for id in ids {
                guard let row = try Row.fetchOne(statement, arguments: [id]) else { continue }
                let articleID: Int64 = try row.value(0)
                let text = try texts[articleID] ?? Self.text(ofArticle: articleID, database, path)
                texts[articleID] = text
                found[id] = PassageRecord(
                    id: id, articleID: articleID, ordinal: try row.value(1), title: try row.value(2),
                    url: try row.value(3), path: try row.value(7), line: try row.decode(atIndex: 8),
                    metadata: try CatalogMetadata.parse(try row.value(9)),
                    language: KeywordLanguage(site: try row.value(10), text: text),
                    sectionPath: Self.sectionPath(try row.value(4)),
                    text: try Self.slice(
                        text, from: row.value(5), to: row.value(6), passage: id, path))
            }
            return found
        }
    }

    /// - Throws: `notFound` where no article has the id.
    package func article(_ id: Int64) throws -> ArticleRecord {
        try read { database in
            guard
                let row = try Row.fetchOne(
                    database, sql: "SELECT title, url, metadata, path FROM article WHERE id = ?",
                    arguments: [id])
            else { throw KindredError(.notFound, "no article has the id \(id)") }
            let text = try Self.text(ofArticle: id, database, path)
            let passages = try Row.fetchAll(
                database,
                sql: "SELECT id, section, start, end FROM passage WHERE article_id = ? ORDER BY ordinal",
                arguments: [id]
            ).map { row -> (id: Int64, sectionPath: [String], range: Range<Int>) in
                let (id, start, end): (Int64, Int, Int) = try (row.value(0), row.value(2), row.value(3))
                _ = try Self.slice(text, from: start, to: end, passage: id, path)
                return (id, Self.sectionPath(try row.value(1)), start..<end)
            }
            return ArticleRecord(
                id: id, title: try row.value(0), url: try row.value(1), path: try row.value(3),
                metadata: try CatalogMetadata.parse(try row.value(2)),
                text: String(decoding: text, as: UTF8.self), passages: passages)
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
            return Generation(segments: try row.value(0), deletions: try row.value(1))
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
    ///   - refreshed: articles of which all but title, text and passages is replaced, by their ids in the catalogue.
    ///   - removed: ids of articles that go.
    ///   - redirects: pages of the site that redirect; `settleRedirects` has the search find them.
    ///   - segment: the file that holds the vectors of exactly the new passages; nil where there are none.
    package func commit(
        site: DocumentCollection, articles: [NewArticle], refreshed: [(id: Int64, article: NewArticle)] = [],
        removed: [Int64] = [], redirects: [RedirectRecord] = [],
        segment: (file: String, fingerprint: Fingerprint, count: Int)?
    ) throws {
        try write { database in
            try database.execute(
                sql: """
                    INSERT INTO site (name, wiki, base, language) VALUES (?, ?, ?, ?)
                    ON CONFLICT (wiki) DO UPDATE SET name = excluded.name, base = excluded.base
                    """, arguments: [site.name, site.identity, site.base, site.language])
            let siteID = try Int64.fetchOne(
                database, sql: "SELECT id FROM site WHERE wiki = ?", arguments: [site.identity])!
            for id in removed { try Self.remove(article: id, database, path) }
            for (id, article) in refreshed { try Self.refresh(id, article, database) }
            for article in articles {
                try Self.insert(article, siteID: siteID, database, path)
            }
            try Self.insert(redirects, siteID: siteID, database)
            if let segment {
                try database.execute(
                    sql: "INSERT INTO segment (file, fingerprint, count) VALUES (?, ?, ?)",
                    arguments: [segment.file, segment.fingerprint, segment.count])
            }
        }
    }

    /// Records a segment with vectors of passages that are there already.
    package func commit(segment: (file: String, fingerprint: Fingerprint, count: Int)) throws {
        try write { database in
            try database.execute(
                sql: "INSERT INTO segment (file, fingerprint, count) VALUES (?, ?, ?)",
                arguments: [segment.file, segment.fingerprint, segment.count])
        }
    }

    /// Puts a merged segment in the place of others, in one transaction, and forgets the deletions that the merge
    /// left out.
    ///
    /// - Parameters:
    ///   - merged: nil where no live vector was left.
    ///   - staged: whether they are all staged.
    package func replace(
        _ old: [SegmentRecord], by merged: (file: String, fingerprint: Fingerprint, count: Int)?,
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
    package func stage(file: String, fingerprint: Fingerprint, count: Int) throws {
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
        try Self.translating(path) { try connections.read(body) }
    }

    func inspect<Value: Sendable>(_ body: @Sendable (Database) throws -> Value) throws -> Value {
        try Self.translating(path) { try connections.inspect(body) }
    }

    func write(_ body: @Sendable (Database) throws -> Void) throws {
        KillPoint.beforeTransaction.pass()
        try Self.translating(path) {
            try connections.write { database in
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
        try database.execute(
            sql: "DELETE FROM redirect WHERE site_id = ? AND source_id = ?",
            arguments: [siteID, article.sourceID])
        let text = article.text
        try database.execute(
            sql: """
                INSERT INTO article (site_id, source_id, title, url, path, line, revision, reader, digest, text_size,
                    text_crc, metadata, anchors_size, anchors, text)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """,
            arguments: [
                siteID, article.sourceID, article.title, article.url, article.path, article.line,
                article.revision, article.reader, Data(article.digest), text.count,
                Int64(CRC32C(text).value), try CatalogMetadata.json(article.metadata),
                article.anchors.utf8.count, anchors(article), Data(LZ4.compress(text)),
            ])
        let articleID = database.lastInsertedRowID
        let language = KeywordLanguage(site: try language(ofSite: siteID, database), text: text)
        try CatalogMetadata.add(article.metadata, article: articleID, database)
        for (ordinal, passage) in article.passages.enumerated() {
            let section = section(passage.sectionPath)
            try database.execute(
                sql: """
                    INSERT INTO passage (id, article_id, ordinal, section, start, end, line)
                    VALUES (?, ?, ?, ?, ?, ?, ?)
                    """,
                arguments: [
                    passage.id, articleID, ordinal, section, passage.range.lowerBound,
                    passage.range.upperBound, passage.line,
                ])
            let body = String(decoding: text[passage.range], as: UTF8.self)
            try KeywordIndex.add(
                KeywordRow(
                    id: passage.id, title: article.title, section: section, body: body, language: language),
                database)
        }
    }

    private static func language(ofSite id: Int64, _ database: Database) throws -> String {
        try String.fetchOne(database, sql: "SELECT language FROM site WHERE id = ?", arguments: [id]) ?? ""
    }

    private static func anchors(_ article: NewArticle) -> Data? {
        article.anchors.isEmpty ? nil : Data(LZ4.compress(Array(article.anchors.utf8)))
    }

    private static func refresh(_ id: Int64, _ article: NewArticle, _ database: Database) throws {
        guard let old = try metadata(ofArticle: id, database) else { return }
        try CatalogMetadata.remove(old, article: id, database)
        try CatalogMetadata.add(article.metadata, article: id, database)
        try database.execute(
            sql: """
                UPDATE article SET url = ?, path = ?, line = ?, revision = ?, reader = ?, digest = ?, metadata = ?,
                    anchors_size = ?, anchors = ? WHERE id = ?
                """,
            arguments: [
                article.url, article.path, article.line, article.revision, article.reader,
                Data(article.digest), try CatalogMetadata.json(article.metadata), article.anchors.utf8.count,
                anchors(article), id,
            ])
        for (ordinal, passage) in article.passages.enumerated() {
            try database.execute(
                sql: "UPDATE passage SET line = ? WHERE article_id = ? AND ordinal = ?",
                arguments: [passage.line, id, ordinal])
        }
    }

    private static func metadata(ofArticle id: Int64, _ database: Database) throws -> Metadata? {
        try String.fetchOne(database, sql: "SELECT metadata FROM article WHERE id = ?", arguments: [id])
            .map(CatalogMetadata.parse)
    }

    static func remove(article id: Int64, _ database: Database, _ path: FilePath) throws {
        guard let metadata = try metadata(ofArticle: id, database) else { return }
        try CatalogMetadata.remove(metadata, article: id, database)
        for passage in try keywordRows(ofArticle: id, database, path) {
            try KeywordIndex.remove(passage, database)
            try database.execute(sql: "INSERT INTO deletion (passage_id) VALUES (?)", arguments: [passage.id])
        }
        try database.execute(sql: "DELETE FROM passage WHERE article_id = ?", arguments: [id])
        try database.execute(sql: "DELETE FROM article WHERE id = ?", arguments: [id])
    }

    /// What the full-text index holds of each passage of an article.
    static func keywordRows(
        ofArticle id: Int64, _ database: Database, _ path: FilePath
    ) throws -> [KeywordRow] {
        let text = try text(ofArticle: id, database, path)
        let site = try String.fetchOne(
            database, sql: "SELECT language FROM site JOIN article ON site.id = site_id WHERE article.id = ?",
            arguments: [id])
        let language = KeywordLanguage(site: site ?? "", text: text)
        return try Row.fetchAll(
            database,
            sql: """
                SELECT passage.id, title, section, start, end, ordinal, alternatives
                FROM passage JOIN article ON article.id = article_id WHERE article_id = ? ORDER BY ordinal
                """, arguments: [id]
        ).map { row in
            let passage: Int64 = try row.value(0)
            let body = try slice(text, from: row.value(3), to: row.value(4), passage: passage, path)
            // The first passage is found by every title.
            let others: String = try row.value(5) == 0 ? row.value(6) : ""
            let title: String = try row.value(1)
            return KeywordRow(
                id: passage, title: others.isEmpty ? title : title + "\n" + others,
                section: try row.value(2), body: body, language: language)
        }
    }

    /// The text of an article, checked against its checksum.
    static func text(ofArticle id: Int64, _ database: Database, _ path: FilePath) throws -> [UInt8] {
        let row = try Row.fetchOne(
            database.cachedStatement(
                sql: "SELECT text, text_size, text_crc, title FROM article WHERE id = ?"),
            arguments: [id])
        guard let row,
            let text = try? LZ4.decompress([UInt8](row.value(0) as Data), size: row.value(1)),
            try Int64(CRC32C(text).value) == row.value(2)
        else {
            let title = (try? row?.value(3) as String?) ?? ""
            throw KindredError(
                .invalidData,
                "the stored text of article \(id) (\(title)) is damaged; index the dump again into another name",
                at: .init(path: path.string))
        }
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
}
