import Foundation
import KindredIndex
import KindredStore
import KindredSystem
import KindredTestSupport
import SystemPackage
import Testing

@testable import Kindred

/// A dump of short pages whose texts can be told apart.
private func dump(_ pages: [(id: Int, title: String, text: String)]) -> [UInt8] {
    var xml =
        "<mediawiki><siteinfo><sitename>T</sitename><dbname>t</dbname><base>https://t.example/wiki/M</base></siteinfo>"
    for page in pages {
        xml +=
            "<page><title>\(page.title)</title><ns>0</ns><id>\(page.id)</id><revision><id>1</id><text>\(page.text)</text></revision></page>"
    }
    return Array((xml + "</mediawiki>").utf8)
}

private func pages(_ count: Int, word: String = "basalt") -> [(id: Int, title: String, text: String)] {
    (1...count).map { page in
        (
            page, "Stone \(page)",
            "Stone number \(page) is made of \(word) and lies in valley \(page * 7).\n\n== Finding ==\nPeople found stone \(page) near the river."
        )
    }
}

@Suite(.serialized) struct IndexerTests {
    private let temporary: TemporaryDirectory
    private let directory: IndexDirectory

    init() throws {
        temporary = try TemporaryDirectory()
        directory = try IndexDirectory(root: temporary.path.appending("indexes"), name: "test")
    }

    private func file(_ name: String, _ bytes: [UInt8]) throws -> String {
        try temporary.file(name, bytes).string
    }

    @Test func `the sample answers most of its questions, in every mode`() throws {
        let report = try Indexer(directory).index(dump: Resources.sampleDump().string)
        #expect((report.pages, report.redirects, report.otherNamespaces, report.added) == (68, 6, 2, 60))
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
        #expect(found[.hybrid]! >= 48)
        #expect(found[.keyword]! >= 48)
        // The base decoder was not trained to encode; chance is 5 of 60.
        #expect(found[.semantic]! >= 15)
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
        _ = try Indexer(whole).index(dump: path)
        for query in ["valley 70", "people near the river", "basalt"] {
            let one = try Searcher(directory).search(query, limit: 20).hits.map(\.passageID)
            #expect(one == (try Searcher(whole).search(query, limit: 20).hits.map(\.passageID)))
        }
        let status = try IndexStatus(directory)
        #expect((status.articles, status.passages) == (300, 600))
    }

    @Test func `segments are merged as they grow, and what a killed run left is swept`() throws {
        let path = try file("a.xml", dump(pages(700)))
        _ = try Indexer(directory).index(dump: path)
        let status = try IndexStatus(directory)
        #expect(status.passages == 1400 && status.segments <= 3)
        let stray = directory.segments.appending("009999.hnsw")
        try Data([1, 2, 3]).write(to: URL(fileURLWithPath: stray.string))
        #expect(try IndexVerification(directory).strayFiles == ["009999.hnsw"])
        _ = try Indexer(directory).index(dump: file("b.xml", dump(pages(701))))
        #expect(!FileManager.default.fileExists(atPath: stray.string))
    }

    @Test func `what is replaced leaves the segments once it is more than 30 % of one`() throws {
        var changing = pages(400)
        _ = try Indexer(directory).index(dump: file("a.xml", dump(changing)))
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
        _ = try Indexer(directory).index(dump: file("b.xml", dump(changing)))
        #expect(try dead().contains { $0 > 0 })
        for page in 30..<250 { changing[page].text += " It was broken." }
        _ = try Indexer(directory).index(dump: file("c.xml", dump(changing)))
        #expect(try dead().allSatisfy { $0 <= SegmentStore.mostDeleted })
        #expect(try IndexVerification(directory).problems.isEmpty)
        #expect(try IndexStatus(directory).passages == 800)
        let hits = try Searcher(directory).search(
            "Stone number 200 is made of basalt. It was broken.", limit: 5
        ).hits
        #expect(hits.contains { $0.title == "Stone 200" })
    }

