import ArgumentParser
import Kindred
import KindredSystem

struct VerifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify", abstract: "Check every checksum and every invariant of an index.",
        discussion: "Exit code 0 where all is well, 65 where something is damaged.")

    @Argument(help: ArgumentHelp("The index's name (default: the only one there is).", valueName: "name"))
    var name: String?

    @Flag(name: .long, help: "Where a graph is damaged, make its links anew from the codes.")
    var repair = false

    @Flag(name: .long, help: "Print one JSON object.")
    var json = false

    @OptionGroup var indexes: IndexOptions

    func run() throws {
        let directory = try IndexDirectory.find(name, in: indexes.root)
        let result = try IndexVerification(directory, repair: repair)
        if json {
            try CommandOutput.json(VerificationOutput(result))
        } else {
            for problem in result.problems { CommandOutput.line(Terminal.sanitized(problem)) }
            for file in result.repaired {
                CommandOutput.line("\(file): the links were damaged and are made anew")
            }
            CommandOutput.line(
                "\(result.name): \(Format.count(result.articles)) articles, \(Format.count(result.passages)) passages, "
                    + "\(Format.count(result.vectors)) vectors in \(Format.count(result.segments)) segments; "
                    + (result.problems.isEmpty
                        ? "all is well" : "\(Format.count(result.problems.count)) problems"))
            if !result.strayFiles.isEmpty {
                CommandOutput.line(
                    "\(result.strayFiles.count) files of an interrupted run will be removed by the next one")
            }
        }
        guard result.problems.isEmpty else {
            throw KindredError(
                .invalidData,
                "the index \"\(result.name)\" is damaged; index the dump again into another name")
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
