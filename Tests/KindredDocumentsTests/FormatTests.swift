import Foundation
import KindredSystem
import KindredTestSupport
import Testing

@testable import KindredDocuments

/// Files of a test, in a directory of their own.
struct Files {
    private let directory: TemporaryDirectory
    var root: String { directory.path.string }

    init() throws { directory = try TemporaryDirectory() }

    @discardableResult
    func write(_ name: String, _ text: String) throws -> String { try write(name, Array(text.utf8)) }

    @discardableResult
    func write(_ name: String, _ bytes: [UInt8]) throws -> String {
        let path = root + "/" + name
        try FileManager.default.createDirectory(
            atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        return path
    }
}

/// What a source gives.
struct Reading {
    var entries: [DocumentEntry] = []
    var documents: [Document] = []
    var skipped: [Skipped] = []
    var redirects: [(title: String, target: String)] = []

    init(_ path: String, _ change: (inout ReadingOptions) -> Void = { _ in }) throws {
        var options = ReadingOptions()
        change(&options)
        let reader = try DocumentSource(path, options: options).open()
        while let item = try reader.next() {
            switch item {
            case .document(let entry):
                entries.append(entry)
                if let document = try entry.load() { documents.append(document) }
            case .skipped(let skip): skipped.append(skip)
            case .redirect(_, let title, let target): redirects.append((title, target))
            }
        }
    }

    var counts: [String: Int] { skipped.reduce(into: [:]) { $0[$1.reason.name, default: 0] += 1 } }
}

extension Document {
    var string: String { String(decoding: text, as: UTF8.self) }

    func string(_ index: Int) -> String { String(decoding: text[sections[index].range], as: UTF8.self) }

    func line(of part: String) -> Int? {
        string.range(of: part).flatMap { line(at: string[..<$0.lowerBound].utf8.count) }
    }
}

@Suite struct FormatTests {
    private let files: Files

    init() throws { files = try Files() }

    private func document(
        _ name: String, _ text: String, _ change: (inout ReadingOptions) -> Void = { _ in }
    ) throws -> Document {
        try #require(try Reading(files.write(name, text), change).documents.first)
    }

    // MARK: Markdown

