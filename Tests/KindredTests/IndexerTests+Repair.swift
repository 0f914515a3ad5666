import Foundation
import KindredIndex
import KindredStore
import KindredSystem
import KindredTestSupport
import SystemPackage
import Testing

@testable import Kindred

extension IndexerTests {
    @Test func `damaged links are rebuilt from the codes, and damaged or lost codes from the texts`() throws {
        try Indexer(directory).index(dump: file("a.xml", dump(pages(60))))
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
        try Indexer(directory).index(dump: file("a.xml", dump(pages(150))))
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

    @Test func `a lost catalogue is told before its segments are swept, and files of others stay`() throws {
        let path = try file("a.xml", dump(pages(3)))
        try Indexer(directory).index(dump: path)
        let note = directory.segments.appending("notes.txt")
        try Data([1]).write(to: URL(fileURLWithPath: note.string))
        try Indexer(directory).index(dump: file("b.xml", dump(pages(4))))
        #expect(FileManager.default.fileExists(atPath: note.string))
        let segments = try directory.segments.entries()
        try FileManager.default.removeItem(atPath: directory.catalog.string)
        #expect(
            #expect(throws: KindredError.self) { try Indexer(directory).index(dump: path) }?.code
                == .invalidData)
        #expect(try directory.segments.entries() == segments)
    }
}
