import Foundation
import Kindred
import KindredTestSupport
import SystemPackage
import Testing

@testable import KindredCommand

@Suite(.serialized) struct ReadingTests {
    private let directory: TemporaryDirectory
    private var indexes: FilePath { directory.path.appending("indexes") }

    init() throws {
        directory = try TemporaryDirectory()
        let made = try Run(["index", "--sample"], indexes: directory.path.appending("indexes"))
        try #require(made.code == 0, "\(made.error)")
        #expect(made.error.contains("made the index \"sample\": 60 articles, 180 passages"))
        #expect(made.error.contains("kindred search \"your question\" --index sample"))
        #expect(!made.output.contains("made the index"))
    }

    @Test func `read shows the whole article with its headings and marks the passage`() throws {
        let repl = try Run(
            ["repl", "-k", "2"], input: "property is theft\n:read\n:read 7\n:quit\n", indexes: indexes)
        let lines = repl.output.components(separatedBy: "\n")
        #expect(lines.contains("Pierre-Joseph Proudhon") && lines.contains("Property"))
        let marked = lines.filter { $0.hasPrefix("▌ ") }
        #expect(marked.joined().contains("property is") && marked.count < lines.count / 2)
        #expect(lines.allSatisfy { Terminal.width(of: $0) <= 80 })
        #expect(repl.error.contains(":read needs a number from 1 to 2"))
    }

    @Test func `an answer that nobody reads any more is no error`() throws {
        for arguments in [
            ["search", "property", "-k", "50"], ["search", "property", "-k", "50", "--json"],
            ["status", "--json"],
        ] {
            let run = try Run(arguments, indexes: indexes, redirecting: "| true")
            #expect(run.code == 0 && run.error.isEmpty, "\(run.error)")
        }
        let first = try Run(
            ["search", "property", "-k", "50", "--json"], indexes: indexes, redirecting: "| head -1")
        #expect(first.code == 0 && first.error.isEmpty && first.output == "{\n")
    }

    @Test func `numbers out of range are wrong usage`() throws {
        let many = String(ProcessInfo.processInfo.activeProcessorCount + 1_000)
        for arguments in [
            ["-k", "0"], ["--min-score", "1.5"], ["--group", "title"], ["--threads", "0"],
            ["--threads", many],
        ] {
            let run = try Run(["search", "property"] + arguments, indexes: indexes)
            #expect(run.code == 64 && run.error.contains(arguments[0].drop { $0 == "-" }), "\(run.error)")
        }
        #expect(try Run(["search", "property", "--threads", "1", "-k", "1"], indexes: indexes).code == 0)
    }

    @Test func `the repl answers in JSON, a line for each question`() throws {
        let repl = try Run(
            ["repl", "--json", "-k", "2"], input: "property is theft\nthe price of opera tickets\n",
            indexes: indexes)
        let answers = try repl.output.split(separator: "\n").map {
            try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
        }
        #expect(answers.count == 2)
        #expect(answers[0]["nothing_relevant"] == nil && answers[1]["nothing_relevant"] as? Bool == true)
        let grouped = try Run(
            ["search", "property is theft", "--group", "article", "--json"], indexes: indexes)
        #expect(grouped.output.contains("\"article_rank\" : 1"))
    }

    @Test func `a list says that nothing answers well, and what was left out`() throws {
        let poor = try Run(["search", "the price of opera tickets"], indexes: indexes)
        #expect(poor.output.hasPrefix("Nothing here answers that well; the nearest passages are:\n"))
        let none = try Run(["search", "the price of opera tickets", "--min-score", "0.9"], indexes: indexes)
        #expect(none.code == 0 && none.output.contains("less relevant"))
    }

    @Test func `Tab completes commands, their values, indexes and fields`() throws {
        let completion = ReplCompletion(
            root: indexes, index: try IndexDirectory(root: indexes, name: "sample"))
        #expect(completion.words(":re").contains(":read") && completion.words("re").isEmpty)
        #expect(completion.words(":mode ") == ["hybrid", "semantic", "keyword"])
        #expect(completion.words(":index s") == ["sample"])
        #expect(completion.words(":where ti").contains("title"))
    }

    @Test func `on a terminal Tab completes, and several pasted lines are one query`() throws {
        let input = ":mo\tke\t\n\u{1B}[200~property\nis\ttheft\u{1B}[201~\n:quit\n"
        let repl = try Run(["repl", "-k", "1"], input: input, indexes: indexes, onTerminal: true)
        #expect(repl.code == 0, "\(repl.output)")
        // One answer, in the completed mode.
        #expect(repl.output.contains("property is theft"), "\(repl.output)")
        #expect(repl.output.components(separatedBy: "1 passage, keyword").count == 2, "\(repl.output)")
    }
}
