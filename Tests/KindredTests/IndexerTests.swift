import Foundation
import KindredIndex
import KindredStore
import KindredSystem
import KindredTestSupport
import SystemPackage
import Testing

@testable import Kindred

@Suite(.serialized) struct IndexerTests {
    let temporary: TemporaryDirectory
    let directory: IndexDirectory

    init() throws {
        temporary = try TemporaryDirectory()
        directory = try IndexDirectory(root: temporary.path.appending("indexes"), name: "test")
    }

    func file(_ name: String, _ bytes: [UInt8]) throws -> String {
        try temporary.file(name, bytes).string
    }

    /// Titles that a keyword search finds.
    func titles(_ word: String = "stone") throws -> Set<String> {
        Set(try Searcher(directory).search(word, mode: .keyword, limit: 100).hits.map(\.title))
    }

    @Test func `the sample answers most of its questions, in every mode`() throws {
        let report = try Indexer(directory).index(dump: Resources.sampleDump().string)
        #expect(
            (report.pages, report.redirects, report.skipped["of other namespaces"], report.added) == (
                68, 6, 2, 60
            ))
        let searcher = try Searcher(directory)
        let questions = try String(
            contentsOfFile: FilePath(#filePath).removingLastComponent().removingLastComponent()
                .removingLastComponent()
                .appending("Tools/sample/questions.tsv").string, encoding: .utf8
        ).split(separator: "\n").map { $0.split(separator: "\t").map(String.init) }
        #expect(questions.count == 60)
        var found: [SearchMode: Int] = [:]
        for question in questions {
            for mode in SearchMode.allCases {
                let hits = try searcher.search(question[0], mode: mode, limit: 5).hits
                #expect(mode == .keyword || hits.count == 5)
                if hits.contains(where: { $0.title == question[1] }) { found[mode, default: 0] += 1 }
            }
        }
        // Chance is 5 of 60.
        for mode in SearchMode.allCases { #expect(found[mode]! >= 48, "\(mode): \(found[mode]!)") }
        #expect(try IndexVerification(directory).problems.isEmpty)
    }

    @Test func `indexing again finds nothing to do, and a newer dump changes only what changed`() throws {
        let first = try file("a.xml", dump(pages(30)))
        #expect(try Indexer(directory).index(dump: first).added == 30)
        let again = try Indexer(directory).index(dump: first)
        #expect(again.alreadyComplete && again.pages == 30 && again.passages == 0)

        var changed = pages(31)
        changed[4].text = "Stone number 5 is really a meteorite of iron."
        let report = try Indexer(directory).index(dump: file("b.xml", dump(changed)))
        #expect((report.added, report.changed, report.unchanged) == (1, 1, 29))
        let hits = try Searcher(directory).search("meteorite", mode: .keyword).hits
        #expect(hits.map(\.title) == ["Stone 5"])
        let semantic = try Searcher(directory).search("Stone 5", mode: .semantic, limit: 100).hits
        #expect(semantic.count == 61)
        #expect(Set(semantic.map(\.passageID)).count == 61)
        #expect(try IndexVerification(directory).problems.isEmpty)
    }

    @Test func `a run that is stopped commits what it has, and the next goes on to the same answers`() throws
    {
        let path = try file("a.xml", dump(pages(300)))
        var looks = 0
        let stopped = try Indexer(directory).index(
            dump: path,
            shouldStop: {
                looks += 1
                return looks > 150
            })
        #expect(stopped.stopped && stopped.added > 0 && stopped.added < 300)
        #expect(try IndexVerification(directory).problems.isEmpty)
        let resumed = try Indexer(directory).index(dump: path)
        #expect(resumed.unchanged == stopped.added && resumed.added == 300 - stopped.added)

        let whole = try IndexDirectory(root: directory.root, name: "whole")
        try Indexer(whole).index(dump: path)
        for query in ["valley 70", "people near the river", "basalt"] {
            let one = try Searcher(directory).search(query, limit: 20).hits.map(\.passageID)
            #expect(one == (try Searcher(whole).search(query, limit: 20).hits.map(\.passageID)))
        }
        let status = try IndexStatus(directory)
        #expect((status.articles, status.passages) == (300, 600))
    }

    @Test func `segments are merged as they grow, and what a killed run left is swept`() throws {
        let path = try file("a.xml", dump(pages(700)))
        try Indexer(directory).index(dump: path)
        let status = try IndexStatus(directory)
        #expect(status.passages == 1400 && status.segments <= 3)
        let stray = directory.segments.appending("009999.hnsw")
        try Data([1, 2, 3]).write(to: URL(fileURLWithPath: stray.string))
        #expect(try IndexVerification(directory).strayFiles == ["009999.hnsw"])
        try Indexer(directory).index(dump: file("b.xml", dump(pages(701))))
        #expect(!FileManager.default.fileExists(atPath: stray.string))
    }

    @Test func `what is replaced leaves the segments once it is more than 30 % of one`() throws {
        var changing = pages(400)
        try Indexer(directory).index(dump: file("a.xml", dump(changing)))
        func dead() throws -> [Double] {
            let catalog = try Catalog(path: directory.catalog, access: .read)
            let (segments, deletions) = try catalog.segmentsAndDeletions()
            return try segments.map { record in
                let ids = try Segment(path: directory.segments.appending(record.file)).ids()
                return Double(ids.count { deletions.contains($0) }) / Double(ids.count)
            }
        }
        // A tenth is left where it is.
        for page in 0..<30 { changing[page].text += " It was moved." }
        try Indexer(directory).index(dump: file("b.xml", dump(changing)))
        #expect(try dead().contains { $0 > 0 })
        for page in 30..<250 { changing[page].text += " It was broken." }
        try Indexer(directory).index(dump: file("c.xml", dump(changing)))
        #expect(try dead().allSatisfy { $0 <= SegmentStore.mergePolicy.mostDeleted })
        #expect(try IndexVerification(directory).problems.isEmpty)
        #expect(try IndexStatus(directory).passages == 800)
        let hits = try Searcher(directory).search(
            "Stone number 200 is made of basalt. It was broken.", limit: 5
        ).hits
        #expect(hits.contains { $0.title == "Stone 200" })
    }

    @Test func `a stop does not wait for the end of a long article, which the next run takes again`() throws {
        let long = (0..<300).map { "== Part \($0) ==\nStone number \($0) lies in valley \($0 * 7)." }
        let path = try file(
            "long.xml",
            dump(pages(2) + [(3, "Stones", long.joined(separator: "\n\n"))] + [(4, "End", "It ends.")]))
        var steps = 0
        let stopped = try Indexer(directory).index(
            dump: path, shouldStop: { steps >= 2 }, progress: { _ in steps += 1 })
        #expect(stopped.stopped && stopped.passages == 0 && steps < 5)
        let whole = try Indexer(directory).index(dump: path)
        #expect(whole.added == 4 && whole.passages >= 300)
        #expect(try IndexVerification(directory).problems.isEmpty)
    }

    @Test func `a second writer is refused while the first works`() throws {
        let path = try file("a.xml", dump(pages(3)))
        try directory.create()
        let lock = try directory.lockForWriting()
        let error = #expect(throws: KindredError.self) { try Indexer(directory).index(dump: path) }
        #expect(error?.code == .busy)
        withExtendedLifetime(lock) {}
    }

    @Test func `an index refuses an encoder that is not its own`() throws {
        try Indexer(directory).index(dump: file("a.xml", dump(pages(3))))
        let text = try String(contentsOfFile: directory.encoder.string, encoding: .utf8)
        let fingerprint = try IndexStatus(directory).fingerprint
        try text.replacingOccurrences(of: fingerprint, with: String(repeating: "0", count: 64))
            .write(toFile: directory.encoder.string, atomically: true, encoding: .utf8)
        #expect(
            #expect(throws: KindredError.self) { try Searcher(directory).search("stone") }?.code
                == .incompatible)
        #expect(#expect(throws: KindredError.self) { try Indexer(directory) }?.code == .incompatible)
        try text.replacingOccurrences(of: "\"format\" : 1", with: "\"format\" : 9")
            .write(toFile: directory.encoder.string, atomically: true, encoding: .utf8)
        let newer = #expect(throws: KindredError.self) { try Searcher(directory) }
        #expect(newer?.message.contains("newer") == true)
    }

