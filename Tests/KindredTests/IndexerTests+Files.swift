import Foundation
import KindredDocuments
import KindredStore
import KindredSystem
import KindredTestSupport
import SystemPackage
import Testing

@testable import Kindred

extension IndexerTests {
    private var notes: String { temporary.path.appending("notes").string }

    private func write(_ name: String, _ text: String) throws {
        let path = notes + "/" + name
        try FileManager.default.createDirectory(
            atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
        try text.write(toFile: path, atomically: true, encoding: .utf8)
    }

    @discardableResult
    private func index(
        _ paths: [String]? = nil, prune: Bool = false, _ change: (inout ReadingOptions) -> Void = { _ in }
    ) throws -> IndexingReport {
        var options = ReadingOptions()
        change(&options)
        return try Indexer(directory).index(
            paths ?? [notes], options: options, mayRemove: { prune || $0 * 2 <= $1 }, shouldStop: { false },
            progress: { _ in })
    }

    private func fill() throws {
        try write(
            "bees.md",
            "# Bees\n\nThe queen bee lays eggs in the hive.\n\n## Honey\n\nWorkers make honey from nectar.\n")
        try write("sub/rivers.txt", "Rivers run to the sea and carry stones.\n")
        try write(
            "data.jsonl",
            #"{"id": 1, "text": "A lamp lights the desk.", "price": 20}"# + "\n"
                + #"{"id": 2, "text": "A wooden chair.", "price": 90}"# + "\n")
    }

    @Test func `a directory is indexed, and hits name file, line and metadata`() throws {
        try fill()
        let report = try index()
        #expect((report.added, report.sources.count) == (4, 1))
        let hit = try #require(try Searcher(directory).search("who makes honey", mode: .keyword).hits.first)
        #expect(hit.title == "Bees" && hit.sectionPath == ["Honey"] && hit.line == 7)
        #expect(hit.path == URL(fileURLWithPath: notes).resolvingSymlinksInPath().path + "/bees.md")
        let lamp = try #require(try Searcher(directory).search("lamp", mode: .keyword).hits.first)
        #expect(lamp.metadata["price"] == [.integer(20)] && lamp.line == 1)
        #expect(try IndexVerification(directory).problems.isEmpty)
    }

    @Test func `an update reads what changed, and removes what vanished`() throws {
        try fill()
        try index()
        #expect(try index().unchanged == 4)
        try write("bees.md", "# Bees\n\nDrones do no work.\n")
        try write("new.txt", "A newcomer.")
        try FileManager.default.removeItem(atPath: notes + "/sub/rivers.txt")
        try write("data.jsonl", #"{"id": 2, "text": "A wooden chair.", "price": 95}"# + "\n")
        let report = try index()
        #expect((report.added, report.changed, report.removed) == (1, 1, 2))
        // The record's price changed and its text did not, so that nothing is encoded for it.
        #expect((report.unchanged, report.passages) == (1, 2))
        #expect(
            try Searcher(directory).search("chair", mode: .keyword).hits.first?.metadata["price"] == [
                .integer(95)
            ])
        #expect(try titles("stones").isEmpty && titles("drones") == ["Bees"])
        #expect(try IndexVerification(directory).problems.isEmpty)
    }

    @Test func `much is removed only when it may be, and other directories stay`() throws {
        try fill()
        try index()
        let other = temporary.path.appending("other").string
        try FileManager.default.createDirectory(atPath: other, withIntermediateDirectories: true)
        try "Elsewhere.".write(toFile: other + "/e.txt", atomically: true, encoding: .utf8)
        try index([other])
        for name in ["bees.md", "sub", "data.jsonl"] {
            try FileManager.default.removeItem(atPath: notes + "/" + name)
        }
        let kept = try index()
        #expect((kept.removed, kept.missing) == (0, 4))
        #expect(try index(prune: true).removed == 4)
        #expect(try IndexStatus(directory).articles == 1)
    }

    @Test func `several sources are read in one run, and a damaged one does not keep the others out`() throws
    {
        try fill()
        let first = try file("a.xml", dump(pages(3)))
        let broken = try file("b.xml", Array(dump(pages(9)).prefix(300)))
        let report = try index([first, broken, notes])
        #expect(report.sources.map(\.added) == [3, 0, 4])
        #expect(report.sources.map { $0.failure != nil } == [false, true, false])
        let again = try index([first, broken, notes])
        #expect(again.sources.map(\.alreadyComplete) == [true, false, false] && again.added == 0)
    }

    @Test func `a missing path, or a directory without documents, makes no index`() throws {
        try write("pictures/picture.png", "no text")
        try write("broken.pdf", "%PDF-1.4 and no more")
        for name in ["none.txt", "broken.pdf", "pictures/picture.png", "pictures"] {
            let path = notes + "/" + name
            #expect(throws: KindredError.self) { try index([path]) }
        }
        #expect(try !directory.exists)
    }

    @Test func `faults of files and records are counted and told`() throws {
        try fill()
        try write("bad.jsonl", "{\n{\"text\": \"fine\"}\n")
        try Data([0x61, 0xFF]).write(to: URL(fileURLWithPath: notes + "/latin.txt"))
        let report = try index()
        #expect(report.added == 5 && report.failure == nil)
        #expect(report.skipped == ["damaged": 1, "of unknown encoding": 1])
        #expect(report.sources[0].errors.count == 2)
        #expect(report.sources[0].errors.contains { $0.contains("bad.jsonl, line 1") })
        // A file of its own is what the user wants: nothing of it can be read.
        let alone = try index([notes + "/latin.txt", notes + "/bees.md"])
        #expect(alone.sources[0].failure?.location?.path.hasSuffix("latin.txt") == true)
    }

    @Test(arguments: SearchMode.allCases)
    func `a filter decides which documents answer, also when they are few of many`(_ mode: SearchMode) throws
    {
        let lines = (1...400).map {
            #"{"id": \#($0), "text": "Stone number \#($0) is made of basalt.", "weight": \#($0)}"#
        }
        try write("stones.jsonl", lines.joined(separator: "\n"))
        try index()
        let searcher = try Searcher(directory)
        for (condition, expected) in [
            ("weight <= 3", Set([1, 2, 3])), ("weight = 77", [77]), ("weight > 400", []),
        ] {
            let results = try searcher.search(
                "a stone of basalt", mode: mode, limit: 50, filter: SearchFilter(where: condition),
                facets: ["weight"])
            #expect(Set(results.hits.compactMap { Int($0.title) }) == expected)
            #expect(results.facets["weight"]?.count == expected.count)
        }
        #expect(throws: KindredError.self) {
            try searcher.search("stone", filter: SearchFilter(where: "wieght = 1"))
        }
        let prefixed = try searcher.search(
            "stone", mode: mode, limit: 50, filter: SearchFilter(titlePrefix: "39"))
        #expect(Set(prefixed.hits.map(\.title)) == Set(["39"] + (390...399).map(String.init)))
    }

    @Test func `documents are removed by a condition, and come back with their source`() throws {
        try fill()
        try index()
        do {
            let removal = try Removal(from: directory)
            let filter = try SearchFilter(where: "price > 50")
            #expect(try removal.count(where: filter) == 1)
            #expect(try removal.removeDocuments(where: filter) == 1)
        }
        #expect(try titles("chair").isEmpty)
        #expect(try IndexVerification(directory).problems.isEmpty)
        #expect(try index().added == 1)
        try Data().write(to: URL(fileURLWithPath: directory.path.string + "/mine.txt"))
        #expect(try Removal(from: directory).removeIndex() == ["mine.txt"])
        #expect(try !directory.exists && directory.path.entries() == ["mine.txt"])
    }

    @Test func `a redirect's title finds its target, until a newer dump has it no more`() throws {
        var list = pages(6)
        list[0].title = "Myanmar"
        let redirect =
            "<page><title>Burma</title><ns>0</ns><id>40</id><redirect title=\"Myanmar\" /><revision><id>1</id><text>#REDIRECT [[Myanmar]]</text></revision></page></mediawiki>"
        let with = String(decoding: dump(list), as: UTF8.self).replacing("</mediawiki>", with: redirect)
        try Indexer(directory).index(dump: file("t-1-pages-articles.xml", Array(with.utf8)))
        #expect(try titles("Burma") == ["Myanmar"])
        #expect(try IndexVerification(directory).problems.isEmpty)
        try Indexer(directory).index(dump: file("t-2-pages-articles.xml", dump(list)))
        #expect(try titles("Burma").isEmpty)
        #expect(try IndexVerification(directory).problems.isEmpty)
    }

    @Test func `links lead to the first passage of their article, also by a redirect, as pairs for training`()
        throws
    {
        var list = pages(2)
        list[0].text =
            "The [[Stone 2|second one]], [[Pebble|a small one]] and [[Elsewhere|another]] lie here."
        let redirect =
            "<page><title>Pebble</title><ns>0</ns><id>9</id><redirect title=\"Stone 2\" /><revision><id>1</id><text>#REDIRECT [[Stone 2]]</text></revision></page></mediawiki>"
        let xml = String(decoding: dump(list), as: UTF8.self).replacing("</mediawiki>", with: redirect)
        try Indexer(directory).index(dump: file("a.xml", Array(xml.utf8)))
        var pairs: [String] = []
        try IndexTexts(directory).readAnchors { anchor, passage in
            pairs.append("\(anchor): \(passage.prefix(22))")
            return true
        }
        #expect(pairs == ["second one: Stone 2\nStone number 2", "a small one: Stone 2\nStone number 2"])
    }

    @Test func `documents that are read again in another language are not there twice`() throws {
        try fill()
        try index()
        let report = try index { $0.language = "de" }
        #expect((report.added, report.removed) == (4, 4))
        #expect(try IndexStatus(directory).articles == 4)
        #expect(try index { $0.language = "de" }.unchanged == 4)
        #expect(try IndexVerification(directory).problems.isEmpty)
    }

    @Test func `what a file held stays while the file cannot be read to its end`() throws {
        try fill()
        let rows = "id,text\n1,A lamp of brass\n2,A lamp of glass\n"
        try write("lamps.csv", rows)
        try index()
        // Cut off before its header.
        try write("lamps.csv", "")
        let report = try index()
        #expect((report.removed, report.missing, report.skipped["damaged"]) == (0, 0, 1))
        #expect(try Searcher(directory).search("glass", mode: .keyword).hits.map(\.title) == ["2"])
        try write("lamps.csv", "id,text\n1,A lamp of brass\n")
        #expect(try index().removed == 1)
        #expect(try IndexVerification(directory).problems.isEmpty)
    }
}
