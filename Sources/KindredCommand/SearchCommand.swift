import ArgumentParser
import Foundation
import Kindred
import KindredSystem

struct SearchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "search", abstract: "Answer a question from an index.",
        discussion: "  kindred search \"what keeps a bridge from swaying\" --mode semantic -k 5")

    @Argument(
        parsing: .allUnrecognized,
        help: ArgumentHelp("The question, in your own words; '-' reads it from standard input."))
    var query: [String] = []

    @OptionGroup var options: SearchOptions
    @OptionGroup var indexes: IndexOptions

    @Flag(name: .long, help: "Print one JSON object.")
    var json = false

    func validate() throws {
        guard !query.isEmpty else {
            throw ValidationError("The query is missing: kindred search \"QUESTION\"")
        }
        // "-5 degrees" is a question, "--limt" is not.
        let option = query.prefix { $0 != "--" }.first {
            $0.wholeMatch(of: /--?[A-Za-z][-A-Za-z]*(=.*)?/) != nil
        }
        guard let option else { return }
        throw ValidationError(
            "There is no option '\(option)'. Put '--' before a question that begins with '-'.")
    }

    func run() throws {
        let text = query == ["-"] ? Self.standardInput() : query.joined(separator: " ")
        let directory = try IndexDirectory.find(options.index, in: indexes.root)
        let results = try Searcher(directory).search(text, mode: options.mode, limit: options.limit)
        if let warning = results.warning { CommandOutput.warning(warning) }
        if json {
            try CommandOutput.json(SearchOutput(results, index: directory.name))
        } else {
            ResultList(results).print()
        }
    }

    private static func standardInput() -> String {
        String(decoding: FileHandle.standardInput.readDataToEndOfFile(), as: UTF8.self)
    }
}

/// What `kindred search --json` prints.
struct SearchOutput: Encodable {
    struct Hit: Encodable {
        let rank: Int
        let score: Double
        let title: String
        let section: String
        let url: String
        let articleID: Int64
        let passageID: Int64
        let text: String
    }

    let query: String
    let index: String
    let mode: String
    let tookMs: Double
    let hits: [Hit]
    let warning: String?

    init(_ results: SearchResults, index: String) {
        query = results.query
        self.index = index
        mode = results.mode.rawValue
        warning = results.warning
        tookMs = (results.milliseconds * 100).rounded() / 100
        hits = results.hits.map { hit in
            Hit(
                rank: hit.rank, score: hit.score, title: hit.title,
                section: hit.sectionPath.joined(separator: " › "), url: hit.url, articleID: hit.articleID,
                passageID: hit.passageID, text: hit.text)
        }
    }
}