    @Test(arguments: [("", 1), (" ", 3), ("?!", 1), ("x", 100_000)])
    func `a query that cannot be answered is refused with a reason`(piece: String, count: Int) throws {
        let query = String(repeating: piece, count: count)
        try Indexer(directory).index(dump: file("a.xml", dump(pages(3))))
        let error = #expect(throws: KindredError.self) { try Searcher(directory).search(query) }
        #expect(error?.code == .invalidRequest)
        #expect((error?.message.count ?? 0) < 200)
    }

    @Test func `a searcher sees what a writer commits after it was opened`() throws {
        try Indexer(directory).index(dump: file("a.xml", dump(pages(3))))
        let searcher = try Searcher(directory)
        #expect(try searcher.search("stone", mode: .semantic, limit: 100).hits.count == 6)
        try Indexer(directory).index(dump: file("b.xml", dump(pages(900))))
        #expect(try searcher.search("stone", mode: .semantic, limit: 1000).hits.count == 1000)
    }

    @Test(arguments: ["", "a/b", "..", ".hidden", "naïve", String(repeating: "a", count: 65)])
    func `a name that could leave the directory is refused`(name: String) {
        let error = #expect(throws: KindredError.self) { try IndexDirectory(root: "x", name: name) }
        #expect(error?.code == .invalidRequest)
    }
}
