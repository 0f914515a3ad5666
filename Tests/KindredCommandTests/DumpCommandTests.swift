import Foundation
import KindredTestSupport
import SystemPackage
import Testing

@Suite struct DumpCommandTests {
    private let directory: TemporaryDirectory
    private let dump: String

    init() throws {
        directory = try TemporaryDirectory()
        let page = { (id: Int, title: String, namespace: Int, text: String) in
            "<page><title>\(title)</title><ns>\(namespace)</ns><id>\(id)</id><revision>"
                + "<timestamp>2026-01-02T03:04:05Z</timestamp><text>\(text)</text></revision></page>"
        }
        let xml =
            "<mediawiki xml:lang=\"en\">"
            + page(
                1, "Otter", 0,
                "{{Infobox animal\n| length = 90 cm\n}}\nAn ''otter'' eats [[Fish|fishes]].\n== Home ==\nRivers.\n[[Category:Animals]]"
            )
            + page(2, "Otters", 0, "#REDIRECT [[Otter]]") + page(3, "Talk:Otter", 1, "Hello.")
            + "</mediawiki>"
        dump = try directory.file("dump.xml", Array(xml.utf8)).string
    }

    @Test func `articles are printed as text, other pages are not`() throws {
        let run = try Run(["dump", "text", dump], indexes: directory.path)
        #expect(run.code == 0)
        #expect(run.output == "Otter\n\nAn otter eats fishes.\n\nHome\n\nRivers.\n\n")
    }

    @Test func `JSON has a line for each article, with what is kept beside the text`() throws {
        struct Line: Decodable {
            struct Section: Decodable, Equatable { let path: [String], text: String }
            struct Fact: Decodable, Equatable { let name: String, value: String }
            struct Anchor: Decodable, Equatable { let text: String, target: String }

            let id: Int
            let title: String
            let timestamp: String
            let text: String
            let sections: [Section]
            let categories: [String]
            let facts: [Fact]
            let anchors: [Anchor]
            let isDisambiguation: Bool
        }
        let run = try Run(["dump", "text", dump, "--json"], indexes: directory.path)
        let lines = run.output.split(separator: "\n")
        try #require(lines.count == 1)
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        let line = try decoder.decode(Line.self, from: Data(lines[0].utf8))
        #expect((line.id, line.title, line.timestamp) == (1, "Otter", "2026-01-02T03:04:05Z"))
        #expect(
            line.sections == [
                .init(path: [], text: "An otter eats fishes."), .init(path: ["Home"], text: "Rivers."),
            ])
        #expect(line.categories == ["Animals"] && line.facts == [.init(name: "length", value: "90 cm")])
        #expect(line.anchors == [.init(text: "fishes", target: "Fish")] && !line.isDisambiguation)
    }

    @Test func `a file that is no dump is an error`() throws {
        let file = try directory.file("x.txt", Array("plain words".utf8)).string
        let run = try Run(["dump", "text", file], indexes: directory.path)
        #expect(run.code == 65 && run.error.contains("is not a MediaWiki dump"))
    }
}
