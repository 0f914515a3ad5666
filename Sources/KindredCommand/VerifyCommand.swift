import ArgumentParser
import Kindred
import KindredSystem

struct VerifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify", abstract: "Check every checksum and every invariant of an index.",
        discussion: """
            Exit code 0 if the index is intact, 65 if it is damaged. --repair rebuilds damaged links and re-encodes \
            passages whose vectors are damaged or lost; the index stores their texts. A damaged catalogue must be rebuilt \
            from the dump.

              kindred verify enwiki --repair
            """)

    @Argument(
        help: ArgumentHelp("The index's name (default: the only one there is).", valueName: "name"),
        completion: .indexName)
    var name: String?

    @Flag(
        name: .long, help: "Rebuild damaged links, and re-encode the passages of damaged or lost segments."
    )
    var repair = false

    @Flag(name: .long, help: "Print one JSON object.")
    var json = false

    @OptionGroup var indexes: IndexOptions

    func run() throws {
        let directory = try IndexDirectory.find(name, in: indexes.root)
        if repair { Interrupts.hold() }
        let progress = Progress(label: "Repairing \(directory.name)", unit: "passages", quiet: json)
        defer { progress.finish() }
        let result = try IndexVerification(
            directory, repair: repair, shouldStop: { Interrupts.requested },
            progress: { done, total in
                progress.update(
                    done: Double(done), fraction: Double(done) / Double(max(1, total)), detail: nil)
            })
        progress.finish()
        if json {
            try CommandOutput.json(VerificationOutput(result))
        } else {
            for problem in result.problems { CommandOutput.line(Terminal.sanitized(problem)) }
            for line in result.repaired { CommandOutput.line(Terminal.sanitized(line)) }
            CommandOutput.line(
                "\(result.name): \(Format.count(result.articles)) articles, \(Format.count(result.passages)) passages, "
                    + "\(Format.count(result.vectors)) vectors in \(Format.count(result.segments)) segments; "
                    + (result.problems.isEmpty
                        ? "intact" : "\(Format.count(result.problems.count)) problems"))
            if !result.strayFiles.isEmpty {
                CommandOutput.line(
                    "\(result.strayFiles.count) files of an interrupted run will be removed by the next one")
            }
        }
        guard result.problems.isEmpty else {
            let isRepairable = !repair && result.segments > 0
            throw KindredError(
                .invalidData,
                "the index \"\(result.name)\" is damaged; "
                    + (isRepairable
                        ? "repair it with 'kindred verify \(result.name) --repair'"
                        : "index the dump again into another name"))
        }
    }
}

/// What `kindred verify --json` prints.
private struct VerificationOutput: Encodable {
    let index: String
    let ok: Bool
    let problems, repaired: [String]
    let articles, passages, segments, vectors, strayFiles: Int

    init(_ result: IndexVerification) {
        index = result.name
        ok = result.problems.isEmpty
        problems = result.problems
        repaired = result.repaired
        articles = result.articles
        passages = result.passages
        segments = result.segments
        vectors = result.vectors
        strayFiles = result.strayFiles.count
    }
}
