import ArgumentParser
import Foundation
import Kindred
import KindredEncoder
import KindredEvaluation
import KindredStudy
import KindredSystem
import KindredTensors
import SystemPackage

extension Study.Part: ExpressibleByArgument {}

struct StudyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "study",
        abstract: "Run LLM2Vec's experiments on a decoder and write a report.",
        discussion: """
            Measures a decoder as it is (Uni), with attention both ways (Bi), and with the adapters of MNTP and SimCSE, and \
            writes a report with drawings. Documentation/llm2vec.md has the paper's claims. The data directory holds sts, \
            retrieval, classification, word, clustering, reranking, pair-classification and summarization, as far as there \
            is data.

              kindred study models/smollm2 --data data --out runs/study \\
                --mntp runs/mntp/adapter --simcse runs/simcse/adapter --limit 200

            With --train the adapters are trained first, in the study's directory:

              kindred study models/smollm2 --data data --out runs/study --train wiki.txt
            """)

    @Argument(
        help: ArgumentHelp("The decoder: a model directory or a GGUF file.", valueName: "model"),
        completion: .file(extensions: ["gguf"]))
    var model: String
    @Option(help: ArgumentHelp("Where the data sets lie.", valueName: "directory"), completion: .directory)
    var data: String
    @Option(help: ArgumentHelp("The study's directory.", valueName: "directory"), completion: .directory)
    var out: String
    @Option(help: ArgumentHelp("The adapter of MNTP.", valueName: "adapter"), completion: .directory)
    var mntp: String?
    @Option(
        help: ArgumentHelp("The adapter of SimCSE on MNTP's.", valueName: "adapter"), completion: .directory)
    var simcse: String?
    @Option(
        help: ArgumentHelp("Train both adapters on this text first.", valueName: "text"), completion: .file())
    var train: String?
    @Option(help: "Steps of MNTP with --train.") var mntpSteps = 1000
    @Option(help: "The mask token of MNTP with --train.") var maskToken = "_"
    @Option(help: "Steps of SimCSE with --train.") var simcseSteps = 1000
    @Option(
        help: ArgumentHelp(
            "Another encoder for the tables; may be repeated. The decoder's word vectors and BM25 are always there.",
            valueName: "name=model"))
    var rival: [String] = []
    @Option(
        help: ArgumentHelp(
            "An adapter from a checkpoint of MNTP, by its step; may be repeated.", valueName: "steps=adapter")
    )
    var checkpoint: [String] = []
    @Option(
        help: ArgumentHelp(
            "A part to run: stages, words, sentences, echo, context, layers or steps; may be repeated (default: all).",
            valueName: "part"))
    var part: [Study.Part] = []
    @Option(
        help: ArgumentHelp("Texts, pairs or documents of a set, at most (default: all).", valueName: "count"))
    var limit: Int?
    @Option(
        help: ArgumentHelp(
            "Sentences that the probes of words train on; half as many test them (default: all).",
            valueName: "count"))
    var wordSentences: Int?
    @Option(help: "Precision of linear layers (default: as stored).") var precision: Precision?
    @Flag(help: "Go on with the study in --out.") var resume = false
    @Flag(help: "Print the report as JSON.") var json = false
    @Flag(name: [.short, .long], help: "Show no progress.") var quiet = false

    func validate() throws {
        guard limit ?? 20 >= 20, wordSentences ?? 1 > 0 else {
            throw ValidationError("--limit is at least 20, and --word-sentences at least 1.")
        }
        guard train == nil || (mntp == nil && simcse == nil) else {
            throw ValidationError(
                "--train makes the adapters that --mntp and --simcse name; give one or the other.")
        }
        guard simcse == nil || mntp != nil else {
            throw ValidationError("--simcse needs --mntp, which it was trained on.")
        }
        guard mntpSteps > 0, simcseSteps > 0 else { throw ValidationError("Steps are at least 1.") }
        for pair in rival + checkpoint where !pair.contains("=") {
            throw ValidationError("\"\(pair)\" is no NAME=MODEL.")
        }
        for pair in checkpoint where Int(pair.prefix { $0 != "=" }) == nil {
            throw ValidationError("\"\(pair)\" does not begin with a number of steps.")
        }
    }

    func run() throws {
        var (mntp, simcse) = (self.mntp, self.simcse)
        if let train {
            let runs = try trainAdapters(on: train)
            (mntp, simcse) = (runs.mntp, runs.simcse)
        }
        var options = Study.Options(stages: stages(mntp: mntp, simcse: simcse), data: data)
        options.rivals =
            [Study.Subject(name: "word vectors", model: model, attention: .causal, layers: 0)]
            + rival.map { pair in
                let (name, model) = Self.parts(pair)
                return Study.Subject(name: name, model: model, attention: nil)
            }
        options.checkpoints = checkpoint.map { pair in
            let (steps, model) = Self.parts(pair)
            return Study.Subject(
                name: "\(steps) steps", model: model, attention: .bidirectional, predictsNext: true)
        }
        options.limit = limit
        options.wordSentences = wordSentences
        options.precision = precision
        // A model that cannot be opened is told before the first is measured.
        for subject in options.stages + options.rivals + options.checkpoints {
            _ = try ModelDirectory(subject.directory())
        }
        let line = StudyProgress(quiet: quiet)
        defer { line.finish() }
        let study = try Study(
            options, in: FilePath(out), resume: resume,
            announce: { what in
                if Interrupts.requested { throw ExitCode(130) }
                line.announce(what)
            },
            progress: { now in
                if Interrupts.requested { throw ExitCode(130) }
                line.update(now)
            })
        try study.run(part.isEmpty ? Study.Part.allCases : part)
        line.finish()
        let report = StudyReport(study)
        try report.write()
        if json {
            FileHandle.standardOutput.write(Data(try report.json()))
        } else {
            CommandOutput.line(
                "  report     \(Terminal.sanitized(FilePath(out).appending("report.md").string))")
        }
    }

    private func stages(mntp: String?, simcse: String?) -> [Study.Subject] {
        var stages = [
            Study.Subject(name: "Uni", model: model, attention: .causal),
            Study.Subject(name: "Bi", model: model, attention: .bidirectional),
        ]
        if let mntp {
            stages.append(
                .init(name: "Bi + MNTP", model: mntp, attention: .bidirectional, predictsNext: true))
        }
        if let simcse {
            stages.append(
                .init(
                    name: "Bi + MNTP + SimCSE", model: simcse, attention: .bidirectional, predictsNext: true))
        }
        return stages
    }

    /// Trains MNTP and SimCSE in the study's directory, as far as they are not trained there yet.
    private func trainAdapters(on text: String) throws -> (mntp: String, simcse: String) {
        let directory = FilePath(out)
        func run(_ name: String, _ arguments: [String]) throws -> String {
            let run = directory.appending(name)
            let adapter = run.appending("adapter").string
            guard FileKind(adapter) == .missing else { return adapter }
            let resumes = FileKind(run.string) != .missing ? ["--resume"] : []
            let quiet = self.quiet ? ["--quiet"] : []
            var command = try TrainCommand.parseAsRoot(
                [name, text, "--out", run.string] + arguments + resumes + quiet)
            try command.run()
            return adapter
        }
        let mntp = try run(
            "mntp",
            [
                "--model", model, "--steps", "\(mntpSteps)", "--length", "128", "--rate", "3e-4",
                "--mask-token", maskToken,
            ])
        let simcse = try run("simcse", ["--model", mntp, "--steps", "\(simcseSteps)"])
        return (mntp, simcse)
    }

    private static func parts(_ pair: String) -> (name: String, value: String) {
        let name = pair.prefix { $0 != "=" }
        return (String(name), String(pair.dropFirst(name.count + 1)))
    }
}

/// What is measured now, and how far it is.
private final class StudyProgress: @unchecked Sendable {
    private let quiet: Bool
    private var progress: Progress?
    private var label = ""

    init(quiet: Bool) { self.quiet = quiet }

    func announce(_ what: String) {
        finish()
        label = what
        progress = Progress(label: what, unit: "texts", quiet: quiet)
    }

    // Called from the thread that encodes, one after the other.
    func update(_ now: TextVectors.Progress) {
        progress?.update(
            done: Double(now.done), fraction: Double(now.done) / Double(max(now.total, 1)), detail: nil)
    }

    func finish() {
        progress?.finish()
        progress = nil
    }
}
