import ArgumentParser
import KindredEncoder
import KindredEvaluation
import KindredSystem
import KindredTensors
import SystemPackage

/// How one file is cut into training and test examples.
struct SplitArguments: ParsableArguments {
    @Option(help: "Share of a single file to test on.") var testShare = 0.2
    @Option(help: "Random seed.") var seed: UInt64 = 42

    func validate() throws {
        guard testShare > 0, testShare < 1 else {
            throw ValidationError("--test-share is a share between 0 and 1, not \(testShare).")
        }
    }

    /// - Throws: `ValidationError` for files that are not one or two.
    func check(_ files: [String]) throws {
        guard (1...2).contains(files.count) else {
            throw ValidationError("Name a file to train on and one to test on, or a single one to be split.")
        }
    }

    /// What to train and to test on: two files' content, or that of one, split.
    /// - Throws: `invalidData` where a file has less than two parts.
    func parts<Example>(
        _ contents: [[Example]], of files: [String]
    ) throws -> (training: [Example], test: [Example]) {
        if contents.count == 2 { return (contents[0], contents[1]) }
        let all = contents[0]
        let rows = try split(all.count, of: files[0])
        return (rows.training.map { all[$0] }, rows.testing.map { all[$0] })
    }

    private func split(_ total: Int, of path: String) throws -> (training: [Int], testing: [Int]) {
        guard total > 1 else {
            throw KindredError(
                .invalidData, "has too little to train and to test on; name two files", at: .init(path: path))
        }
        let count = min(max(Int((Double(total) * testShare).rounded()), 1), total - 1)
        var sampling = SplitMix64(seed: seed)
        return sampling.split(total, testing: count)
    }
}

/// The parts of a probe that are the same for texts and words.
struct ProbeArguments: ParsableArguments {
    @Option(help: "Maximum iterations of the logistic regression.") var iterations = 100
    @Option(help: ArgumentHelp("The inverse of the penalty's strength.", valueName: "c")) var inversePenalty =
        1.0

    func validate() throws {
        guard iterations > 0, inversePenalty > 0, inversePenalty.isFinite else {
            throw ValidationError("--iterations and --inverse-penalty are positive.")
        }
    }

    var options: LogisticRegression.Options {
        var options = LogisticRegression.Options()
        (options.c, options.iterations) = (inversePenalty, iterations)
        return options
    }

    /// Writes NAME.train.npy, NAME.test.npy, and the labels beside them, a line each.
    static func write(
        _ option: String, training: (Matrix, [String]), test: (Matrix, [String])
    ) throws {
        for (files, (matrix, labels)) in zip(files(option), [training, test]) {
            try NumpyFile.write(matrix, to: FilePath(files.vectors))
            let lines = labels.map { $0 + "\n" }.joined()
            try AtomicFile.replace(FilePath(files.labels), with: Array(lines.utf8))
        }
    }

    /// Where those of the training and of the test go.
    private static func files(_ option: String) -> [(vectors: String, labels: String)] {
        let name = option.hasSuffix(".npy") ? String(option.dropLast(4)) : option
        return ["train", "test"].map { ("\(name).\($0).npy", "\(name).\($0).labels.txt") }
    }

    /// Checks that they may be written, before any work is done.
    static func check(_ option: String?, inputs: [String], _ replacing: ForceArgument) throws {
        for files in option.map(files) ?? [] {
            try replacing.check(files.vectors, is: .array, inputs: inputs)
            try replacing.check(files.labels, is: .lines, inputs: inputs)
        }
    }
}

