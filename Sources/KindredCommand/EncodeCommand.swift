import ArgumentParser
import Foundation
import KindredEncoder
import KindredEvaluation
import KindredSystem
import KindredTensors
import SystemPackage

struct EncodeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "encode",
        abstract: "Turn texts into unit vectors, for other programs.",
        discussion: """
            Each line is a text; row n of the array is the vector of line n. "\\n" in a line of JSON strings \
            (--json-lines) is a line break, as between a passage's title and its body.
            """)

    @Argument(
        help: "A file with a text on each line, also compressed by bzip2 or gzip; '-' is standard input.")
    var file: String
    @Option(
        help: ArgumentHelp(
            "Where to write the array, 32-bit floats, for numpy.load; '-' is standard output.",
            valueName: "file.npy"))
    var out: String
    @Flag(help: "Each line is a JSON string, or an object with \"text\" and, if there is one, \"title\".")
    var jsonLines = false
    @Option(
        help:
            "Put before every text; seen but not pooled (default: the model's own default prompt, if it has one)."
    )
    var instruction: String?
    @OptionGroup var encoder: EncoderArguments
    @OptionGroup var output: EvalOutputArguments

    func run() throws {
        try output.replacing.check(out, is: .array, inputs: [file])
        // The array and the report do not mix.
        CommandOutput.reportsToStandardError.store(
            OutputPlace.isStandardOutput(out), ordering: .relaxed)
        var texts: [String] = []
        try TextInput.forEach(in: file, jsonLines: jsonLines) { texts.append($0) }
        let encoder = try self.encoder.open()
        let started = ContinuousClock.now
        let vectors = try output.vectors(encoder, of: "\(Format.count(texts.count)) texts").encode(
            texts, instruction: instruction ?? encoder.configuration.prompts.standard)
        let seconds = (ContinuousClock.now - started) / .seconds(1)
        try NumpyFile.write(vectors, to: FilePath(out))
        let report = EncodeOutput(
            encoder: EncoderOutput(encoder, name: self.encoder.name), texts: texts.count, seconds: seconds,
            textsPerSecond: Double(texts.count) / max(seconds, 1e-9), out: out)
        if output.json { return try CommandOutput.json(report) }
        CommandOutput.line(
            "  encoded  \(Format.count(texts.count)) texts in \(Format.duration(seconds)) "
                + "(\(Format.rate(report.textsPerSecond, unit: "texts"))) to \(Terminal.sanitized(out))")
        CommandOutput.line("  encoder  \(report.encoder.line)")
    }
}

/// What `kindred encode --json` prints.
private struct EncodeOutput: Encodable {
    let encoder: EncoderOutput
    let texts: Int
    let seconds, textsPerSecond: Double
    let out: String
}
