import ArgumentParser
import Foundation
import Kindred
import KindredSystem
import SystemPackage

/// The options that every subcommand has.
struct IndexOptions: ParsableArguments {
    @Option(
        name: .customLong("indexes"),
        help: ArgumentHelp(
            "The directory that holds the indexes (default: $KINDRED_INDEXES, or 'indexes' here).",
            valueName: "directory"), completion: .directory)
    var directory: String?

    var root: FilePath { Self.root(directory) }

    /// The directory that holds the indexes where `--indexes` names `directory`.
    static func root(_ directory: String?) -> FilePath {
        let named = directory ?? ProcessInfo.processInfo.environment["KINDRED_INDEXES"]
        guard let named, !named.isEmpty else { return "indexes" }
        return FilePath(named)
    }
}

/// How many threads the encoder and the index run on.
struct ThreadOptions: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp(
            "Threads that compute at the same time (default: all processors, here \(Processor.online)).",
            valueName: "n"))
    var threads: Int?

    func validate() throws {
        guard let threads else { return }
        guard (1...Processor.online).contains(threads) else {
            throw ValidationError("--threads takes a number from 1 to \(Processor.online), not \(threads).")
        }
    }

    /// Before anything is computed.
    func apply() {
        if let threads { Processor.limitThreads(to: threads) }
    }
}

/// What every command that writes files has.
struct ForceArgument: ParsableArguments {
    @Flag(help: "Replace an existing output of another kind.") var force = false

    /// - Throws: `invalidRequest` for an output that is an input; `cannotCreate` where a file of another kind is there.
    func check(_ output: String?, is kind: OutputKind, inputs: [String]) throws {
        if let output { try kind.check(output: output, inputs: inputs, force: force) }
    }
}

extension SearchMode: ExpressibleByArgument {}

/// What `--group` takes.
enum ResultGroups: String, ExpressibleByArgument, CaseIterable {
    case article, none

    var grouping: SearchGrouping { self == .article ? .article : .none }
}

/// Which passages are asked for, and how.
struct SearchOptions: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp("The index to ask (default: the only one there is).", valueName: "name"),
        completion: .indexName)
    var index: String?

    @Option(name: .long, help: "How passages are found: hybrid, semantic or keyword.")
    var mode: SearchMode = .hybrid

    @Option(
        name: [.customShort("k"), .customLong("limit")],
        help:
            "How many passages to show, or articles where they are grouped, 1 to 1000 (default: 10; in the REPL what fits the screen)."
    )
    var limit: Int?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "How passages are arranged: article (each article once, with its best passages) or none (default: article where more than half would be of one, but for --json).",
            valueName: "article|none"))
    var group: ResultGroups?

    @Option(
        name: .customLong("min-score"),
        help: ArgumentHelp("Leave out passages whose relevance is less, 0 to 1.", valueName: "relevance"))
    var minimumRelevance: Double?

    @Option(
        name: .customLong("where"),
        help: ArgumentHelp(
            "Which documents may answer, for example \"category = 'Physics' and date >= 2020\".",
            valueName: "condition"))
    var condition: String?

    @Option(
        name: .customLong("title-prefix"),
        help: ArgumentHelp("How the title of a document that answers begins.", valueName: "text"))
    var titlePrefix: String?

    /// Passages where neither a person nor the height of the screen says how many.
    static let standardLimit = 10

    func validate() throws {
        if let limit, !(1...1000).contains(limit) {
            throw ValidationError("-k takes a number from 1 to 1000, not \(limit).")
        }
        if let minimumRelevance, !(0...1).contains(minimumRelevance) {
            throw ValidationError("--min-score takes a relevance from 0 to 1, not \(minimumRelevance).")
        }
    }

    /// - Throws: `invalidRequest` where the condition is none.
    func filter() throws -> SearchFilter? {
        try SearchFilter.parsing(condition: condition, titlePrefix: titlePrefix)
    }
}
