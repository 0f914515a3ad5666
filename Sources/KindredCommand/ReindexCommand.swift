import ArgumentParser
import Foundation
import Kindred
import KindredSystem

struct ReindexCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reindex",
        abstract: "Switch an index to another encoder.",
        discussion: """
            Encodes the stored texts with another encoder. Searches use the old encoder until the last passage is \
            encoded; then the index switches in one step. After Ctrl-C or a crash, run the same command again: it resumes.

              kindred reindex enwiki --encoder runs/pairs/adapter
            """)

    @Argument(
        help: ArgumentHelp("The index's name (default: the only one there is).", valueName: "name"),
        completion: .indexName)
    var name: String?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "A model directory or an adapter, or 'embedded' for the encoder that ships with Kindred.",
            valueName: "directory"), completion: .file(extensions: ["gguf"]))
    var encoder: String

    @Flag(name: .long, help: "Print the report as JSON.")
    var json = false

    @Flag(name: [.short, .long], help: "Show no progress.")
    var quiet = false

    @OptionGroup var indexes: IndexOptions
    @OptionGroup var threads: ThreadOptions

    func run() throws {
        threads.apply()
        let directory = try IndexDirectory.find(name, in: indexes.root)
        let reindexer = try Reindexer(directory, model: encoder)
        Interrupts.hold()
        let progress = Progress(label: "Reindexing \(directory.name)", unit: "passages", quiet: quiet)
        defer { progress.finish() }
        let report = try reindexer.reindex(
            shouldStop: { Interrupts.requested },
            progress: { now in
                progress.update(
                    done: Double(now.encoded), fraction: Double(now.passages) / Double(max(1, now.total)),
                    detail: "\(Format.count(now.passages)) of \(Format.count(now.total))")
            })
        progress.finish()
        let rate = report.seconds > 0 ? Double(report.passages) / report.seconds : 0
        if json {
            try CommandOutput.json(
                ReindexOutput(
                    index: directory.name, fingerprint: report.fingerprint, passagesEncoded: report.passages,
                    passagesResumed: report.resumed, seconds: report.seconds, passagesPerSecond: rate,
                    nothingToDo: report.nothingToDo, stopped: report.stopped))
        } else if report.nothingToDo {
            CommandOutput.line("\(directory.name): nothing to do; the index already uses this encoder")
        } else {
            let resumed =
                report.resumed > 0 ? ", \(Format.count(report.resumed)) from an interrupted run" : ""
            CommandOutput.line(
                "  passages   \(Format.count(report.passages)) encoded in \(Format.duration(report.seconds)) "
                    + "(\(Format.rate(rate, unit: "passages")))\(resumed)")
            CommandOutput.line(
                report.stopped
                    ? "Stopped; the old encoder still answers. Run the same command to continue."
                    : "  encoder    \(report.fingerprint)")
        }
        if report.stopped { throw ExitCode(130) }
    }
}

/// The report of `kindred reindex --json`.
private struct ReindexOutput: Encodable {
    let index, fingerprint: String
    let passagesEncoded, passagesResumed: Int
    let seconds, passagesPerSecond: Double
    let nothingToDo, stopped: Bool
}
