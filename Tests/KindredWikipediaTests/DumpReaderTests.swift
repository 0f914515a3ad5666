import Foundation
import KindredSystem
import KindredTestSupport
import KindredWikipedia
import SystemPackage
import Testing

private func dump(pages: Int, root: String = "mediawiki") -> String {
    var xml =
        "<\(root) version=\"0.11\" xml:lang=\"en\">\n<siteinfo><sitename>Test</sitename><dbname>testwiki</dbname>"
    xml += "<base>https://test.example/wiki/Main_Page</base></siteinfo>\n"
    for page in 1...max(1, pages) {
        xml += "<page><title>Page \(page) &amp; é</title><ns>\(page % 5 == 0 ? 1 : 0)</ns><id>\(page)</id>"
        if page % 4 == 0 { xml += "<redirect title=\"Page 1\" />" }
        xml += "<revision><id>\(page + 100)</id><contributor><id>9</id></contributor><model>wikitext</model>"
        xml += "<text xml:space=\"preserve\">Text of page \(page).</text></revision></page>\n"
    }
    return xml + "</\(root)>\n"
}

private func compressed(_ text: Data, by tool: String) throws -> Data {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [tool, "-c"]
    let (input, output) = (Pipe(), Pipe())
    process.standardInput = input
    process.standardOutput = output
    try process.run()
    DispatchQueue.global().async {
        try? input.fileHandleForWriting.write(contentsOf: text)
        try? input.fileHandleForWriting.close()
    }
    let result = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return result
}

