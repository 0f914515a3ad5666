import Foundation
import GRDB
import KindredSystem
import KindredTestSupport
import SystemPackage
import Testing

@testable import KindredStore

/// A catalogue of a few articles, and what damage to it shows.
@Suite struct CatalogDamageTests {
    private let directory: TemporaryDirectory
    private let path: FilePath

    init() throws {
        directory = try TemporaryDirectory()
        path = directory.path.appending("catalog with spaces & 50%?.sqlite")
        let catalog = try Catalog(path: path, access: .create)
        let site = DocumentCollection(
            name: "Test", identity: "testwiki", base: "https://t.example/", language: "en")
        for batch in 0..<3 {
            let articles = (0..<20).map { index in
                let id = Int64(20 * batch + index + 1)
                let text = "Stone number \(id) is made of basalt and lies in valley \(id * 7)."
                return NewArticle(
                    sourceID: id, title: "Stone \(id)", url: "https://t.example/\(id)", revision: 1,
                    digest: [1], text: Array(text.utf8),
                    passages: [NewPassage(id: id, sectionPath: ["Finding"], range: 0..<text.utf8.count)])
            }
            try catalog.commit(site: site, articles: articles, segment: ("00000\(batch).hnsw", .none, 20))
        }
        // Pages that were used and are free now.
        try catalog.commit(
            site: site,
            articles: [
                NewArticle(
                    sourceID: 1, title: "Stone 1", url: "", revision: 2, digest: [2], text: [], passages: [])
            ], segment: nil)
    }

    private func answers() throws -> [String] {
        let catalog = try Catalog(path: path, access: .read)
        let found = try catalog.keywordSearch("stone basalt valley 77", limit: 10)
        let passages = try catalog.passages(found.map(\.id))
        return found.map { "\($0) \(passages[$0.id].map { "\($0)" } ?? "")" }
            + [String(describing: try catalog.segmentsAndDeletions().segments), "\(try catalog.counts())"]
    }

    @Test func `every flipped bit is found, and none changes an answer`() throws {
        let whole = try [UInt8](Data(contentsOf: URL(fileURLWithPath: path.string)))
        let right = try answers()
        #expect(try Catalog(path: path, access: .read).problems().isEmpty)
        var generator = SeededGenerator(seed: 1)
        let used = whole.indices.filter { whole[$0] != 0 }
        for _ in 0..<200 {
            let place = used.randomElement(using: &generator)!
            var damaged = whole
            damaged[place] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
            try Data(damaged).write(to: URL(fileURLWithPath: path.string))
            do {
                let problems = try Catalog(path: path, access: .read).problems()
                #expect(!problems.isEmpty, "byte \(place)")
            } catch let error as KindredError {
                #expect([.invalidData, .incompatible].contains(error.code), "byte \(place): \(error)")
            }
            do {
                #expect(try answers() == right, "byte \(place)")
            } catch let error as KindredError {
                #expect([.invalidData, .incompatible].contains(error.code), "byte \(place): \(error)")
            }
        }
    }

    @Test func `a file that is cut off or has grown is damaged`() throws {
        let whole = try [UInt8](Data(contentsOf: URL(fileURLWithPath: path.string)))
        let others: [[UInt8]] = [
            Array(whole.dropLast(4096)), Array(whole.dropLast(100)), whole + [0],
            whole + [UInt8](repeating: 0, count: 4096),
        ]
        for bytes in others {
            try Data(bytes).write(to: URL(fileURLWithPath: path.string))
            #expect(throws: KindredError.self) {
                let problems = try Catalog(path: path, access: .read).problems()
                if !problems.isEmpty { throw KindredError(.invalidData, problems[0]) }
            }
        }
    }

    @Test func `words of the full-text index that the passages do not have are found`() throws {
        try CatalogConnections(path).write {
            try $0.execute(
                sql: """
                    INSERT INTO passage_text (passage_text, rowid, title, section, body)
                    VALUES ('delete', 5, '', '', 'basalt');
                    INSERT INTO passage_text (rowid, title, section, body) VALUES (5, '', '', 'granite')
                    """)
        }
        let problems = try Catalog(path: path, access: .read).problems()
        #expect(problems.count == 1 && problems[0].hasPrefix("full-text index"), "\(problems)")
    }

    @Test func `a value that a row cannot have is an error and no trap`() throws {
        try CatalogConnections(path).write {
            try $0.execute(
                sql: """
                    PRAGMA writable_schema = ON;
                    UPDATE sqlite_schema SET sql = replace(sql, ' NOT NULL', '') WHERE name IN ('article', 'segment')
                    """)
        }
        try CatalogConnections(path).write {
            try $0.execute(
                sql: "UPDATE article SET title = NULL WHERE id = 9; UPDATE segment SET file = NULL")
        }
        let catalog = try Catalog(path: path, access: .read)
        for body in [
            { _ = try catalog.passages([9]) }, { _ = try catalog.article(9) },
            { _ = try catalog.segmentsAndDeletions() },
            { _ = try catalog.problems() },
        ] as [() throws -> Void] {
            #expect(#expect(throws: KindredError.self, performing: body)?.code == .invalidData)
        }
    }

    @Test func `a catalogue of format 1 is refused to readers by its number, and brought up by a writer`()
        throws
    {
        let right = try answers()
        // The same rows in a database without checksums, with a log.
        let old = directory.path.appending("old.sqlite")
        do {
            let database = try DatabasePool(path: old.string, configuration: FormerFormats.configuration)
            try database.write(CatalogSchema.create)
            try database.writeWithoutTransaction {
                try $0.execute(sql: "ATTACH ? AS new", arguments: [path.string])
                for table in ["site", "article", "passage", "segment", "deletion", "sqlite_sequence"] {
                    try $0.execute(
                        sql: "DELETE FROM \(table); INSERT INTO \(table) SELECT * FROM new.\(table)")
                }
                for id in try Int64.fetchAll($0, sql: "SELECT id FROM article") {
                    for passage in try Catalog.keywordRows(ofArticle: id, $0, old) {
                        try $0.execute(
                            sql: "INSERT INTO passage_text (rowid, title, section, body) VALUES (?, ?, ?, ?)",
                            arguments: [passage.id, passage.title, passage.section, passage.body])
                    }
                }
                try $0.execute(sql: "DETACH new")
                try FormerFormats.makeFormat2($0)
                try $0.execute(sql: "PRAGMA user_version = 1")
            }
        }
        try FileManager.default.removeItem(atPath: path.string)
        for suffix in ["", "-wal"] where FileManager.default.fileExists(atPath: old.string + suffix) {
            try FileManager.default.moveItem(atPath: old.string + suffix, toPath: path.string + suffix)
        }
        let error = #expect(throws: KindredError.self) { try Catalog(path: path, access: .read) }
        #expect(error?.code == .incompatible && error?.message.contains("format 1") == true)
        #expect(try Catalog(path: path, access: .write).problems().isEmpty)
        #expect(try answers() == right)
        #expect(!FileManager.default.fileExists(atPath: path.string + "-wal"))
    }
}
