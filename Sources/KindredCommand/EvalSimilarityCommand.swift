import ArgumentParser
import KindredEncoder
import KindredEvaluation
import KindredSystem
import KindredTensors
import SystemPackage

struct EvalSimilarityCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sts",
        abstract: "Semantic textual similarity: Spearman's correlation of cosines and human scores.",
        discussion: "A file has lines 'score TAB sentence 1 TAB sentence 2'.")

    @Argument(help: "Files of scored pairs.", completion: .file()) var files: [String]
    @OptionGroup var encoder: EncoderArguments
    @OptionGroup var encoding: EncodingModeArgument
    @Option(
        help: ArgumentHelp(
            "Write the vectors, pairs × 2 × dimensions, for numpy.load; the files' pairs follow one another.",
            valueName: "file.npy"), completion: .file(extensions: ["npy"]))
    var vectors: String?
    @OptionGroup var output: EvalOutputArguments

    func run() throws {
        try output.replacing.check(vectors, is: .array, inputs: files)
        let sets = try files.map { try SentencePairs(path: FilePath($0)) }
        let encoder = try self.encoder.open(mode: encoding.mode)
        let started = ContinuousClock.now
        let pairs = sets.flatMap(\.pairs)
        let encoded = try output.vectors(encoder, of: "\(Format.count(pairs.count)) pairs").encode(
            pairs.flatMap { [$0.first, $0.second] })
        let seconds = (ContinuousClock.now - started) / .seconds(1)
        if let vectors {
            try NumpyFile.write(encoded, shape: [pairs.count, 2, encoded.columns], to: FilePath(vectors))
        }
        var results: [SimilarityOutput.File] = []
        var start = 0
        for (name, set) in zip(files, sets) {
            let evaluation = SimilarityEvaluation(
                scores: set.pairs.map(\.score), vectors: encoded.rows(start..<start + 2 * set.pairs.count))
            start += 2 * set.pairs.count
            results.append(.init(name, set, evaluation))
        }
        let report = SimilarityOutput(
            task: "sts", encoder: EncoderOutput(encoder, name: self.encoder.name), files: results,
            spearman: mean(results.map(\.spearman)), pearson: mean(results.map(\.pearson)),
            seconds: seconds)
        if output.json { return try CommandOutput.json(report) }
        for set in sets { RemarkOutput.print(set.remarks, of: set.path.lastComponent?.string ?? "") }
        print(report)
    }

    private func print(_ report: SimilarityOutput) {
        var table = Table(["file", "pairs", "Spearman", "Pearson"])
        for file in report.files {
            table.add([
                FilePath(file.file).lastComponent?.string ?? file.file, Format.count(file.pairs),
                Format.measure(file.spearman), Format.measure(file.pearson),
            ])
        }
        if report.files.count > 1 {
            table.add([
                "mean", Format.count(report.files.reduce(0) { $0 + $1.pairs }),
                Format.measure(report.spearman), Format.measure(report.pearson),
            ])
        }
        table.print()
        CommandOutput.line("  encoder: \(report.encoder.line)")
    }
}

/// What `kindred eval sts --json` prints.
private struct SimilarityOutput: Encodable {
    struct File: Encodable {
        let file: String
        let pairs: Int
        /// Nil, and absent, where all cosines or all scores are the same.
        let spearman, pearson: Double?
        let remarks: [RemarkOutput]

        init(_ file: String, _ set: SentencePairs, _ evaluation: SimilarityEvaluation) {
            self.file = file
            pairs = set.pairs.count
            spearman = evaluation.spearman
            pearson = evaluation.pearson
            remarks = RemarkOutput.all(set.remarks)
        }
    }

    let task: String
    let encoder: EncoderOutput
    let files: [File]
    /// Means over the files.
    let spearman, pearson: Double?
    let seconds: Double
}
