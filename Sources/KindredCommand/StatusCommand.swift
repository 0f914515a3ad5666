import ArgumentParser
import Kindred
import KindredSystem

struct StatusCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "List the indexes with their contents and sizes.",
        discussion: "  kindred status enwiki --json")

    @Argument(
        help: ArgumentHelp("An index's name (default: all).", valueName: "name"), completion: .indexName)
    var name: String?

    @Flag(name: .long, help: "Print one JSON object.")
    var json = false

    @OptionGroup var indexes: IndexOptions

    func run() throws {
        let directories =
            try name.map { [try IndexDirectory.find($0, in: indexes.root)] }
            ?? (try IndexDirectory.all(in: indexes.root))
        // An index that cannot be read does not hide the others; its error comes last.
        var all: [IndexStatus] = []
        var failures: [KindredError] = []
        for directory in directories {
            do { all.append(try IndexStatus(directory)) } catch let error as KindredError {
                failures.append(error)
            }
        }
        if json {
            try CommandOutput.json(StatusOutput(all))
        } else {
            if directories.isEmpty {
                CommandOutput.line("No index in \(indexes.root); make one with 'kindred index DUMP'.")
            }
            for status in all { Self.print(status) }
        }
        for failure in failures.dropLast() { CommandOutput.printError(failure) }
        if let last = failures.last { throw last }
    }

    static func print(_ status: IndexStatus) {
        let style = Style(for: .standardOutput)
        CommandOutput.line(style.bold(status.name))
        CommandOutput.line("  articles   \(Format.count(status.articles))")
        CommandOutput.line("  passages   \(Format.count(status.passages))")
        let deleted =
            status.deletedPassages > 0 ? ", \(Format.count(status.deletedPassages)) deleted passages" : ""
        CommandOutput.line("  segments   \(Format.count(status.segments))\(deleted)")
        CommandOutput.line(
            "  encoder    \(Terminal.sanitized(status.model)), \(status.dimensions) dimensions, "
                + "fingerprint \(status.fingerprint)")
        if let done = status.reindexedPassages {
            CommandOutput.line(
                "  reindex    \(Format.count(done)) of \(Format.count(status.passages)) passages are encoded by "
                    + "\(Terminal.sanitized(status.nextModel ?? "another encoder"))")
        }
        CommandOutput.line(
            "  on disk    \(Format.bytes(status.totalBytes)): catalogue \(Format.bytes(status.catalogBytes)) "
                + "(texts \(Format.bytes(status.compressedTextBytes)), \(Format.bytes(status.textBytes)) plain), "
                + "vectors \(Format.bytes(status.segmentBytes)), other \(Format.bytes(status.otherBytes))")
    }
}
