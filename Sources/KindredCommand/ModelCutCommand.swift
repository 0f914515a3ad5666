import ArgumentParser
import Foundation
import KindredEncoder
import KindredSystem
import KindredTensors
import KindredTraining
import SystemPackage

extension ModelCommand {
    struct Cut: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Write a smaller model: the first layers, the tokens that a text uses, or both.",
            discussion: """
                The first layers of a decoder suffice for a text encoder that is trained after the cut, and most tokens of \
                a large vocabulary never occur. Adapters are merged; a linear map is kept.

                  kindred model cut models/decoder --layers 6 --vocabulary text.txt --out models/small

                The texts of --vocabulary keep their tokens, except those that --minimum-count drops; these are split into \
                smaller tokens.
                """)

        @Argument(
            help: ArgumentHelp("A model directory, or an adapter.", valueName: "directory"),
            completion: .directory)
        var model: String
        @Option(help: ArgumentHelp("Keep this many layers (default: all).", valueName: "count")) var layers:
            Int?
        @Option(
            help: ArgumentHelp(
                "Keep the tokens of this text: a dump or plain text, also compressed by bzip2 or gzip. May be "
                    + "given again.", valueName: "text"), completion: .file())
        var vocabulary: [String] = []
        @Option(help: ArgumentHelp("Drop tokens that the texts use less often.", valueName: "count"))
        var minimumCount = 1
        @Option(
            help: ArgumentHelp("Where to write it; must not exist.", valueName: "directory"),
            completion: .directory) var out: String
        @Option(help: "fp32, bf16 or int8.") var precision = Precision.float32
        @Flag(help: "Print one JSON object.") var json = false

        func run() throws {
            guard layers != nil || !vocabulary.isEmpty else {
                throw KindredError(
                    .invalidRequest, "there is nothing to cut; give --layers, --vocabulary or both")
            }
            guard minimumCount > 0 else {
                throw KindredError(.invalidRequest, "--minimum-count must be at least 1")
            }
            guard !FileManager.default.fileExists(atPath: out) else {
                throw KindredError(
                    .cannotCreate, "exists already; name another directory", at: .init(path: out))
            }
            let directory = try ModelDirectory(FilePath(model))
            var cut = try CutModel(directory)
            for text in vocabulary {
                try TrainingText.forEachDocument(in: text) { document in
                    cut.take(document)
                    return !Interrupts.requested
                }
            }
            if Interrupts.requested { throw ExitCode(130) }
            let report: CutModel.Report
            do {
                report = try cut.write(
                    layers: layers ?? directory.shape.layers,
                    minimumUses: vocabulary.isEmpty ? nil : minimumCount, as: precision.stored,
                    to: FilePath(out))
            } catch {
                // Remove our incomplete directory, so that the next run can use its name.
                try? FileManager.default.removeItem(atPath: out)
                throw error
            }
            let smaller = try ModelDirectory(FilePath(out))
            let output = ModelOutput(smaller, fingerprint: try TextEncoder(smaller).fingerprint.hex)
            if json { return try CommandOutput.json(output) }
            let before = ModelOutput(directory, fingerprint: "")
            CommandOutput.line("  cut         \(Terminal.sanitized(out))")
            CommandOutput.line("  layers      \(before.layers) to \(output.layers)")
            CommandOutput.line(
                "  tokens      \(Format.count(before.vocabulary)) to \(Format.count(output.vocabulary))")
            if report.textTokens > 0 {
                let share = Double(report.keptTextTokens) / Double(report.textTokens)
                CommandOutput.line(
                    "  text        \(Format.count(report.textTokens)) tokens, \(Format.decimals(100 * share, 2)) % of "
                        + "them kept")
            }
            CommandOutput.line(
                "  parameters  \(Format.count(before.parameters)) to \(Format.count(output.parameters))")
            CommandOutput.line("  fingerprint \(output.fingerprint)")
        }
    }
}
