import ArgumentParser
import Foundation
import Kindred
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

        /// Wikitext that one thread turns into text at a time, in bytes, at least.
        private static let batchSize = 1 << 18

        func run() throws {
            let reader = try DumpReader(path: file)
            var queue = PrintQueue()
            var batch = Batch(json: json)
            do {
                while let page = try reader.next() {
                    if Interrupts.requested { throw ExitCode(130) }
                    guard page.redirectTarget == nil, page.namespace == 0,
                        page.model ?? "wikitext" == "wikitext"
                    else { continue }
                    if page.isTooLong {
                        CommandOutput.warning(
                            "\(page.title): the text is longer than a page may be, and is not shown")
                        continue
                    }
                    batch.add(page, reader.site)
                    if batch.size >= Self.batchSize {
                        queue.add(batch)
                        batch = Batch(json: json)
                    }
                }
            } catch let error as KindredError {
                // What came before the damage is printed.
                queue.add(batch)
                queue.printAll()
                throw error
            }
            queue.add(batch)
            queue.printAll()
        }

        /// Pages that one thread turns into what is printed.
        private struct Batch: Sendable {
            let json: Bool
            private var pages: [(page: DumpPage, site: DumpSite)] = []
            /// Bytes of wikitext.
            private(set) var size = 0

            init(json: Bool) { self.json = json }

            mutating func add(_ page: DumpPage, _ site: DumpSite) {
                pages.append((page, site))
                size += page.wikitext.count
            }

            func printed() -> [UInt8] {
                var bytes: [UInt8] = []
                bytes.reserveCapacity(size)
                for (page, site) in pages {
                    let article = Article(
                        title: page.title, wikitext: page.wikitext, site: site, hasDetails: json)
                    if json {
                        // Strings and numbers always encode.
                        if let line = try? JSONOutput.bytes(Text.output(page, article), pretty: false) {
                            bytes += line
                        }
                    } else {
                        bytes += Terminal.sanitized(page.title).utf8
                        bytes += [0x0A, 0x0A]
                        bytes += article.bytes
                        bytes.append(0x0A)
                    }
                    bytes.append(0x0A)
                }
                return bytes
            }
        }

        /// Prints batches in their order, which threads work on in any order. Some may wait, so that memory is bounded.
        private struct PrintQueue {
            private var tasks: [BackgroundTask<[UInt8]>] = []

            mutating func add(_ batch: Batch) {
                tasks.append(BackgroundTask { batch.printed() })
                while tasks.count > 2 * Processor.count + 2 { printFirst() }
            }

            mutating func printAll() { while !tasks.isEmpty { printFirst() } }

            private mutating func printFirst() { CommandOutput.write(tasks.removeFirst().take()) }
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
