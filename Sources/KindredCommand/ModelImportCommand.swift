import ArgumentParser
import Foundation
import KindredEncoder
import KindredSystem
import KindredTensors
import KindredTraining
import SystemPackage

extension ModelCommand {
    struct Import: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Write the model in a GGUF file as a model directory.",
            discussion: """
                GGUF files are used as they are wherever a model is asked for. A directory can be read by transformers too, \
                trained on, cut, and written in 8 bits.

                  kindred model import SmolLM2-135M-Instruct.Q4_1.gguf --out models/smollm2

                With int8 the parts that 8 bits would harm keep floats; see the guide to encoders.
                """)

        @Argument(
            help: ArgumentHelp("A GGUF file.", valueName: "file.gguf"),
            completion: .file(extensions: ["gguf"])) var file: String
        @Option(
            help: ArgumentHelp("Where to write it; must not be there.", valueName: "directory"),
            completion: .directory) var out: String
        @Option(help: "fp32, bf16 or int8 (default: fp32).") var precision = Precision.float32
        @Flag(help: "Print one JSON object.") var json = false

        func run() throws {
            let path = FilePath(file)
            guard case .gguf(let checkpoint) = try Checkpoint(path) else {
                throw KindredError(
                    .invalidRequest, "is a directory; a GGUF file is asked for", at: .init(path: file))
            }
            guard FileKind(out) == .missing else {
                throw KindredError(
                    .cannotCreate, "is there already; name another directory", at: .init(path: out))
            }
            do {
                if precision == .int8 {
                    let model = try ModelDirectory(path)
                    try MergedModel.write(
                        DecoderWeights.load(model), of: model, usage: model.usage, as: precision.stored,
                        to: FilePath(out))
                } else {
                    try checkpoint.write(to: FilePath(out), as: precision.stored)
                }
            } catch {
                // The directory is ours; half of one would only stand in the way of the next try.
                try? FileManager.default.removeItem(atPath: out)
                throw error
            }
            let written = try TextEncoder(directory: FilePath(out))
            let output = ModelOutput(try ModelDirectory(FilePath(out)), fingerprint: written.fingerprint.hex)
            if json { return try CommandOutput.json(output) }
            CommandOutput.line("  imported    \(Terminal.sanitized(out))")
            CommandOutput.line("  family      \(output.family)")
            CommandOutput.line("  parameters  \(Format.count(output.parameters))")
            CommandOutput.line("  precision   \(written.precisionLabel)")
            CommandOutput.line("  fingerprint \(output.fingerprint)")
        }
    }
}
