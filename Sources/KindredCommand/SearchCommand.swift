import ArgumentParser
import Foundation
import Kindred
import KindredSystem

struct SearchCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "search", abstract: "Answer a question from an index.",
        discussion: """
            Words in quotation marks must stand in a passage in this order; '-word' excludes passages with a word.

              kindred search "what keeps a bridge from swaying" --mode semantic -k 5
              kindred search comets --where "category = 'Astronomy' and date >= 2020" --facets category --json
            """)

    @Argument(
        parsing: .allUnrecognized,
        help: ArgumentHelp("The question, in your own words; '-' reads it from standard input."))
    var query: [String] = []

    @OptionGroup var options: SearchOptions
    @OptionGroup var indexes: IndexOptions
    @OptionGroup var threads: ThreadOptions

    @Option(
        help: ArgumentHelp(
            "Fields whose values are counted in the documents that are found, with commas between them.",
            valueName: "fields"))
    var facets: String?

    @Flag(name: .long, help: "Print one JSON object.")
    var json = false

    func validate() throws {
        guard !query.isEmpty else {
            throw ValidationError("The query is missing: kindred search \"QUESTION\"")
        }
        // "-5 degrees" is a question, and "rust -game" excludes a word; "--limt" is neither.
        let words = query.prefix { $0 != "--" }
        let option =
            words.first { $0.wholeMatch(of: /--[A-Za-z][-A-Za-z]*(=.*)?/) != nil }
            ?? words.first.flatMap { $0.wholeMatch(of: /-[A-Za-z][-A-Za-z]*(=.*)?/) != nil ? $0 : nil }
        guard let option else { return }
        throw ValidationError(
            "There is no option '\(option)'. Put '--' before a question that begins with '-'.")
    }

    func run() throws {
        threads.apply()
        // The first "--" only ends the options.
        let words = query.prefix { $0 != "--" } + query.drop { $0 != "--" }.dropFirst()
        let text = query == ["-"] ? Self.standardInput() : words.joined(separator: " ")
        let directory = try IndexDirectory.find(options.index, in: indexes.root)
        let filter = try options.filter()
        let fields = (facets ?? "").split(separator: ",").map {
            $0.trimmingCharacters(in: .whitespaces)
        }
        let results = try Searcher(directory).search(
            text, mode: options.mode, limit: options.limit ?? SearchOptions.standardLimit, filter: filter,
            facets: fields,
            grouping: options.group?.grouping ?? (json ? .none : .automatic),
            minimumRelevance: options.minimumRelevance)
        if let warning = results.warning { CommandOutput.warning(warning) }
        if json {
            try CommandOutput.json(SearchOutput(results, index: directory.name))
        } else {
            let list = ResultList(results)
            list.print()
            list.printFacets(in: fields)
        }
    }

    private static func standardInput() -> String {
        String(decoding: FileHandle.standardInput.readDataToEndOfFile(), as: UTF8.self)
    }
}