struct EvalClassificationCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "classification",
        abstract: "Classification by logistic regression on frozen vectors, as mteb does it.",
        discussion: """
            Files are .csv (columns text and label_text, label or category), .tsv (label TAB text), .jsonl ("text", \
            "label") or .label (label, space, text). A single file is split into training and test examples.

              kindred eval classification train.tsv test.tsv
            """)

    @Argument(help: "A file to train on, and one to test on.", completion: .file()) var files: [String]
    @OptionGroup var encoder: EncoderArguments
    @OptionGroup var encoding: EncodingModeArgument
    @Option(help: "Examples of each class to train on, in several experiments (default: all, once).")
    var samplesPerLabel: Int?
    @Option(help: "Number of experiments with --samples-per-label.") var experiments = 10
    @Flag(help: "Whole labels of .label files, 'LOC:city' and not 'LOC'.") var fine = false
    @OptionGroup var split: SplitArguments
    @OptionGroup var probe: ProbeArguments
    @Option(
        help: ArgumentHelp(
            "Write the vectors for numpy.load, NAME.train.npy and NAME.test.npy, with their labels.",
            valueName: "name.npy"), completion: .file(extensions: ["npy"]))
    var vectors: String?
    @OptionGroup var output: EvalOutputArguments

    func validate() throws {
        try split.check(files)
        guard experiments > 0, samplesPerLabel ?? 1 > 0 else {
            throw ValidationError("--experiments and --samples-per-label are positive.")
        }
    }

    func run() throws {
        try ProbeArguments.check(vectors, inputs: files, output.replacing)
        let sets = try files.map { try LabelledTexts(path: FilePath($0), fine: fine) }
        let (training, test) = try split.parts(sets.map(\.examples), of: files)
        let encoder = try self.encoder.open(mode: encoding.mode)
        let started = ContinuousClock.now
        let all = try output.vectors(encoder, of: "\(Format.count(training.count + test.count)) texts")
            .encode(
                (training + test).map(\.text))
        let (trainingVectors, testVectors) = (
            all.rows(0..<training.count), all.rows(training.count..<all.rows)
        )
        if let vectors {
            try ProbeArguments.write(
                vectors, training: (trainingVectors, training.map(\.label)),
                test: (testVectors, test.map(\.label)))
        }
        var options = ClassificationEvaluation.Options()
        options.regression = probe.options
        (options.samplesPerLabel, options.experiments, options.seed) = (
            samplesPerLabel, experiments, split.seed
        )
        let evaluation = try ClassificationEvaluation(
            training: trainingVectors, trainingLabels: training.map(\.label), test: testVectors,
            testLabels: test.map(\.label), options: options
        ) { if Interrupts.requested { throw ExitCode(130) } }
        let report = ClassificationOutput(
            files: files, encoder: EncoderOutput(encoder, name: self.encoder.name), training: training.count,
            test: test.count, evaluation, samplesPerLabel: samplesPerLabel,
            remarks: sets.flatMap { RemarkOutput.all($0.remarks) },
            seconds: (ContinuousClock.now - started) / .seconds(1))
        if output.json { return try CommandOutput.json(report) }
        for set in sets { RemarkOutput.print(set.remarks, of: set.path.lastComponent?.string ?? "") }
        print(report)
    }

    private func print(_ report: ClassificationOutput) {
        var table = Table(["file", "training", "test", "classes", "accuracy", "macro F1", "iterations"])
        let most = report.experiments.map(\.iterations).max() ?? 0
        let isConverged = report.experiments.allSatisfy(\.converged)
        table.add([
            FilePath(files[0]).lastComponent?.string ?? files[0], Format.count(report.training),
            Format.count(report.test), Format.count(report.classes), Format.measure(report.accuracy),
            Format.measure(report.macroF1), "\(most)\(isConverged ? "" : ", not converged")",
        ])
        table.print()
        if let samplesPerLabel {
            CommandOutput.line(
                "  means of \(report.experiments.count) experiments with \(samplesPerLabel) examples of each class"
            )
        }
        CommandOutput.line("  encoder: \(report.encoder.line)")
    }
}

/// What `kindred eval classification --json` prints.
private struct ClassificationOutput: Encodable {
    struct Experiment: Encodable {
        let accuracy, macroF1: Double
        let iterations: Int
        let converged: Bool
        /// Where samples were drawn.
        let trainingRows: [Int]?

        enum CodingKeys: String, CodingKey {
            case accuracy, iterations, converged, trainingRows
            case macroF1 = "macro_f1"
        }
    }

    let task = "classification"
    let files: [String]
    let encoder: EncoderOutput
    let training, test, classes: Int
    /// Means over the experiments.
    let accuracy, macroF1: Double
    let samplesPerLabel: Int?
    let experiments: [Experiment]
    let remarks: [RemarkOutput]
    let seconds: Double

    enum CodingKeys: String, CodingKey {
        case task, files, encoder, training, test, classes, accuracy, samplesPerLabel, experiments, remarks,
            seconds
        case macroF1 = "macro_f1"
    }

    init(
        files: [String], encoder: EncoderOutput, training: Int, test: Int,
        _ evaluation: ClassificationEvaluation, samplesPerLabel: Int?, remarks: [RemarkOutput],
        seconds: Double
    ) {
        self.files = files
        self.encoder = encoder
        self.training = training
        self.test = test
        classes = evaluation.classes
        accuracy = evaluation.accuracy
        macroF1 = evaluation.macroF1
        self.samplesPerLabel = samplesPerLabel
        experiments = evaluation.experiments.map {
            Experiment(
                accuracy: $0.measures.accuracy, macroF1: $0.measures.macroF1, iterations: $0.iterations,
                converged: $0.isConverged, trainingRows: samplesPerLabel == nil ? nil : $0.trainingRows)
        }
        self.remarks = remarks
        self.seconds = seconds
    }
}
