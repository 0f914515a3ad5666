import ArgumentParser
import Foundation
import Kindred
import KindredEncoder
import KindredEvaluation
import KindredSystem
import KindredTensors
import SystemPackage

struct EvalCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "eval",
        abstract: "Measure how good an encoder is.",
        discussion: """
            The measures follow mteb, BEIR and LLM2Vec; Documentation/evaluation.md defines them. --vectors writes the \
            measured vectors, so that other tools can reproduce the figures.

              kindred eval sts stsb.dev.tsv --model runs/pairs/adapter
            """,
        subcommands: [
            EvalSimilarityCommand.self, EvalRetrievalCommand.self, EvalClassificationCommand.self,
            EvalWordsCommand.self,
        ])
}

/// Which encoder is measured, and how it is used.
struct EncoderArguments: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "A model directory, an adapter or a GGUF file (default: the embedded model).",
            valueName: "directory"), completion: .file(extensions: ["gguf"]))
    var model: String?
    @Option(
        help: "Pooling (default: the model's).")
    var pooling: EncoderConfiguration.Pooling?
    @Option(help: "Attention (default: the model's).")
    var attention: EncoderConfiguration.Attention?
    @Option(help: "Precision of linear layers (default: int8 if the weights are stored so, else fp32).")
    var precision: Precision?

    /// - Parameter mode: how a text is encoded; nil: as the model says.
    /// - Throws: `notFound`, `invalidData`.
    func open(mode: EncoderConfiguration.Mode? = nil) throws -> TextEncoder {
        var directory = try ModelDirectory(model.map { FilePath($0) } ?? Resources.embeddedModel())
        directory.usage.pooling = pooling ?? directory.usage.pooling
        directory.usage.attention = attention ?? directory.usage.attention
        directory.usage.mode = mode ?? directory.usage.mode
        if let remark = precision?.remark { CommandOutput.warning(remark) }
        return try TextEncoder(directory, precision: precision)
    }

    var name: String { model ?? "embedded" }
}

extension EncoderConfiguration.Mode: ExpressibleByArgument {}

/// How a text is encoded.
struct EncodingModeArgument: ParsableArguments {
    @Option(
        help: "plain, or echo: each text twice, pooled over its second copy (default: the model's).")
    var mode: EncoderConfiguration.Mode?
}

/// How the figures are shown.
struct EvalOutputArguments: ParsableArguments {
    @Flag(help: "Print one JSON object.") var json = false
    @Flag(name: [.short, .long], help: "Show no progress.") var quiet = false
    @OptionGroup var replacing: ForceArgument

    /// Encodes with progress on standard error; Ctrl-C ends the command.
    func vectors(_ encoder: TextEncoder, of name: String) -> TextVectors {
        TextVectors(encoder, progress: progress(of: name))
    }

    func progress(of name: String) -> @Sendable (TextVectors.Progress) throws -> Void {
        let progress = ProgressLine(label: "Encoding \(name)", quiet: quiet)
        return { now in
            if Interrupts.requested {
                progress.finish()
                throw ExitCode(130)
            }
            progress.update(now)
        }
    }
}

/// The live line while texts are encoded.
private final class ProgressLine: @unchecked Sendable {
    private let progress: Progress

    init(label: String, quiet: Bool) { progress = Progress(label: label, unit: "texts", quiet: quiet) }

    // Called from the thread that encodes, one after the other.
    func update(_ now: TextVectors.Progress) {
        progress.update(
            done: Double(now.done), fraction: Double(now.done) / Double(max(now.total, 1)), detail: nil)
        if now.done == now.total { finish() }
    }

    func finish() { progress.finish() }
}

/// The encoder of an evaluation in JSON.
struct EncoderOutput: Encodable {
    let model, fingerprint, pooling, attention, mode, precision: String
    let dimensions, maximumTokens: Int
    /// "int8, layers 0–8 in floats"
    let precisionLabel: String

    init(_ encoder: TextEncoder, name: String) {
        model = name
        fingerprint = encoder.fingerprint.hex
        pooling = encoder.configuration.pooling.rawValue
        attention = encoder.configuration.attention.rawValue
        mode = encoder.configuration.mode.rawValue
        precision = encoder.precision.rawValue
        precisionLabel = encoder.precisionLabel
        dimensions = encoder.dimensions
        maximumTokens = encoder.maximumTokens
    }

    /// "embedded, mean pooling, causal attention, 256 dimensions"
    var line: String {
        "\(Terminal.sanitized(model)), \(pooling) pooling, \(attention) attention\(mode == "plain" ? "" : ", \(mode)"), "
            + "\(precisionLabel), \(dimensions) dimensions, "
            + "fingerprint \(fingerprint.prefix(12))"
    }
}

/// What was left out of a data set, in JSON and as lines.
struct RemarkOutput: Encodable {
    let kind, reason, first: String
    let count: Int

    static func all(_ remarks: InputRemarks) -> [RemarkOutput] {
        remarks.entries.map {
            RemarkOutput(kind: $0.kind.rawValue, reason: $0.reason, first: $0.first, count: $0.count)
        }
    }

    /// On standard error, so that a table stays a table.
    static func print(_ remarks: InputRemarks, of name: String) {
        for entry in remarks.entries {
            let verb = entry.kind == .skipped ? "skipped" : "read otherwise"
            CommandOutput.errorLine(
                Terminal.sanitized(
                    "\(name): \(verb) \(Format.count(entry.count)), \(entry.reason) (first: \(entry.first))"))
        }
    }
}

extension Precision: ExpressibleByArgument {}

extension Format {
    /// A measure between -1 and 1; "–" where it is undefined.
    static func measure(_ value: Double?) -> String { value.map { decimals($0, 4) } ?? "–" }
}

/// The mean; nil for none, or where one is undefined.
func mean(_ values: [Double?]) -> Double? {
    let defined = values.compactMap { $0 }
    guard !values.isEmpty, defined.count == values.count else { return nil }
    return defined.reduce(0, +) / Double(defined.count)
}