    @Test func `Markdown gives sections, rows of tables, code and items as plain text with their lines`()
        throws
    {
        let document = try document(
            "note.md",
            """
            # Bridges

            They *sway* in the [wind](https://w.example) and the `code`.

            ## Dampers

            - first **item**
            - second

            | Bridge | Year |
            |--------|------|
            | Tay    | 1878 |

            ```c
            int mass = 3;
            ```

            ### Deep
            <div>kept <script>not()</script></div>

            ## Ends
            Last.
            """)
        #expect(document.title == "Bridges")
        #expect(document.sections.map(\.path) == [[], ["Dampers"], ["Dampers", "Deep"], ["Ends"]])
        #expect(document.string(0) == "They sway in the wind and the code.")
        #expect(
            document.string(1) == "first item\n\nsecond\n\nBridge | Year\n\nTay | 1878\n\nint mass = 3;")
        #expect(document.string(2) == "kept")
        #expect(
            document.line(of: "They") == 3 && document.line(of: "Tay") == 12
                && document.line(of: "Last") == 22)
    }

    @Test func `front matter is metadata, and lines count from the file's start`() throws {
        let document = try document(
            "post.md",
            "---\ntitle: \"A post: one\"\ntags: [a, b]\ndate: 2021-03-04\nauthor:\n  name: Ada\ndraft: no\ncode: \"007\"\n---\n\nThe text.\n"
        )
        #expect(document.title == "A post: one")
        #expect(document.metadata["tag"] == [.text("a"), .text("b")])
        #expect(document.metadata["date"] == [.text("2021-03-04")])
        #expect(document.metadata["author.name"] == [.text("Ada")])
        #expect(document.metadata["draft"] == [.integer(0)] && document.metadata["code"] == [.text("007")])
        #expect(document.line(of: "The text") == 11)
    }

    @Test func `front matter that is not YAML is an error with its place, and a rule alone is none`() throws {
        let error = #expect(throws: KindredError.self) {
            try document("bad.md", "---\na: [1, 2\nb: }\n---\nText\n")
        }
        #expect(error?.code == .invalidData && error?.location?.line == 2)
        #expect(try document("rule.md", "---\n\nText after a rule.\n").string == "Text after a rule.")
    }

    // MARK: Plain text

    @Test func `wrapped lines are one line again, and lists keep theirs`() throws {
        let document = try document(
            "bees.txt",
            """
            Notes on bees

            The queen bee lays eggs in the hive, up to two thousand of them a day
            in the summer months, and lives for several years while the workers
            live for weeks.

            - honey
            - wax

            Winter
            ------

            They cluster.
            """)
        #expect(document.title == "Notes on bees")
        #expect(
            document.string(0).contains("a day in the summer")
                && document.string(0).hasSuffix("- honey\n- wax"))
        #expect(document.sections.map(\.path) == [[], ["Winter"]])
        #expect(document.line(of: "The queen") == 3 && document.line(of: "They cluster") == 13)
    }

    @Test func `a file without a title is called by its name`() throws {
        #expect(try document("my notes.txt", "One line only.").title == "my notes")
        #expect(try document("a.b.txt", "It ends a sentence.\n\nMore.").title == "a.b")
    }

    @Test(
        arguments: [
            ([0xEF, 0xBB, 0xBF] + Array("Grüße".utf8), nil), (Array("Gr\u{FC}\u{DF}e".utf8), nil),
            ([0xFF, 0xFE, 0x47, 0, 0x72, 0, 0xFC, 0, 0xDF, 0, 0x65, 0], nil),
            ([0xFE, 0xFF, 0, 0x47, 0, 0x72, 0, 0xFC, 0, 0xDF, 0, 0x65], nil),
            (
                [
                    0xFF, 0xFE, 0, 0, 0x47, 0, 0, 0, 0x72, 0, 0, 0, 0xFC, 0, 0, 0, 0xDF, 0, 0, 0, 0x65, 0, 0,
                    0,
                ], nil
            ),
            ([0x47, 0x72, 0xFC, 0xDF, 0x65], "windows-1252"),
        ] as [([UInt8], String?)])
    func `an encoding is told by its mark or its name`(_ bytes: [UInt8], _ charset: String?) throws {
        let path = try files.write("g.txt", bytes)
        #expect(try Reading(path) { $0.charset = charset }.documents.first?.string == "Grüße")
    }

    @Test func `text of no known encoding is an error with byte and line, and an unknown name is one`() throws
    {
        let path = try files.write("l.txt", Array("one\ntwo ".utf8) + [0xE9, 0x20])
        let error = #expect(throws: KindredError.self) { try Reading(path) }
        #expect(error?.code == .invalidData && error?.location?.byte == 8 && error?.location?.line == 2)
        let unknown = #expect(throws: KindredError.self) { try Reading(path) { $0.charset = "klingon-8" } }
        #expect(unknown?.code == .invalidRequest)
    }

    // MARK: HTML

    @Test func `a page is what its main element shows`() throws {
        let document = try document(
            "p.html",
            """
            <!doctype html><html lang=en><head><title>Rivers &amp; seas</title><link rel=canonical href=https://r.example/>
            <meta name=author content="Ada"><meta name=keywords content="water, flow"><script>var p = "<p>x</p>"</script>
            </head><body><nav>Home</nav><main><h1>Rivers</h1><p>They run&nbsp;to
            the sea,<br>slowly.<h2>Deltas</h2><ul><li>Nile<li>Danube</ul>
            <table><tr><th>Name<th>km<tr><td>Nile<td>6650</table><pre>a
              b</pre><p hidden>secret</p></main><footer>legal</footer></body></html>
            """)
        #expect(document.title == "Rivers & seas" && document.url == "https://r.example/")
        #expect(
            document.metadata["author"] == [.text("Ada")] && document.metadata["language"] == [.text("en")])
        #expect(document.metadata["tag"] == [.text("water"), .text("flow")])
        #expect(document.sections.map(\.path) == [["Rivers"], ["Rivers", "Deltas"]])
        #expect(document.string(0) == "They run to the sea,\nslowly.")
        #expect(document.string(1) == "Nile\n\nDanube\n\nName | km\n\nNile | 6650\n\na\n  b")
        for absent in ["Home", "legal", "secret", "var p"] { #expect(!document.string.contains(absent)) }
    }

    @Test func `a declared encoding is used`() throws {
        let bytes =
            Array("<html><head><meta charset=\"iso-8859-1\"></head><body><p>Caf".utf8) + [0xE9]
            + Array("</p></body></html>".utf8)
        #expect(try Reading(files.write("c.html", bytes)).documents.first?.string == "Café")
    }

    @Test func `elements that nest deep are read or refused`() throws {
        let deep = String(repeating: "<div>", count: 200) + "inside"
        #expect(try document("d.html", deep).string == "inside")
        let deeper = String(repeating: "<div>", count: 50_000) + "inside"
        let error = #expect(throws: KindredError.self) { try document("e.html", deeper) }
        #expect(error?.code == .invalidData && error?.message.contains("256") == true)
        let lists = String(repeating: "> ", count: 20_000) + "inside"
        #expect(try document("d.md", lists).string.contains("inside"))
    }

    // MARK: Records

    @Test func `JSON lines become documents with metadata, and a bad line is counted with its number`() throws
    {
        let path = try files.write(
            "d.jsonl",
            """
            {"id": 1, "title": "Sourdough", "text": "Wild yeast.", "tags": ["a", "b"], "meta": {"stars": 4.5}, "ok": true}
            not json

            [1]
            {"id": 2, "text": "Kimchi ferments."}
            {"id": 2, "text": "again"}
            {"id": 3, "text": ""}
            """)
        let reading = try Reading(path)
        #expect(reading.documents.map(\.title) == ["Sourdough", "2"])
        #expect(
            reading.documents[0].metadata == [
                "tags": [.text("a"), .text("b")], "meta.stars": [.real(4.5)], "ok": [.integer(1)],
            ])
        #expect(reading.entries.map(\.line) == [1, 5, 7])
        #expect(reading.counts == ["damaged": 2, "duplicate records": 1])
        #expect(reading.skipped.compactMap(\.error?.location?.line) == [2, 4])
    }

    @Test func `fields are chosen by name, and a missing text field is named`() throws {
        let path = try files.write(
            "r.jsonl",
            #"{"review": "Fine.", "more": "Really.", "product": "Lamp", "link": "https://l.example", "n": 2}"#
        )
        let document = try #require(
            try Reading(path) {
                $0.textFields = ["review", "more"]
                $0.titleField = "product"
            }.documents.first)
        #expect(
            document.title == "Lamp" && document.string == "Fine.\n\nReally."
                && document.url == "https://l.example")
        #expect(document.metadata == ["n": [.integer(2)]])
        let error = #expect(throws: KindredError.self) { try Reading(path) }
        #expect(error?.code == .invalidRequest && error?.message.contains("review") == true)
    }

    @Test func `a record without an id is known by its content`() throws {
        let first = try Reading(files.write("a.jsonl", #"{"text": "b"}"# + "\n"))
        let second = try Reading(files.write("a.jsonl", #"{"text": "a"}"# + "\n" + #"{"text": "b"}"# + "\n"))
        #expect(first.entries[0].key == second.entries[1].key)
    }

    @Test(arguments: [",", ";", "\t"])
    func `CSV has quoted separators, line breaks and marks`(_ separator: String) throws {
        let text =
            "name,text,price\r\n\"Lamp, \"\"desk\"\"\",\"A lamp that\r\nlights\",19.50\r\nChair,Wooden,\"1,250\"\r\nbad,row\r\n"
            .split(separator: ",", omittingEmptySubsequences: false).joined(separator: separator)
            .replacingOccurrences(of: "Lamp\(separator)", with: "Lamp,").replacingOccurrences(
                of: "1\(separator)250", with: "1,250")
        let reading = try Reading(files.write("t.csv", text))
        #expect(reading.documents.map(\.title) == ["Lamp, \"desk\"", "Chair"])
        #expect(reading.documents[0].string == "A lamp that\nlights")
        #expect(reading.documents.map { $0.metadata["price"] } == [[.real(19.5)], [.integer(1250)]])
        #expect(reading.entries.map(\.line) == [2, 4])
        #expect(reading.skipped.map(\.error?.location?.line) == [5])
    }

    @Test func `a quotation mark that nothing closes is one damaged record`() throws {
        let reading = try Reading(files.write("q.csv", "id,text\n1,ok\n2,\"open\n3,lost\n"))
        #expect(reading.documents.count == 1 && reading.counts == ["damaged": 1])
    }

    // MARK: PDF

    @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/pdftotext")))
    func `a PDF has a section for each page`() throws {
        let document = try #require(
            try Reading(files.write("ice.pdf", PDF.file(["Glaciers move.", "Ice deforms."]))).documents.first)
        #expect(document.title == "On ice" && document.sections.map(\.path) == [["Page 1"], ["Page 2"]])
        #expect(document.string(1) == "Ice deforms.")
        #expect(document.metadata["pages"] == [.integer(2)])
    }

    @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/pdftotext")))
    func `a damaged PDF is an error`() throws {
        let path = try files.write("bad.pdf", Array("%PDF-1.4 and no more".utf8))
        #expect(throws: KindredError.self) { try Reading(path) }
    }

    // MARK: What a source is

    @Test func `a format is told by the content where the name tells none`() throws {
        #expect(
            try Reading(files.write("page", "<!DOCTYPE html><p>Hi there</p>")).documents[0].string
                == "Hi there")
        #expect(try Reading(files.write("lines", #"{"text": "Hi"}"#)).documents[0].string == "Hi")
        let path = try files.write("notes", "Hi")
        let error = #expect(throws: KindredError.self) { try Reading(path) }
        #expect(error?.code == .invalidRequest && error?.message.contains("--format") == true)
        #expect(try Reading(path) { $0.format = .text }.documents[0].string == "Hi")
    }

    @Test func `a document is known by its content and its path, a binary file is not text`() throws {
        let first = try Reading(files.write("x.txt", "Hi")).entries[0]
        let second = try Reading(files.write("x.txt", "Ho")).entries[0]
        let third = try Reading(files.write("y.txt", "Ho")).entries[0]
        #expect(first.key == second.key && first.digest != second.digest && third.key != second.key)
        #expect(try Reading(files.write("b.txt", [0x68, 0, 0x69])).counts == ["binary": 1])
        #expect(
            try Reading(files.write("l.txt", Array(repeating: 0x61, count: 5000))) { $0.longest = 4000 }
                .counts == ["longer than --max-page": 1])
    }
}

