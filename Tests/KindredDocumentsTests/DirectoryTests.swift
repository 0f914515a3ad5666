import Foundation
import KindredSystem
import KindredTestSupport
import Testing

@testable import KindredDocuments

@Suite struct DirectoryTests {
    private let files: Files

    init() throws { files = try Files() }

    @Test func `a directory gives its files in order, and counts by reason what it skips`() throws {
        try files.write("b.md", "Second.")
        try files.write("a.txt", "First.")
        try files.write("deep/er/c.html", "<p>Third.</p>")
        try files.write("bad.txt", [0x61, 0xFF])
        try files.write("empty.md", "")
        try files.write("picture.png", [0x89, 0x50])
        try files.write("nul.txt", [0x61, 0])
        try files.write(".secret.txt", "hidden")
        try files.write(".cache/x.txt", "hidden")
        try FileManager.default.createSymbolicLink(
            atPath: files.root + "/link.txt", withDestinationPath: "a.txt")
        let reader = try DocumentSource(files.root, options: ReadingOptions()).open()
        var titles: [String] = []
        var counts: [String: Int] = [:]
        while let item = try reader.next() {
            switch item {
            case .document(let entry):
                // As the indexer does, a file that is no text is counted.
                do {
                    if let document = try entry.load() {
                        titles.append(document.title)
                    } else {
                        counts["empty", default: 0] += 1
                    }
                } catch let error as KindredError {
                    #expect(error.location?.path.hasSuffix("bad.txt") == true)
                    counts["encoding", default: 0] += 1
                }
            case .skipped(let skip): counts[skip.reason.name, default: 0] += 1
            case .redirect: Issue.record("no redirect")
            }
        }
        #expect(titles == ["a", "b", "c"])
        #expect(
            counts == [
                "encoding": 1, "empty": 1, "of other types": 1, "binary": 1, "hidden": 2, "symbolic links": 1,
            ])
        #expect(reader.bytesRead == reader.totalBytes)
    }

    @Test func `hidden and ignored files are read where the options say so`() throws {
        try files.write(".gitignore", "drafts/\n*.log.txt\n!keep.log.txt\n")
        try files.write("drafts/a.txt", "A.")
        try files.write("b.log.txt", "B.")
        try files.write("keep.log.txt", "C.")
        try files.write("sub/.gitignore", "!b.log.txt\n/own.txt\n")
        try files.write("sub/b.log.txt", "D.")
        try files.write("sub/own.txt", "E.")
        try files.write("sub/deep/own.txt", "F.")
        try files.write(".h.txt", "G.")
        #expect(try Reading(files.root).documents.map(\.string) == ["C.", "D.", "F."])
        #expect(try Reading(files.root).counts["ignored by .gitignore"] == 3)
        let all = try Reading(files.root) {
            $0.respectsIgnoreFiles = false
            $0.includesHidden = true
        }
        #expect(Set(all.documents.map(\.string)) == ["A.", "B.", "C.", "D.", "E.", "F.", "G."])
    }

    @Test func `rules of the repository above hold in a directory of it`() throws {
        try files.write(".gitignore", "notes/*.txt\n")
        try FileManager.default.createDirectory(
            atPath: files.root + "/.git", withIntermediateDirectories: true)
        try files.write("notes/a.txt", "A.")
        try files.write("notes/b.md", "B.")
        #expect(try Reading(files.root + "/notes").documents.map(\.string) == ["B."])
    }

    // Each was checked with `git check-ignore` 2.39.
    @Test(arguments: [
        ("*.txt", "a.txt", true), ("*.txt", "d/a.txt", true), ("/*.txt", "d/a.txt", false),
        ("/*.txt", "a.txt", true),
        ("d/*.txt", "d/a.txt", true), ("d/*.txt", "e/d/a.txt", false), ("**/d/a.txt", "e/d/a.txt", true),
        ("**/d/a.txt", "d/a.txt", true), ("d/**", "d/e/a.txt", true), ("d/**/a.txt", "d/a.txt", true),
        ("d/**/a.txt", "d/x/y/a.txt", true), ("d/**/a.txt", "da.txt", false), ("a?.txt", "ab.txt", true),
        ("a?.txt", "a.txt", false), ("[ab].txt", "b.txt", true), ("[!ab].txt", "b.txt", false),
        ("[a-c]x.txt", "bx.txt", true), ("\\#a.txt", "#a.txt", true), ("#a.txt", "#a.txt", false),
        ("a.txt ", "a.txt", true), ("a\\ ", "a ", true), ("a*b*c.txt", "aXbXbYc.txt", true),
        ("*", "a.txt", true),
        ("foo", "d/foo", true), ("foo/", "foo", false), ("a**b", "axyb", true),
    ])
    func `patterns of gitignore match as git matches them`(
        _ pattern: String, _ path: String, _ expected: Bool
    ) {
        #expect((IgnoreRules(pattern).ignores(path, isDirectory: false) ?? false) == expected)
    }

    @Test func `the last pattern that matches decides, and one of many stars ends`() {
        let rules = IgnoreRules("*.txt\n!a.txt\nd/\n")
        #expect(rules.ignores("a.txt", isDirectory: false) == false)
        #expect(rules.ignores("b.txt", isDirectory: false) == true)
        #expect(
            rules.ignores("d", isDirectory: true) == true && rules.ignores("d", isDirectory: false) == nil)
        let stars = String(repeating: "*a", count: 200) + "b"
        #expect(IgnoreRules(stars).ignores(String(repeating: "a", count: 2000), isDirectory: false) == nil)
    }

    @Test func `of a BEIR corpus only the documents are read`() throws {
        try files.write("corpus.jsonl", #"{"_id": "d1", "title": "T", "text": "One."}"# + "\n")
        try files.write("queries.jsonl", #"{"_id": "q1", "text": "what"}"# + "\n")
        try files.write("qrels/test.tsv", "query-id\tcorpus-id\tscore\nq1\td1\t1\n")
        let reading = try Reading(files.root)
        #expect(reading.documents.map(\.title) == ["T"])
        #expect(reading.counts == ["queries and judgments of a BEIR corpus": 2])
    }

    @Test func `a dump among files is read as a dump, other XML is not`() throws {
        try files.write(
            "w.xml",
            """
            <mediawiki xml:lang="en"><siteinfo><sitename>W</sitename><dbname>w</dbname><base>https://w.example/wiki/Main</base>
            </siteinfo><page><title>Valmer</title><ns>0</ns><id>1</id><revision><id>7</id>
            <timestamp>2024-05-06T07:08:09Z</timestamp><text>Valmer is a [[port town|town]] by the sea.
            [[Category:Towns]]</text></revision></page>
            <page><title>Old Valmer</title><ns>0</ns><id>2</id><redirect title="Valmer" /><revision><id>8</id>
            <text>#REDIRECT [[Valmer]]</text></revision></page></mediawiki>
            """)
        try files.write("other.xml", "<catalog><book/></catalog>")
        let reading = try Reading(files.root)
        let document = try #require(reading.documents.first)
        #expect(document.metadata["category"] == [.text("Towns")])
        #expect(document.metadata["date"] == [.text("2024-05-06T07:08:09Z")])
        #expect(document.anchors == "town\tPort town\n")
        #expect(reading.redirects.map(\.target) == ["Valmer"] && reading.counts == ["of other types": 1])
    }

    @Test func `the index of a multistream dump is refused with the dump's name`() throws {
        let path = try files.write("w-pages-articles-multistream-index.txt", "600:1:Valmer\n")
        let error = #expect(throws: KindredError.self) { try Reading(path) }
        #expect(error?.code == .invalidRequest)
        #expect(error?.message.contains("w-pages-articles-multistream.xml") == true)
        #expect(try Reading(files.root).counts == ["index of a multistream dump": 1])
    }
}
