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

/// What every command that writes files has.
struct ForceArgument: ParsableArguments {
    @Flag(help: "Replace an existing output of another kind.") var force = false

    /// - Throws: `invalidRequest` for an output that is an input; `cannotCreate` where a file of another kind is there.
    func check(_ output: String?, is kind: OutputKind, inputs: [String]) throws {
        if let output { try kind.check(output: output, inputs: inputs, force: force) }
    }
}

extension SearchMode: ExpressibleByArgument {}

/// Which passages are asked for, and how.
struct SearchOptions: ParsableArguments {
    @Option(
        name: .long,
        help: ArgumentHelp("The index to ask (default: the only one there is).", valueName: "name"),
        completion: .indexName)
    var index: String?

    @Option(name: .long, help: "How passages are found: hybrid, semantic or keyword.")
    var mode: SearchMode = .hybrid

    @Option(name: [.customShort("k"), .customLong("limit")], help: "How many passages to show, 1 to 1000.")
    var limit = 10

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

    /// - Throws: `invalidRequest` where the condition is none.
    func filter() throws -> SearchFilter? {
        if let condition { return try SearchFilter(where: condition, titlePrefix: titlePrefix) }
        return titlePrefix.map { SearchFilter(titlePrefix: $0) }
    }
}