/// PDF files as the specification's smallest example has them (ISO 32000-1, annex H).
private enum PDF {
    static func file(_ pages: [String]) -> [UInt8] {
        var objects = [
            "<< /Type /Catalog /Pages 2 0 R >>",
            "<< /Type /Pages /Count \(pages.count) /Kids [\(pages.indices.map { "\(5 + 2 * $0) 0 R" }.joined(separator: " "))] >>",
            "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>", "<< /Title (On ice) >>",
        ]
        for (index, text) in pages.enumerated() {
            let content = "BT /F1 12 Tf 72 720 Td (\(text)) Tj ET"
            objects.append(
                "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents \(6 + 2 * index) 0 R "
                    + "/Resources << /Font << /F1 3 0 R >> >> >>")
            objects.append("<< /Length \(content.count) >>\nstream\n\(content)\nendstream")
        }
        var text = "%PDF-1.4\n"
        var places: [Int] = []
        for (index, object) in objects.enumerated() {
            places.append(text.utf8.count)
            text += "\(index + 1) 0 obj\n\(object)\nendobj\n"
        }
        let start = text.utf8.count
        text += "xref\n0 \(objects.count + 1)\n0000000000 65535 f \n"
        for place in places {
            let digits = String(place)
            text += String(repeating: "0", count: 10 - digits.count) + digits + " 00000 n \n"
        }
        text +=
            "trailer\n<< /Size \(objects.count + 1) /Root 1 0 R /Info 4 0 R >>\nstartxref\n\(start)\n%%EOF\n"
        return Array(text.utf8)
    }
}