    @Test func `damaged links are rebuilt from the codes, and damaged or lost codes from the texts`() throws {
        _ = try Indexer(directory).index(dump: file("a.xml", dump(pages(60))))
        let segment = directory.segments.appending(
            try #require(FileManager.default.contentsOfDirectory(atPath: directory.segments.string).first))
        let whole = try [UInt8](Data(contentsOf: URL(fileURLWithPath: segment.string)))
        let before = try Searcher(directory).search("basalt", mode: .semantic, limit: 20).hits.map(
            \.passageID)
        // Where sections start: codes, then links, stand in the header.
        func offset(_ section: Int) -> Int {
            (0..<8).reduce(0) { $0 | Int(whole[144 + 8 * section + $1]) << (8 * $1) }
        }
        var bytes = whole
        for place in stride(from: offset(5), to: offset(6), by: 100) { bytes[place] ^= 0x55 }
        try Data(bytes).write(to: URL(fileURLWithPath: segment.string))
        #expect(try IndexVerification(directory).problems.count >= 1)
        let repaired = try IndexVerification(directory, repair: true)
        #expect(repaired.problems.isEmpty && repaired.repaired.first?.contains("links") == true)
        #expect(try IndexVerification(directory).problems.isEmpty)
        #expect(
            try Searcher(directory).search("basalt", mode: .semantic, limit: 20).hits.map(\.passageID)
                == before)

        bytes[offset(3)] ^= 1
        try Data(bytes).write(to: URL(fileURLWithPath: segment.string))
        #expect(try IndexVerification(directory).problems.isEmpty == false)
        for loses in [false, true] {
            if loses { try FileManager.default.removeItem(atPath: directory.segments.string) }
            #expect(
                #expect(throws: KindredError.self) {
                    try Searcher(directory).search("basalt", mode: .semantic)
                }?.message.contains("--repair") == true)
            let told = try Searcher(directory).search("basalt", limit: 5)
            #expect(told.warning?.contains("--repair") == true && told.hits.count == 5)
            let dumped = #expect(throws: KindredError.self) {
                try Indexer(directory).index(dump: temporary.path.appending("a.xml").string)
            }
            #expect(dumped?.code == .invalidData && dumped?.message.contains("--repair") == true)
            let again = try IndexVerification(directory, repair: true)
            #expect(again.problems.isEmpty && again.repaired.last == "120 passages are encoded again")
            #expect(try IndexVerification(directory).problems.isEmpty)
            let answer = try Searcher(directory).search("basalt", mode: .semantic, limit: 20)
            #expect(answer.hits.map(\.passageID) == before)
            #expect(try Searcher(directory).search("basalt").warning == nil)
        }
    }

    @Test func `a repair that is stopped goes on, and no search takes the index for whole before`() throws {
        _ = try Indexer(directory).index(dump: file("a.xml", dump(pages(150))))
        try FileManager.default.removeItem(atPath: directory.segments.string)
        var looks = 0
        let stopped = #expect(throws: KindredError.self) {
            try IndexVerification(
                directory, repair: true,
                shouldStop: {
                    looks += 1
                    return looks > 4
                })
        }
        #expect(stopped?.code == .interrupted)
        #expect(try Searcher(directory).search("basalt").warning != nil)
        #expect(try IndexVerification(directory).problems.isEmpty == false)
        let repaired = try IndexVerification(directory, repair: true)
        #expect(repaired.problems.isEmpty && repaired.vectors == 300)
        #expect(repaired.repaired.last == "44 passages are encoded again")
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

    @Test func `a lost catalogue is told before its segments are swept, and files of others stay`() throws {
        let path = try file("a.xml", dump(pages(3)))
        _ = try Indexer(directory).index(dump: path)
        let note = directory.segments.appending("notes.txt")
        try Data([1]).write(to: URL(fileURLWithPath: note.string))
        _ = try Indexer(directory).index(dump: file("b.xml", dump(pages(4))))
        #expect(FileManager.default.fileExists(atPath: note.string))
        let segments = try directory.segments.entries()
        try FileManager.default.removeItem(atPath: directory.catalog.string)
        #expect(
            #expect(throws: KindredError.self) { try Indexer(directory).index(dump: path) }?.code
                == .invalidData)
        #expect(try directory.segments.entries() == segments)
    }

    @Test func `a dump that breaks off is indexed up to there, and the error is reported`() throws {
        let whole = dump(pages(20))
        let path = try file("cut.xml", Array(whole.prefix(whole.count - 100)))
        let report = try Indexer(directory).index(dump: path)
        #expect(report.added == 19)
        #expect(report.failure?.code == .invalidData)
        #expect(try Searcher(directory).search("stone 19").hits.isEmpty == false)
    }

    @Test func `pages with one id and other titles stay apart, and again when they are read again`() throws {
        var twice = pages(3)
        twice[2].id = 1
        for (name, added) in [("a.xml", 3), ("b.xml", 0)] {
            let report = try Indexer(directory).index(dump: file(name, dump(twice)))
            #expect((report.added, report.changed, report.removed) == (added, 0, 0))
            #expect(try IndexStatus(directory).articles == 3)
        }
        // The same page again is one page; the last stays.
        twice[2].title = "Stone 1"
        let report = try Indexer(directory).index(dump: file("c.xml", dump(twice)))
        #expect((report.added, report.changed) == (0, 1))
        #expect(try IndexVerification(directory).problems.isEmpty)
    }

    @Test func `pages without an id are told apart by their titles`() throws {
        let bytes = String(decoding: dump(pages(4)), as: UTF8.self).replacing(/<id>[2-4]<\/id>/, with: "")
        for (name, added) in [("a.xml", 4), ("b.xml", 0)] {
            let report = try Indexer(directory).index(dump: file(name, Array(bytes.utf8)))
            #expect((report.added, report.changed, report.removed) == (added, 0, 0))
        }
    }

    /// Titles that a keyword search finds.
    private func titles(_ word: String = "stone") throws -> Set<String> {
        Set(try Searcher(directory).search(word, mode: .keyword, limit: 100).hits.map(\.title))
    }

    @Test func `articles that became something else, or are gone, are taken out and counted`() throws {
        _ = try Indexer(directory).index(dump: file("a.xml", dump(pages(8))))
        var newer = String(
            decoding: dump(pages(8).filter { $0.id != 5 && $0.id != 8 }), as: UTF8.self)
        newer = newer.replacing("<id>2</id>", with: "<id>2</id><redirect title=\"Stone 1\" />")
        newer = newer.replacing("<ns>0</ns><id>3</id>", with: "<ns>2</ns><id>3</id>")
        newer = newer.replacing(
            "<id>4</id><revision><id>1</id>", with: "<id>4</id><revision><id>1</id><model>json</model>")
        let report = try Indexer(directory).index(dump: file("b.xml", Array(newer.utf8)))
        // The dump may end before page 8; only pages between its first and its last are gone.
        #expect((report.removed, report.missing, report.unchanged) == (4, 0, 3))
        #expect(try titles() == ["Stone 1", "Stone 6", "Stone 7", "Stone 8"])
        #expect(try IndexVerification(directory).problems.isEmpty)
        // A dump whose name says that it is whole has them all.
        let whole = try Indexer(directory).index(
            dump: file("t-20260101-pages-articles.xml", Array((newer + "\n").utf8)))
        #expect(whole.removed == 1)
        #expect(try titles() == ["Stone 1", "Stone 6", "Stone 7"])
    }

    @Test func `a part of a split dump, or an excerpt, takes out nothing of the others`() throws {
        let all = pages(9)
        _ = try Indexer(directory).index(dump: file("1.xml", dump(Array(all[0..<4]))))
        _ = try Indexer(directory).index(dump: file("2.xml", dump(Array(all[4..<9]))))
        #expect(try titles().count == 9)
        let part = try Indexer(directory).index(
            dump: file("t-pages-articles1.xml-p1p4", dump([all[0], all[1], all[3]])))
        #expect(part.removed == 1)
        let excerpt = try Indexer(directory).index(dump: file("some.xml", dump([all[4], all[8]])))
        #expect((excerpt.removed, excerpt.missing) == (0, 3))
        #expect(try titles().count == 8)
    }

    @Test func `parts of two wikis in one file are kept apart`() throws {
        let other = String(decoding: dump(pages(2, word: "slate")), as: UTF8.self).replacing(
            "<dbname>t<", with: "<dbname>u<")
        let report = try Indexer(directory).index(dump: file("a.xml", dump(pages(2)) + Array(other.utf8)))
        #expect(report.added == 4)
        #expect(try titles("basalt").count == 2 && titles("slate").count == 2)
    }

    @Test func `pages above the limit and characters that XML forbids are counted`() throws {
        var list = pages(3)
        list[1].text += String(repeating: " and more", count: 1000)
        list[2].text += "&#1;"
        let report = try Indexer(directory).index(dump: file("a.xml", dump(list)), longestPage: 4096)
        #expect((report.added, report.tooLong, report.forbiddenCharacters) == (2, 1, 1))
        #expect(report.firstForbiddenCharacter?.hasPrefix("U+0001") == true)
    }

    @Test func `a named pipe is read like standard input`() throws {
        let path = temporary.path.appending("pipe").string
        #expect(mkfifo(path, 0o600) == 0)
        let bytes = Data(dump(pages(3)))
        DispatchQueue.global().async {
            let handle = FileHandle(forWritingAtPath: path)
            try? handle?.write(contentsOf: bytes)
            try? handle?.close()
        }
        #expect(try Indexer(directory).index(dump: path).added == 3)
    }

    @Test func `what is no dump leaves no trace`() throws {
        let path = try file("x.html", Array("<html></html>".utf8))
        #expect(throws: KindredError.self) { try Indexer(directory).index(dump: path) }
        #expect(!FileManager.default.fileExists(atPath: directory.path.string))
        #expect(
            #expect(throws: KindredError.self) { try Indexer(directory).index(dump: "/nowhere/x") }?.code
                == .notFound)
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
        _ = try Indexer(directory).index(dump: file("a.xml", dump(pages(3))))
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
        _ = try Indexer(directory).index(dump: file("a.xml", dump(pages(3))))
        let error = #expect(throws: KindredError.self) { try Searcher(directory).search(query) }
        #expect(error?.code == .invalidRequest)
        #expect((error?.message.count ?? 0) < 200)
    }

    @Test func `a searcher sees what a writer commits after it was opened`() throws {
        _ = try Indexer(directory).index(dump: file("a.xml", dump(pages(3))))
        let searcher = try Searcher(directory)
        #expect(try searcher.search("stone", mode: .semantic, limit: 100).hits.count == 6)
        _ = try Indexer(directory).index(dump: file("b.xml", dump(pages(900))))
        #expect(try searcher.search("stone", mode: .semantic, limit: 1000).hits.count == 1000)
    }

    @Test func `a reindex answers by the old encoder until it goes over to the new one`() throws {
        _ = try Indexer(directory).index(dump: file("a.xml", dump(pages(600))))
        let model = try otherModel()
        let searcher = try Searcher(directory)
        let before = try searcher.search("people near the river", mode: .semantic).hits.map(\.score)

        // Stopped after the first commit: the old encoder answers, and nothing is damaged.
        var commits = 0
        let stopped = try Reindexer(directory, model: model).reindex(
            shouldStop: { commits > 0 }, progress: { _ in commits += 1 })
        #expect(stopped.stopped && stopped.passages == 1024)
        #expect(try searcher.search("people near the river", mode: .semantic).hits.map(\.score) == before)
        #expect(try IndexVerification(directory).problems.isEmpty)
        #expect(try IndexStatus(directory).reindexedPassages == 1024)

        let report = try Reindexer(directory, model: model).reindex()
        #expect((report.resumed, report.passages) == (1024, 176))
        #expect(try IndexVerification(directory).problems.isEmpty)
        let status = try IndexStatus(directory)
        #expect(
            status.fingerprint == report.fingerprint && status.reindexedPassages == nil
                && status.passages == 1200)
        // The searcher that was open goes over too, and gives what a new one gives.
        let after = try searcher.search("people near the river", mode: .semantic).hits
        #expect(after.map(\.score) != before && after.count == 10)
        let fresh = try Searcher(directory).search("people near the river", mode: .semantic).hits
        #expect(fresh.map(\.passageID) == after.map(\.passageID))
        #expect(try Reindexer(directory, model: model).reindex().nothingToDo)
        // Indexing goes on with the new encoder.
        #expect(try Indexer(directory).index(dump: file("b.xml", dump(pages(601)))).added == 1)
        #expect(try IndexVerification(directory).problems.isEmpty)
    }

    @Test func `what changes while a reindex is interrupted is right after it`() throws {
        _ = try Indexer(directory).index(dump: file("a.xml", dump(pages(600))))
        let model = try otherModel()
        var commits = 0
        _ = try Reindexer(directory, model: model).reindex(
            shouldStop: { commits > 0 }, progress: { _ in commits += 1 })
        var changed = pages(601)
        changed[4].text = "Stone number 5 is really a meteorite of iron."
        _ = try Indexer(directory).index(dump: file("b.xml", dump(changed)))
        _ = try Reindexer(directory, model: model).reindex()
        #expect(try IndexVerification(directory).problems.isEmpty)
        let hits = try Searcher(directory).search("meteorite", mode: .semantic, limit: 1000).hits
        #expect(hits.count == 1000 && hits.filter { $0.title == "Stone 5" }.count == 1)
    }

    /// The embedded model with another pooling: another encoder.
    private func otherModel() throws -> String {
        let path = temporary.path.appending("model").string
        try FileManager.default.copyItem(atPath: Resources.embeddedModel().string, toPath: path)
        try Data("{\"pooling_mode\": \"weighted_mean\", \"attention\": \"causal\"}".utf8)
            .write(to: URL(fileURLWithPath: path + "/llm2vec_config.json"))
        return path
    }

    @Test(arguments: ["", "a/b", "..", ".hidden", "naïve", String(repeating: "a", count: 65)])
    func `a name that could leave the directory is refused`(name: String) {
        let error = #expect(throws: KindredError.self) { try IndexDirectory(root: "x", name: name) }
        #expect(error?.code == .invalidRequest)
    }
}

@Suite struct SnippetTests {
    @Test func `words of the query are marked in their other forms too`() {
        let snippet = Snippet(of: "The runners were running to the cities.", query: "run city")
        #expect(snippet.pieces.filter(\.isMatch).map(\.text) == ["running", "cities"])
        #expect(snippet.pieces.map(\.text).joined() == "The runners were running to the cities.")
    }

    @Test func `a long passage is shown where the words are`() {
        let filler = String(repeating: "lorem ipsum dolor ", count: 40)
        let snippet = Snippet(of: filler + "the marble quarry " + filler, query: "marble quarry", length: 100)
        #expect(snippet.pieces.filter(\.isMatch).map(\.text) == ["marble", "quarry"])
        #expect(snippet.isCutBefore && snippet.isCutAfter)
        #expect(snippet.pieces.reduce(0) { $0 + $1.text.count } <= 100)
    }

    @Test(arguments: ["", "x", "日本語のテキスト", "\n\n", "a\u{301}b"])
    func `any text gives a snippet`(text: String) {
        _ = Snippet(of: text, query: "x")
        #expect(Snippet(of: text, query: "").pieces.allSatisfy { !$0.isMatch })
    }
}
