import Foundation
import GRDB
import KindredSystem
import KindredTestSupport
import SystemPackage
import Testing

@testable import KindredStore

private let site = DocumentCollection(
    name: "Test", identity: "testwiki", base: "https://test.example/wiki/", language: "en")

private func article(_ id: Int64, _ text: String, passages first: Int64, digest: UInt8 = 1) -> NewArticle {
    let half = text.utf8.count / 2
    return NewArticle(
        sourceID: id, title: "Article \(id)", url: "https://test.example/wiki/\(id)", revision: id,
        digest: [digest], text: Array(text.utf8),
        passages: [
            NewPassage(id: first, sectionPath: [], range: 0..<half),
            NewPassage(id: first + 1, sectionPath: ["A", "B"], range: half..<text.utf8.count),
        ])
}

@Suite struct CatalogTests {
    private let directory: TemporaryDirectory
    private let path: FilePath

    init() throws {
        directory = try TemporaryDirectory()
        path = directory.path.appending("catalog.sqlite")
    }

    private func filled() throws -> Catalog {
        let catalog = try Catalog(path: path, access: .create)
        try catalog.commit(
            site: site,
            articles: [
                article(1, "The queen bee lays eggs in the hive", passages: 1),
                article(2, "Rivers run to the sea", passages: 3),
            ],
            segment: (file: "000001.hnsw", fingerprint: .none, count: 4))
        return catalog
    }

