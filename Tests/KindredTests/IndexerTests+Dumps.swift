import Foundation
import KindredIndex
import KindredStore
import KindredSystem
import KindredTestSupport
import SystemPackage
import Testing

@testable import Kindred

extension IndexerTests {
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

    @Test func `articles that became something else, or are gone, are taken out and counted`() throws {
        try Indexer(directory).index(dump: file("a.xml", dump(pages(8))))
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
        try Indexer(directory).index(dump: file("1.xml", dump(Array(all[0..<4]))))
        try Indexer(directory).index(dump: file("2.xml", dump(Array(all[4..<9]))))
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
        #expect(
            (report.added, report.skipped["longer than --max-page"], report.forbiddenCharacters) == (2, 1, 1))
        #expect(report.sources[0].firstForbiddenCharacter?.hasPrefix("U+0001") == true)
    }

    @Test func `a named pipe is read like standard input`() throws {
        let path = try temporary.pipe("pipe").string
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
}
