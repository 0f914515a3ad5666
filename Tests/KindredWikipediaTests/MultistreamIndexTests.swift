import Foundation
import KindredSystem
import KindredTestSupport
import KindredWikipedia
import SystemPackage
import Testing

@Suite struct MultistreamIndexTests {
    private let directory: TemporaryDirectory
    private let dump: FilePath
    private let index: FilePath
    private let offsets: [Int]

    /// A dump of three streams with two pages each, between one of the head and one of the end.
    init() throws {
        directory = try TemporaryDirectory()
        var bytes: [UInt8] = []
        var lines = ""
        var offsets: [Int] = []
        bytes += try bzip2("<mediawiki>\n")
        for stream in 0..<3 {
            offsets.append(bytes.count)
            var pages = ""
            for page in 0..<2 {
                let id = stream * 2 + page + 1
                lines += "\(bytes.count):\(id):A title: part \(id)\n"
                pages +=
                    "<page><title>A title: part \(id)</title><ns>0</ns><id>\(id)</id><revision><text>Text.</text></revision></page>\n"
            }
            bytes += try bzip2(pages)
        }
        bytes += try bzip2("</mediawiki>\n")
        dump = try directory.file("xwiki-20260101-pages-articles-multistream.xml.bz2", bytes)
        index = try directory.file("xwiki-20260101-pages-articles-multistream-index.txt.bz2", bzip2(lines))
        self.offsets = offsets
    }

    @Test func `an index tells pages and streams, and how far a reader is`() throws {
        let index = try MultistreamIndex(path: index.string)
        #expect(index.pages == 6 && index.streamOffsets == offsets)
        #expect(
            [0, offsets[0], offsets[1], offsets[2] - 1, offsets[2], .max].map(index.pages(before:)) == [
                0, 0, 2, 2, 4, 4,
            ])
        try index.check(dump: dump.string)
        let reader = try DumpReader(path: dump.string)
        var pages = 0
        while try reader.next() != nil { pages += 1 }
        #expect(pages == index.pages)
    }

    @Test func `a dump that is cut off anywhere is told without reading it`() throws {
        let index = try MultistreamIndex(path: index.string)
        let whole = try [UInt8](Data(contentsOf: URL(fileURLWithPath: dump.string)))
        for count in [whole.count - 1, whole.count - 5, offsets[2] + 20, offsets[2], offsets[1] + 3, 0] {
            let cut = try directory.file("cut", Array(whole.prefix(count)))
            let error = #expect(throws: KindredError.self) { try index.check(dump: cut.string) }
            #expect(error?.code == .invalidData && error?.location?.byte == count)
        }
        let other = try directory.file("other", [0x20] + whole)
        #expect(throws: KindredError.self) { try index.check(dump: other.string) }
    }

    @Test(arguments: ["", "no index\n", "1:2\n", "5:1:a\n4:2:b\n", "1:1:a\n2:2:cut", "1:x:a\n", ":1:a\n"])
    func `what is no index, or is cut off, is refused with its line`(text: String) throws {
        let file = try directory.file("index", Array(text.utf8))
        let error = #expect(throws: KindredError.self) { try MultistreamIndex(path: file.string) }
        #expect(error?.code == .invalidData && (error?.location?.line ?? 0) >= 1)
    }

    @Test func `an index that is named instead of a dump leads to the dump`() throws {
        let error = #expect(throws: KindredError.self) { try DumpReader(path: index.string).next() }
        #expect(error?.code == .invalidData && error?.message.contains(dump.string) == true)
        let plain = try directory.file("renamed.txt", Array("600:10:Otter\n".utf8))
        let other = #expect(throws: KindredError.self) { try DumpReader(path: plain.string).next() }
        #expect(other?.message.contains("multistream.xml.bz2") == true)
    }

    @Test func `names of dumps and indexes lead to each other`() {
        let (dump, index) = ("a/x-multistream3.xml-p1p200.bz2", "a/x-multistream-index3.txt-p1p200.bz2")
        #expect(MultistreamIndex.path(besides: dump) == index && MultistreamIndex.dumpPath(of: index) == dump)
        #expect(MultistreamIndex.path(besides: self.dump.string) == self.index.string)
        #expect(MultistreamIndex.path(besides: "x-pages-articles.xml.bz2") == nil)
        #expect(MultistreamIndex.path(besides: "x-multistream/dump.xml") == nil)
    }
}

private func bzip2(_ text: String) throws -> [UInt8] {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["bzip2", "-c"]
    let (input, output) = (Pipe(), Pipe())
    process.standardInput = input
    process.standardOutput = output
    try process.run()
    try input.fileHandleForWriting.write(contentsOf: Data(text.utf8))
    try input.fileHandleForWriting.close()
    let result = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return [UInt8](result)
}
