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

    @Test func `plain, gzip, xz, zstd, bzip2, multistream and UTF-16 dumps give the same pages`() throws {
        let text = Data(dump(pages: 300).utf8)
        let expected = try read(text).pages
        #expect(expected.count == 300)
        for tool in ["gzip", "xz", "zstd"] {
            let packed = try compressed(text, by: tool)
            #expect(try read(packed).pages == expected)
            let (pages, failure) = try read(packed + compressed(text, by: tool))
            #expect(pages == expected + expected && failure == nil)
        }
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

    @Test func `a file that something else has to unpack is told with what does`() throws {
        let failure = try read(Data([0x04, 0x22, 0x4D, 0x18] + [UInt8](repeating: 7, count: 100))).failure
        #expect(failure?.code == .invalidData)
        #expect(failure?.message.contains("lz4 -dc") == true)
    }

    @Test func `malformed XML is told with line and byte`() throws {
        let text = dump(pages: 30)
        let broken = text.replacingOccurrences(of: "Text of page 20.", with: "a < b")
        let (pages, failure) = try read(Data(broken.utf8))
        #expect(pages.count >= 15 && pages.count < 20)
        #expect(failure?.location?.line == 22)
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

    private func page(_ title: String, _ rest: String) -> String {
        "<page><title>\(title)</title>\(rest)</page>"
    }

    private func revision(_ id: Int, _ text: String, _ rest: String = "") -> String {
        "<revision><id>\(id)</id>\(rest)<text>\(text)</text></revision>"
    }

    @Test(arguments: [
        ("&#7;", "U+0007"), ("&#x1F;", "U+001F"), ("&#xD800;", "U+D800"), ("&#xFFFF;", "U+FFFF"),
        ("\u{B}", "U+000B"),
        ("\u{FFFE}", "U+FFFE"),
    ])
    func `a character that XML does not allow is a space, counted and named`(character: String, name: String)
        throws
    {
        let xml =
            "<mediawiki>\n" + page("A", revision(1, "a\(character)b &amp; c")) + page("B", "")
            + "</mediawiki>"
        let reader = try DumpReader(path: directory.file("dump", Array(xml.utf8)).string)
        let first = try #require(try reader.next())
        #expect(first.text.split(separator: " ") == ["a", "b", "&", "c"])
        #expect(try reader.next()?.title == "B")
        #expect(try reader.next() == nil)
        #expect(reader.forbiddenCharacters.count == 1)
        #expect(reader.forbiddenCharacters.first?.hasPrefix("\(name) in line 2, byte") == true)
    }

    @Test func `a byte that is no UTF-8 is a space, wherever the input is cut`() throws {
        let bytes =
            Array("<mediawiki><page><title>語😀é".utf8) + [0xFF, 0xC3]
            + Array("x</title></page></mediawiki>".utf8)
        for length in [1, 2, 3, 7] {
            let fifo = try directory.pipe("pipe\(length)").string
            DispatchQueue.global().async {
                guard let handle = FileHandle(forWritingAtPath: fifo) else { return }
                for start in stride(from: 0, to: bytes.count, by: length) {
                    try? handle.write(contentsOf: Data(bytes[start..<min(start + length, bytes.count)]))
                }
                try? handle.close()
            }
            let reader = try DumpReader(path: fifo)
            #expect(try reader.next()?.title == "語😀é  x")
            #expect(try reader.next() == nil)
            #expect(reader.forbiddenCharacters.count == 2)
        }
    }

    @Test func `an encoding that the file names is read as such`() throws {
        let xml = "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><mediawiki><page><title>"
        let bytes = Array(xml.utf8) + [0xE9] + Array("t</title></page></mediawiki>".utf8)
        #expect(try read(Data(bytes)).pages.map(\.title) == ["ét"])
    }

    @Test func `parts of dumps that follow each other are read on`() throws {
        let part = "<?xml version=\"1.0\"?>\n" + dump(pages: 3)
        let (pages, failure) = try read(Data((part + "\n" + part + part).utf8))
        #expect(pages.count == 9 && failure == nil)
        let cut = try read(Data(part.utf8) + Data(part.utf8.dropLast(30)))
        #expect(cut.pages.count >= 5 && cut.failure?.location?.byte == 2 * part.utf8.count - 30)
        let broken = try read(Data((part + "<mediawiki>\n<page></b>").utf8))
        #expect(broken.pages.count == 3)
        #expect(broken.failure?.location?.line == part.split(separator: "\n").count + 2)
    }

    @Test func `the newest revision counts, by time and then by id`() throws {
        let early = revision(9, "early", "<timestamp>2001-01-01T00:00:00Z</timestamp>")
        let late = revision(3, "late", "<timestamp>2021-01-01T00:00:00Z</timestamp>")
        let xml =
            page("A", late + early) + page("B", early + late)
            + page("C", revision(5, "five") + revision(4, "four"))
        let pages = try read(Data("<mediawiki>\(xml)</mediawiki>".utf8)).pages
        #expect(pages.map(\.text) == ["late", "late", "five"])
        #expect(pages.map(\.revision) == [3, 3, 5])
        #expect(pages.map(\.timestamp) == ["2021-01-01T00:00:00Z", "2021-01-01T00:00:00Z", nil])
    }

    @Test func `a revision is its main slot`() throws {
        let slot = "<content><role>notes</role><id>8</id><model>json</model><text>{}</text></content>"
        let xml = page(
            "A", revision(1, "main", "<model>wikitext</model>").replacing("</rev", with: slot + "</rev"))
        let first = try #require(try read(Data("<mediawiki>\(xml)</mediawiki>".utf8)).pages.first)
        #expect((first.text, first.model, first.revision) == ("main", "wikitext", 1))
    }

    @Test func `namespaces are the dump's own, and pages without one or an id are told as such`() throws {
        let site =
            "<siteinfo><namespaces><namespace key=\"6\">Soubor</namespace><namespace key=\"2\">Uživatel</namespace>"
            + "<namespace key=\"0\" /><namespace key=\"14\">Kategorie</namespace></namespaces></siteinfo>"
        let xml =
            page("Uživatel:X", "") + page("Soubor:Y", "") + page("Krysa: kniha", "")
            + page("Category talk:Z", "")
        let path = try directory.file("dump", Array("<mediawiki>\(site)\(xml)</mediawiki>".utf8)).string
        let reader = try DumpReader(path: path)
        var namespaces: [Int] = []
        while let page = try reader.next() {
            namespaces.append(page.namespace)
            #expect(page.id == nil)
        }
        #expect(namespaces == [2, 6, 0, 15])
        let text = "[[soubor:A.jpg|thumb|x]]A [[Uživatel:B|b]].[[KATEGORIE:C]] [[:Kategorie:D]]"
        #expect(Article(title: "T", wikitext: text, site: reader.site).text == "A b. D")
    }

    @Test func `a page longer than the limit comes without its text, and the next one whole`() throws {
        let long = String(repeating: "&lt;a", count: 600_000)
        let xml = page("A", revision(1, long)) + page("B", revision(2, "b"))
        let path = try directory.file("dump", Array("<mediawiki>\(xml)</mediawiki>".utf8)).string
        for (limit, isTooLong) in [(1 << 20, true), (1_199_999, true), (1_200_000, false)] {
            let reader = try DumpReader(path: path, longestPage: limit)
            let first = try #require(try reader.next())
            #expect(first.isTooLong == isTooLong && first.text.utf8.count == (isTooLong ? 0 : 1_200_000))
            let second = try #require(try reader.next())
            #expect(second.text == "b" && !second.isTooLong)
        }
    }

    @Test func `attributes and elements without end are refused in linear time`() throws {
        let attributes = (0..<200_000).map { "a\($0)=\"\"" }.joined(separator: " ")
        let wide = try read(Data("<mediawiki>\(page("A", ""))<page \(attributes)></page></mediawiki>".utf8))
        #expect(wide.pages.map(\.title) == ["A"] && wide.failure?.code == .invalidData)
        let deep = String(repeating: "<a>", count: 200_000)
        #expect(try read(Data("<mediawiki>\(deep)".utf8)).failure?.message.contains("deeper") == true)
    }

    @Test(arguments: [
        ("-- MySQL dump 10.19", "SQL"), ("{\"index\":{}}", "JSON"), ("PK\u{3}\u{4}abc", "unzip -p"),
        ("<!DOCTYPE html><html></html>", "HTML page"),
        ("ZIM\u{4}abcd", "Kiwix"),
    ])
    func `a file of another kind is named with what to type`(start: String, expected: String) throws {
        let bytes = start.unicodeScalars.map { UInt8($0.value) }
        let failure = try read(Data(bytes + Array(" and more".utf8))).failure
        #expect(failure?.code == .invalidData && failure?.message.contains(expected) == true)
    }

    /// A page with a redirect after it, as a dump of the schema writes them.
    private func schemaDump(_ minor: Int) -> String {
        let text =
            minor >= 11
            ? "<text bytes=\"6\" sha1=\"x\" xml:space=\"preserve\">" : "<text xml:space=\"preserve\">"
        let model = minor >= 6 ? "<model>wikitext</model><format>text/x-wiki</format>" : ""
        let sha = minor >= 6 ? "<sha1>abc</sha1>" : ""
        let parent = minor >= 7 ? "<parentid>6</parentid>" : ""
        let origin = minor >= 11 ? "<origin>7</origin>" : ""
        func page(_ id: Int, _ title: String, _ content: String, redirect: String = "") -> String {
            "<page><title>\(title)</title>" + (minor >= 6 ? "<ns>0</ns>" : "") + "<id>\(id)</id>" + redirect
                + "<revision><id>7</id>\(parent)<timestamp>2020-02-03T04:05:06Z</timestamp><contributor><username>U</username>"
                + "<id>3</id></contributor><comment>c</comment>\(origin)\(model)\(text)\(content)</text>\(sha)</revision></page>"
        }
        let mark = minor >= 4 ? "<redirect" + (minor >= 6 ? " title=\"Otter\"" : "") + " />" : ""
        return
            "<mediawiki xmlns=\"http://www.mediawiki.org/xml/export-0.\(minor)/\" version=\"0.\(minor)\" xml:lang=\"en\">"
            + "<siteinfo><sitename>W</sitename>" + (minor >= 9 ? "<dbname>w</dbname>" : "")
            + "<base>http://w.example/Main</base><case>first-letter</case><namespaces><namespace key=\"0\" />"
            + "<namespace key=\"14\">Category</namespace></namespaces></siteinfo>"
            + page(1, "Otter", "Swims.") + page(2, "Otters", "#REDIRECT [[Otter]]", redirect: mark)
            + page(3, "Category:Otters", "x").replacing(minor >= 6 ? "<ns>0" : "<none>", with: "<ns>14")
            + "</mediawiki>"
    }

    @Test(arguments: 3...11)
    func `dumps of every schema give the same pages`(minor: Int) throws {
        let (pages, failure) = try read(Data(schemaDump(minor).utf8))
        #expect(failure == nil)
        #expect(pages.map(\.title) == ["Otter", "Otters", "Category:Otters"])
        #expect(pages.map(\.id) == [1, 2, 3] && pages.map(\.namespace) == [0, 0, 14])
        #expect(pages.map(\.revision) == [7, 7, 7] && pages[0].text == "Swims.")
        #expect(pages[0].timestamp == "2020-02-03T04:05:06Z" && pages[0].redirectTarget == nil)
        // A mark without a title, as schemas 0.4 and 0.5 have it, says less than the text.
        #expect(pages[1].redirectTarget == "Otter")
    }

    @Test(arguments: [
        ("#OHJAUS [[Kohde]]", "Kohde"), ("#REDIRECT: [[A|b]] {{R}}", "A"), ("\n#पुनर्प्रेषित [[लक्ष्य]]", "लक्ष्य"),
        ("# [[A]]", nil), ("#[[A]]", nil), ("#One thing [[A]]", nil), ("#Word\n* [[A\nb]]", nil),
    ])
    func `a redirect is known by its form in any language`(text: String, target: String?) throws {
        let xml = "<mediawiki>\(page("A", revision(1, text)))</mediawiki>"
        #expect(try read(Data(xml.utf8)).pages.first?.redirectTarget == target)
    }
}
