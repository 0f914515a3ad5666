import Foundation
import Kindred
import Testing

@testable import KindredCommand

@Suite struct FormatTests {
    @Test func `numbers are written for people`() {
        #expect(
            Format.count(1_234_567) == "1,234,567" && Format.count(-999) == "-999" && Format.count(0) == "0")
        #expect(Format.bytes(999) == "999 B" && Format.bytes(12_345_678) == "12.3 MB")
        #expect(Format.duration(0.04) == "0.0 s" && Format.duration(185) == "3 min 05 s")
        #expect(Format.duration(7_260) == "2 h 01 min" && Format.duration(.infinity) == "?")
        #expect(Format.decimals(0.9996, 3) == "1.000" && Format.decimals(-0.5, 1) == "-0.5")
    }

    @Test func `progress tells share, rate and time left`() {
        let line = Progress.line(
            unit: "passages", done: 500, fraction: 0.25, detail: "9 pages", seconds: 10)
        #expect(line == "25 %, 9 pages, 500 passages, 50.0 passages/s, 30 s left")
    }

    @Test(arguments: [
        ("enwiki-20240101-pages-articles-multistream.xml.bz2", "enwiki-20240101"),
        ("/a/b/simplewiki-latest-pages-articles.xml", "simplewiki"), ("my dump.xml.gz", "my-dump"),
        ("-", "stdin"),
        ("..xml", "dump"),
    ])
    func `an index is named after its dump`(path: String, name: String) {
        #expect(IndexCommand.name(for: path) == name)
    }

    @Test func `dumps whose names are in other scripts, or long, have indexes of their own`() throws {
        let paths = [
            "東京.xml", "大阪.xml", "Straße.xml", "Strase.xml", "wiki-京.xml.bz2", "wiki-都.xml.bz2",
            String(repeating: "a", count: 80) + ".xml", String(repeating: "a", count: 81) + ".xml",
        ]
        let names = paths.map(IndexCommand.name)
        #expect(Set(names).count == names.count)
        for name in names { _ = try IndexDirectory(root: "x", name: name) }
        #expect(names[4].hasPrefix("wiki-"))
        // The same name, however its letters are composed.
        #expect(IndexCommand.name(for: "e\u{301}.xml") == IndexCommand.name(for: "é.xml"))
        #expect(IndexCommand.name(for: "/dev/fd/63") == "stdin")
    }
}
