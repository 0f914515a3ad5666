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
            Each line is a text; row n of the array is the vector of line n. A blank line has no vector: its row is zeros, \
            and the report counts it. "\\n" in a line of JSON strings \
            (--json-lines) is a line break, as between a passage's title and its body.
            """)

    @Argument(
        help: "A file with a text on each line, also compressed by bzip2 or gzip; '-' is standard input.",
        completion: .file())
    var file: String
    @Option(
        help: ArgumentHelp(
            "Where to write the array, 32-bit floats, for numpy.load; '-' is standard output.",
            valueName: "file.npy"), completion: .file(extensions: ["npy"]))
    var out: String
    @Flag(help: "Each line is a JSON string, or an object with \"text\" and, if there is one, \"title\".")
    var jsonLines = false
    @Option(
        help:
            "Put before every text; seen but not pooled (default: the model's own default prompt, if it has one)."
    )
    var instruction: String?
    @OptionGroup var encoder: EncoderArguments
    @OptionGroup var encoding: EncodingModeArgument
    @OptionGroup var output: EvalOutputArguments

    func run() throws {
        try output.replacing.check(out, is: .array, inputs: [file])
        // The array and the report do not mix.
        CommandOutput.reportsToStandardError.store(
            OutputPlace.isStandardOutput(out), ordering: .relaxed)
        var texts: [String] = []
        try TextInput.forEach(in: file, jsonLines: jsonLines, allowsBlank: true) { texts.append($0) }
        let encoder = try self.encoder.open(mode: encoding.mode)
        let started = ContinuousClock.now
        let places = texts.indices.filter { !texts[$0].isEmpty }
        let encoded = try output.vectors(encoder, of: "\(Format.count(places.count)) texts").encode(
            places.map { texts[$0] }, instruction: instruction ?? encoder.configuration.prompts.standard)
        let vectors = Self.spread(encoded, over: places, rows: texts.count)
        let seconds = (ContinuousClock.now - started) / .seconds(1)
        try NumpyFile.write(vectors, to: FilePath(out))
        let report = EncodeOutput(
            encoder: EncoderOutput(encoder, name: self.encoder.name), texts: places.count,
            blankLines: texts.count - places.count, seconds: seconds,
            textsPerSecond: Double(places.count) / max(seconds, 1e-9), out: out)
        if output.json { return try CommandOutput.json(report) }
        CommandOutput.line(
            "  encoded  \(Format.count(places.count)) texts in \(Format.duration(seconds)) "
                + "(\(Format.rate(report.textsPerSecond, unit: "texts"))) to \(Terminal.sanitized(out))")
        if report.blankLines > 0 {
            CommandOutput.line("  blank    \(Format.count(report.blankLines)) lines, whose rows are zeros")
        }
        CommandOutput.line("  encoder  \(report.encoder.line)")
    }

    /// A matrix of zeros with the rows of `vectors` at some places.
    private static func spread(_ vectors: Matrix, over places: [Int], rows: Int) -> Matrix {
        guard places.count < rows else { return vectors }
        let result = Matrix(rows: rows, columns: vectors.columns)
        for (row, place) in places.enumerated() {
            let columns = vectors.columns
            result.elements.copy(
                vectors.elements, from: row * columns..<(row + 1) * columns, at: place * columns)
        }
        return result
    }
}

/// What `kindred encode --json` prints.
private struct EncodeOutput: Encodable {
    let encoder: EncoderOutput
    let texts, blankLines: Int
    let seconds, textsPerSecond: Double
    let out: String
}