    @Test func `what is committed is read back by another connection`() throws {
        _ = try filled()
        let catalog = try Catalog(path: path, access: .read)
        let counts = try catalog.counts()
        #expect((counts.articles, counts.passages, counts.deletions) == (2, 4, 0))
        let passage = try #require(try catalog.passages([2])[2])
        #expect(
            passage.text == "s eggs in the hive" && passage.sectionPath == ["A", "B"]
                && passage.title == "Article 1")
        #expect(try catalog.article(passage.articleID).text == "The queen bee lays eggs in the hive")
        #expect(try catalog.article(wiki: "testwiki", sourceID: 2)?.digest == [1])
        #expect(try catalog.article(wiki: "other", sourceID: 2) == nil)
        #expect(try catalog.nextPassageID() == 5)
        #expect(try catalog.problems().isEmpty)
    }

    @Test func `a changed article replaces its passages in both indexes`() throws {
        let catalog = try filled()
        let before = try catalog.generation()
        try catalog.commit(
            site: site, articles: [article(1, "Wasps build nests of paper", passages: 5, digest: 2)],
            segment: (file: "000002.hnsw", fingerprint: .none, count: 2))
        #expect(try catalog.generation() != before)
        #expect(try catalog.keywordSearch("hive", limit: 10).isEmpty)
        #expect(try catalog.keywordSearch("wasps", limit: 10).map(\.id) == [5])
        let state = try catalog.segmentsAndDeletions()
        #expect(state.deletions == [1, 2] && state.segments.count == 2)
        #expect(try catalog.problems().isEmpty)
        try catalog.replace(
            state.segments, by: (file: "000003.hnsw", fingerprint: .none, count: 4), forgetting: [1, 2],
            staged: false)
        let after = try catalog.segmentsAndDeletions()
        #expect(after.segments.map(\.file) == ["000003.hnsw"] && after.deletions.isEmpty)
        #expect(try catalog.nextSegmentNumber() == 4)
    }

    @Test func `a question finds passages that hold some of its words, in any form`() throws {
        let catalog = try filled()
        #expect(try catalog.keywordSearch("where does the river run?", limit: 10).first?.id == 3)
        #expect(try catalog.keywordSearch("laying egg", limit: 10).isEmpty == false)
        for hostile in [
            "\"", "a AND", "NEAR(", "title:x", "*", "'; DROP TABLE article; --", "(((", "^a", "-",
        ] {
            _ = try catalog.keywordSearch(hostile, limit: 10)
        }
        #expect(try catalog.keywordSearch("?!", limit: 10).isEmpty)
    }

    @Test func `of passages with the same words, the one with a pair of them close together comes first`()
        throws
    {
        let catalog = try Catalog(path: path, access: .create)
        let apart = "The layer of paint is thick and dry and nobody who saw it asked about the boundary"
        let near = "The boundary of the layer is thick and dry and nobody who saw it asked about paint"
        let texts = [apart, near] + (3...30).map { "Nothing of the kind stands in line \($0)" }
        try catalog.commit(
            site: site,
            articles: texts.enumerated().map { index, text in
                NewArticle(
                    sourceID: Int64(index), title: "", url: "", revision: nil, digest: [],
                    text: Array(text.utf8),
                    passages: [
                        NewPassage(id: Int64(index + 1), sectionPath: [], range: 0..<text.utf8.count)
                    ])
            }, segment: nil)
        let found = try catalog.keywordSearch("paint boundary layer", limit: 10)
        #expect(found.map(\.id) == [2, 1])
        // What a pair is worth is a fifth of what a word in one of 30 passages is.
        #expect(abs(found[0].score - found[1].score - 0.2 * log(29.5 / 1.5)) < 1e-6)
        #expect(try catalog.keywordSearch("paint boundary layer", limit: 1).map(\.id) == [2])
        // Alone, the words find both, by id.
        #expect(try catalog.keywordSearch("boundary", limit: 10).map(\.id) == [1, 2])
    }

    @Test func `a commit that fails changes nothing`() throws {
        let catalog = try filled()
        // The second article uses a passage id that is taken.
        #expect(throws: KindredError.self) {
            try catalog.commit(
                site: site,
                articles: [article(3, "New text", passages: 7), article(4, "Clash", passages: 1)],
                segment: (file: "000002.hnsw", fingerprint: .none, count: 4))
        }
        #expect(try catalog.counts().articles == 2)
        #expect(try catalog.segmentsAndDeletions().segments.count == 1)
        #expect(try catalog.problems().isEmpty)
    }

    @Test func `a catalogue of a newer Kindred or of another program is refused`() throws {
        _ = try filled()
        try DatabaseQueue(path: path.string).write { try $0.execute(sql: "PRAGMA user_version = 99") }
        let newer = #expect(throws: KindredError.self) { try Catalog(path: path, access: .read) }
        #expect(newer?.code == .incompatible)
        let other = directory.path.appending("other.sqlite")
        try DatabaseQueue(path: other.string).write { try $0.execute(sql: "CREATE TABLE t (x)") }
        #expect(
            #expect(throws: KindredError.self) { try Catalog(path: other, access: .create) }?.code
                == .invalidData)
        let text = try directory.file(
            "text.sqlite", Array(String(repeating: "no database ", count: 100).utf8))
        #expect(
            #expect(throws: KindredError.self) { try Catalog(path: text, access: .read) }?.code
                == .invalidData)
        #expect(
            #expect(throws: KindredError.self) { try Catalog(path: "/nowhere/x", access: .read) }?.code
                == .notFound)
    }

    @Test func `a catalogue whose making was interrupted is told as such, and made by the next writer`()
        throws
    {
        _ = try directory.file("catalog.sqlite", [])
        let empty = #expect(throws: KindredError.self) { try Catalog(path: path, access: .read) }
        #expect(empty?.code == .notFound && empty?.message.contains("interrupted") == true)
        #expect(try filled().counts().articles == 2)
    }

    @Test func `damage to a stored text is found and not shown`() throws {
        let catalog = try filled()
        try CatalogConnections(path).write {
            try $0.execute(sql: "UPDATE article SET text_crc = text_crc + 1 WHERE source_id = 1")
            try $0.execute(sql: "UPDATE passage SET end = 9999 WHERE id = 4")
        }
        #expect(try catalog.problems().count == 2)
        #expect(#expect(throws: KindredError.self) { try catalog.passages([1]) }?.code == .invalidData)
        #expect(#expect(throws: KindredError.self) { try catalog.passages([4]) }?.code == .invalidData)
    }

    /// A catalogue of one passage for each text.
    private func catalog(_ texts: [String]) throws -> Catalog {
        let catalog = try Catalog(path: path, access: .create)
        try catalog.commit(
            site: site,
            articles: texts.enumerated().map { index, text in
                NewArticle(
                    sourceID: Int64(index + 1), title: "", url: "", revision: nil, digest: [],
                    text: Array(text.utf8),
                    passages: [
                        NewPassage(id: Int64(index + 1), sectionPath: [], range: 0..<text.utf8.count)
                    ])
            }, segment: nil)
        return catalog
    }

    @Test(arguments: [
        ("京都", 1), ("城跡", 1), ("都", 1), ("Radar", 2), ("天文台", 2), ("河流", 3), ("부산", 4), ("항구", 4),
        ("ทะเลสาบ", 5),
        ("سفينة", 6), ("سَفِينَة", 6), ("الى", 6), ("Fluss", 7), ("FLUẞ", 7), ("fish", 8), ("coeur", 8),
        ("ＡＢＣ", 8),
        ("नदी", 9), ("שלום", 10), ("café", 11), ("m²", 11), ("İstanbul", 12), ("istanbul", 12), ("کتابی", 13),
    ])
    func `words are found in every script`(query: String, passage: Int64) throws {
        let catalog = try catalog([
            "古い京都には城跡がある。", "山の天文台はRadarで空を見る。", "这条河流很长，流入大海。", "부산에는 큰 항구가 있다.",
            "เรือลอยอยู่ในทะเลสาบใหญ่", "وَصَلَت السَّفِينَة سفينة إلى الميناء", "Der Fluß ist breit.",
            "The ﬁsh and the cœur of ABC",
            "यह नदी लंबी है", "שָׁלוֹם לכולם", "A cafe\u{301} of 20 m²", "İstanbul şehri", "كتابى جديد",
        ])
        #expect(try catalog.keywordSearch(query, limit: 1).map(\.id) == [passage])
        #expect(try catalog.problems().isEmpty)
    }

    @Test func `a removed article goes from every table`() throws {
        let catalog = try catalog(["京都の城", "Der Fluß"])
        let articles = try catalog.articles(wiki: "testwiki", sourceIDs: 1...1)
        #expect(articles.map(\.sourceID) == [1])
        try catalog.commit(site: site, articles: [], removed: articles.map(\.id) + [99], segment: nil)
        #expect(try catalog.keywordSearch("京都", limit: 9).isEmpty)
        #expect(try catalog.keywordSearch("fluss", limit: 9).map(\.id) == [2])
        #expect(try catalog.segmentsAndDeletions().deletions == [1])
        #expect(try catalog.problems().isEmpty)
    }

    @Test func `a catalogue of format 1 is refused to readers, and brought up by the next writer`() throws {
        do {
            let catalog = try catalog(["古い京都には", "Rivers run"])
            _ = try catalog.counts()
        }
        try DatabaseQueue(path: path.string, configuration: FormerFormats.configuration).write { database in
            try FormerFormats.makeFormat2(database)
            try database.execute(
                sql: """
                    DROP TABLE passage_text;
                    CREATE VIRTUAL TABLE passage_text USING fts5(
                        title, section, body, content='', tokenize='porter unicode61 remove_diacritics 2');
                    INSERT INTO passage_text (rowid, title, section, body) VALUES (1, '', '', '古い京都には');
                    INSERT INTO passage_text (rowid, title, section, body) VALUES (2, '', '', 'Rivers run');
                    PRAGMA user_version = 1;
                    """)
        }
        let refused = #expect(throws: KindredError.self) { _ = try Catalog(path: path, access: .read) }
        #expect(refused?.code == .incompatible)
        let new = try Catalog(path: path, access: .write)
        #expect(try new.keywordSearch("京都", limit: 9).map(\.id) == [1])
        #expect(try new.problems().isEmpty)
        let reader = try Catalog(path: path, access: .read)
        #expect(try reader.keywordSearch("river", limit: 9).map(\.id) == [2])
    }

    @Test func `a catalogue of format 2 keeps its articles, ids and answers, and is read again`() throws {
        do {
            let catalog = try filled()
            try catalog.record(SourceRecord(path: "/dump", identity: "1", complete: true, counts: .init()))
            let last = try #require(try catalog.article(wiki: "testwiki", sourceID: 2))
            try catalog.remove(articles: [last.id])
        }
        var configuration = CatalogConnections.configuration()
        configuration.foreignKeysEnabled = false
        let address = CatalogConnections(path).address
        try DatabaseQueue(path: address, configuration: configuration).write(FormerFormats.makeFormat2)
        let refused = #expect(throws: KindredError.self) { _ = try Catalog(path: path, access: .read) }
        #expect(refused?.code == .incompatible && refused?.message.contains("format 2") == true)

        let new = try Catalog(path: path, access: .write)
        #expect(try new.problems().isEmpty)
        #expect(try new.keywordSearch("hive", limit: 9).map(\.id) == [2])
        // What was read by an earlier version is read again.
        #expect(try new.article(wiki: "testwiki", sourceID: 1)?.reader == 0)
        #expect(try new.source(path: "/dump")?.complete == false)
        // The id of the removed article is not given out again.
        try new.commit(site: site, articles: [article(3, "The moon has craters", passages: 5)], segment: nil)
        #expect(try new.article(wiki: "testwiki", sourceID: 3)?.id == 3)
    }
}
