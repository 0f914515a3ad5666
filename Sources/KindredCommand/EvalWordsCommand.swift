import ArgumentParser
import KindredEncoder
import KindredEvaluation
import KindredSystem
import KindredTensors
import SystemPackage

extension WordProbe.Alignment: ExpressibleByArgument {}
extension AnnotatedWords.Tag: ExpressibleByArgument {}

struct EvalWordsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "words",
        abstract: "Parts of speech, chunks or named entities by a linear probe on frozen hidden states.",
        discussion: """
            Files are CoNLL-U (.conllu: parts of speech, or chunks that are derived from dependencies) or columns of word \
            and label (chunks as CoNLL-2000 has them, and named entities, as B-, I- and O). \
            A word is the mean of its tokens' states. --align previous takes the states one position earlier, as LLM2Vec \
            does for models trained by MNTP; --align own takes the tokens' own states. A single file is split into \
            training and test sentences.

              kindred eval words en_ewt-ud-train.conllu en_ewt-ud-dev.conllu
            """)

    @Argument(help: "A file to train on, and one to test on.", completion: .file()) var files: [String]
    @OptionGroup var encoder: EncoderArguments
    @Option(help: "Which states stand for a word: previous or own.") var align = WordProbe.Alignment.previous
    @Option(help: "The label in CoNLL-U: upos, xpos or chunk, which is derived from the dependencies.")
    var tag = AnnotatedWords.Tag.universal
    @Option(help: ArgumentHelp("Train on the first this many sentences (default: all).", valueName: "count"))
    var sentences: Int?
    @OptionGroup var split: SplitArguments
    @OptionGroup var probe: ProbeArguments
    @Option(
        help: ArgumentHelp(
            "Write the words' states for numpy.load, NAME.train.npy and NAME.test.npy, with their labels.",
            valueName: "name.npy"), completion: .file(extensions: ["npy"]))
    var vectors: String?
    @OptionGroup var output: EvalOutputArguments

    func validate() throws {
        try split.check(files)
        guard sentences ?? 1 > 0 else { throw ValidationError("--sentences is positive.") }
    }

    func run() throws {
        try ProbeArguments.check(vectors, inputs: files, output.replacing)
        let sets = try files.map { try AnnotatedWords(path: FilePath($0), tag: tag) }
        var (training, test) = try split.parts(sets.map(\.sentences), of: files)
        training = Array(training.prefix(sentences ?? training.count))
        // Words are measured in the text itself.
        let encoder = try self.encoder.open(mode: .plain)
        let started = ContinuousClock.now
        let (trainingWords, testWords) = (try encode(training, by: encoder), try encode(test, by: encoder))
        if let vectors {
            try ProbeArguments.write(
                vectors, training: (trainingWords.states, trainingWords.labels),
                test: (testWords.states, testWords.labels))
        }
        let marksEntities = sets.allSatisfy(\.marksEntities)
        let result = try WordProbe.probe(
            training: trainingWords, test: testWords, marksEntities: marksEntities, options: probe.options
        ) { if Interrupts.requested { throw ExitCode(130) } }
        let report = WordsOutput(
            files: files, encoder: EncoderOutput(encoder, name: self.encoder.name), align: align.rawValue,
            training: .init(trainingWords), test: .init(testWords), result,
            remarks: sets.flatMap { RemarkOutput.all($0.remarks) },
            seconds: (ContinuousClock.now - started) / .seconds(1))
        if output.json { return try CommandOutput.json(report) }
        for set in sets { RemarkOutput.print(set.remarks, of: set.path.lastComponent?.string ?? "") }
        print(report)
    }

    private func encode(
        _ sentences: [[AnnotatedWords.Word]], by encoder: TextEncoder
    ) throws -> WordProbe.Words {
        let progress = output.progress(of: "\(Format.count(sentences.count)) sentences")
        return try WordProbe.words(sentences, by: encoder, alignment: align, progress: progress)
    }

    private func print(_ report: WordsOutput) {
        var header = ["file", "training words", "test words", "labels", "accuracy", "macro F1"]
        var row = [
            FilePath(files[0]).lastComponent?.string ?? files[0], Format.count(report.training.words),
            Format.count(report.test.words), Format.count(report.training.labels),
            Format.measure(report.accuracy), Format.measure(report.macroF1),
        ]
        if let entities = report.entities {
            header += ["entity F1", "precision", "recall", "token F1"]
            row += [entities.f1, entities.precision, entities.recall, entities.tokenF1].map {
                Format.measure($0)
            }
        }
        header.append("iterations")
        row.append("\(report.iterations)\(report.converged ? "" : ", not converged")")
        var table = Table(header)
        table.add(row)
        table.print()
        let leftOut = report.training.leftOut + report.test.leftOut
        if leftOut > 0 {
            CommandOutput.errorLine(
                "skipped \(Format.count(leftOut)) words: past the encoder's \(report.encoder.maximumTokens) tokens, or "
                    + "without a token to stand for them")
        }
        CommandOutput.line("  encoder: \(report.encoder.line)")
    }
}

/// What `kindred eval words --json` prints.
private struct WordsOutput: Encodable {
    struct Part: Encodable {
        let sentences, words, labels, leftOut: Int

        init(_ words: WordProbe.Words) {
            sentences = words.sentences.count
            self.words = words.labels.count
            labels = Set(words.labels).count
            leftOut = words.leftOut
        }
    }

    struct Entities: Encodable {
        let precision, recall, f1, tokenF1: Double

        enum CodingKeys: String, CodingKey {
            case precision, recall, f1
            case tokenF1 = "token_f1"
        }
    }

    let task = "words"
    let files: [String]
    let encoder: EncoderOutput
    let align: String
    let training, test: Part
    let accuracy, macroF1: Double
    let entities: Entities?
    let iterations: Int
    let converged: Bool
    let remarks: [RemarkOutput]
    let seconds: Double

    enum CodingKeys: String, CodingKey {
        case task, files, encoder, align, training, test, accuracy, entities, iterations, converged, remarks,
            seconds
        case macroF1 = "macro_f1"
    }

    init(
        files: [String], encoder: EncoderOutput, align: String, training: Part, test: Part,
        _ result: WordProbe.Result, remarks: [RemarkOutput], seconds: Double
    ) {
        self.files = files
        self.encoder = encoder
        self.align = align
        self.training = training
        self.test = test
        accuracy = result.measures.accuracy
        macroF1 = result.measures.macroF1
        entities = result.entities.map {
            Entities(precision: $0.precision, recall: $0.recall, f1: $0.f1, tokenF1: $0.tokenF1)
        }
        iterations = result.iterations
        converged = result.isConverged
        self.remarks = remarks
        self.seconds = seconds
    }
}
