import ArgumentParser
import KindredSystem
import KindredWikipedia

struct DumpCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dump",
        abstract: "Look at what Kindred reads in a dump.",
        subcommands: [Text.self])

    struct Text: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print the articles of a dump as plain text, without an index.",
            discussion: """
                Each article is its title, a blank line and its text; with --json one object on a line for each. Redirects \
                and pages of other namespaces are left out, as they are from an index.

                  kindred dump text simplewiki-latest-pages-articles.xml.bz2
                  kindred dump text dump.xml --json | head -1
                """)

        @Argument(
            help: "A pages-articles dump, compressed or not; '-' is standard input.", completion: .file())
        var file: String
        @Flag(help: "Print one JSON object for each article.") var json = false

        private struct Output: Encodable {
            struct Section: Encodable {
                let path: [String]
                let text: String
            }

            struct Fact: Encodable { let name, value: String }
            struct Anchor: Encodable { let text, target: String }

            let id: Int64?
            let title: String
            let timestamp: String?
            let text: String
            let sections: [Section]
            let categories: [String]
            let facts: [Fact]
            let anchors: [Anchor]
            let isDisambiguation: Bool
        }

        func run() throws {
            let reader = try DumpReader(path: file)
            while let page = try reader.next() {
                if Interrupts.requested { throw ExitCode(130) }
                guard page.redirectTarget == nil, page.namespace == 0, page.model ?? "wikitext" == "wikitext"
                else {
                    continue
                }
                if page.isTooLong {
                    CommandOutput.warning(
                        "\(page.title): the text is longer than a page may be, and is not shown")
                    continue
                }
                let article = Article(title: page.title, wikitext: page.wikitext, site: reader.site)
                if json {
                    try CommandOutput.json(Self.output(page, article), pretty: false)
                } else {
                    CommandOutput.line("\(Terminal.sanitized(page.title))\n\n\(article.text)\n")
                }
            }
        }

        private static func output(_ page: DumpPage, _ article: Article) -> Output {
            Output(
                id: page.id, title: page.title, timestamp: page.timestamp, text: article.text,
                sections: article.sections.map {
                    .init(path: $0.path, text: String(decoding: article.bytes[$0.range], as: UTF8.self))
                },
                categories: article.categories,
                facts: article.facts.map { .init(name: $0.name, value: $0.value) },
                anchors: article.anchors.map { .init(text: $0.text, target: $0.target) },
                isDisambiguation: article.isDisambiguation)
        }
    }
}