@Suite struct DumpReaderTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func read(_ data: Data) throws -> (pages: [DumpPage], failure: KindredError?) {
        let path = try directory.file("dump", [UInt8](data))
        let reader = try DumpReader(path: path.string)
        var pages: [DumpPage] = []
        do {
            while let page = try reader.next() { pages.append(page) }
            return (pages, nil)
        } catch let error as KindredError { return (pages, error) }
    }

    @Test func `pages come with title, namespace, ids, redirect and text`() throws {
        let path = try directory.file("dump.xml", Array(dump(pages: 5).utf8))
        let reader = try DumpReader(path: path.string)
        let first = try #require(try reader.next())
        #expect(first.title == "Page 1 & é")
        #expect((first.id, first.revision, first.namespace) == (1, 101, 0))
        #expect(first.text == "Text of page 1." && first.redirectTarget == nil && first.model == "wikitext")
        #expect(reader.site.database == "testwiki" && reader.site.language == "en")
        #expect(reader.url(of: first) == "https://test.example/wiki/Page_1_%26_%C3%A9")
        _ = try reader.next()
        _ = try reader.next()
        #expect(try reader.next()?.redirectTarget == "Page 1")
        #expect(try reader.next()?.namespace == 1)
        #expect(try reader.next() == nil)
    }

    @Test func `plain, gzip, bzip2, multistream and UTF-16 dumps give the same pages`() throws {
        let text = Data(dump(pages: 300).utf8)
        let expected = try read(text).pages
        #expect(expected.count == 300)
        #expect(try read(compressed(text, by: "gzip")).pages == expected)
        let whole = try compressed(text, by: "bzip2")
        #expect(try read(whole).pages == expected)
        let half = text.count / 2
        let streams =
            try compressed(text.prefix(half), by: "bzip2") + compressed(text.suffix(from: half), by: "bzip2")
        #expect(try read(streams).pages == expected)
        #expect(try read(whole + Data("trailing".utf8)).pages == expected)
        let wide =
            Data([0xFF, 0xFE]) + Data(dump(pages: 300).utf16.flatMap { [UInt8($0 & 255), UInt8($0 >> 8)] })
        #expect(try read(wide).pages == expected)
    }

    @Test func `a dump that is cut off gives every whole page before the cut, then an error`() throws {
        let text = Data(dump(pages: 40).utf8)
        let whole = try read(text).pages
        for cut in stride(from: 400, to: text.count - 2, by: 613) {
            let (pages, failure) = try read(text.prefix(cut))
            let complete =
                String(decoding: text.prefix(cut), as: UTF8.self).components(separatedBy: "</page>").count - 1
            #expect(pages == Array(whole.prefix(complete)))
            #expect(failure?.code == .invalidData)
            #expect(failure?.location?.byte == cut)
        }
    }

    @Test func `a cut bzip2 stream says where it ends`() throws {
        // Random letters, so that there is more than one block.
        var generator = SeededGenerator(seed: 8)
        let noise = String(
            (0..<1_500_000).map { _ in "abcdefghijklmnopqrstuvwxyz".randomElement(using: &generator)! })
        let text = dump(pages: 30).replacingOccurrences(
            of: "</mediawiki>", with: "<!--\(noise)--></mediawiki>")
        let data = try compressed(Data(text.utf8), by: "bzip2")
        let (pages, failure) = try read(data.prefix(data.count - 5000))
        #expect(pages.count == 30)
        #expect(failure?.message.contains("middle of a bzip2 stream") == true)
        #expect(failure?.location?.byte == data.count - 5000)

        var damaged = data
        damaged[damaged.count / 2] ^= 0xFF
        let told = try read(damaged).failure
        #expect(told?.message.contains("damaged") == true, "\(String(describing: told))")
    }

    @Test(arguments: [
        "<html><body>hello</body></html>", "{\"a\": 1}", "", "plain words", "\u{1}\u{2}", "<mediawiki>", "<",
    ])
    func `what is no dump is told with its place`(text: String) throws {
        let (pages, failure) = try read(Data(text.utf8))
        #expect(pages.isEmpty)
        #expect(failure?.code == .invalidData)
        #expect(failure?.location?.path.hasSuffix("dump") == true)
        #expect(failure?.description.contains("\n") == false)
    }

    @Test(arguments: [
        ("xz", [0xFD, 0x37, 0x7A, 0x58, 0x5A, 0x00]), ("zstd", [0x28, 0xB5, 0x2F, 0xFD, 0x24]),
    ])
    func `a file that something else has to unpack is told with what does`(tool: String, magic: [UInt8])
        throws
    {
        let failure = try read(Data(magic + [UInt8](repeating: 7, count: 100))).failure
        #expect(failure?.code == .invalidData)
        #expect(failure?.message.contains("\(tool) -dc") == true)
    }

    @Test func `malformed XML and bytes that are no UTF-8 are told with line and byte`() throws {
        let text = dump(pages: 30)
        let broken = text.replacingOccurrences(of: "Text of page 20.", with: "a < b")
        let (pages, failure) = try read(Data(broken.utf8))
        #expect(pages.count >= 15 && pages.count < 20)
        #expect(failure?.location?.line == 22)
        var bytes = [UInt8](Data(text.utf8))
        let place = text.utf8.count - 300
        bytes[place] = 0xFF
        let wrong = try read(Data(bytes)).failure
        #expect(wrong?.code == .invalidData)
        #expect((wrong?.location?.byte ?? 0) > 0)
    }

    @Test func `an entity that grows without end is refused`() throws {
        var entities = "<!ENTITY a0 \"xxxxxxxxxx\">"
        for level in 1...12 {
            entities += "<!ENTITY a\(level) \"" + String(repeating: "&a\(level - 1);", count: 10) + "\">"
        }
        let text =
            "<!DOCTYPE mediawiki [\(entities)]><mediawiki><page><title>&a12;</title></page></mediawiki>"
        let (pages, _) = try read(Data(text.utf8))
        #expect(pages.allSatisfy { $0.title.utf8.count < 1_000_000 })
    }

    @Test func `redirects of old dumps are known by their text`() throws {
        let text = dump(pages: 1).replacingOccurrences(
            of: "Text of page 1.", with: "#WEITERLEITUNG [[Ziel|x]]")
        #expect(try read(Data(text.utf8)).pages.first?.redirectTarget == "Ziel")
    }
}
