import ArgumentParser
import Foundation
import Kindred
import KindredEncoder
import KindredSystem
import KindredTensors
import KindredTraining
import SystemPackage

struct TrainCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "train",
        abstract: "Train the encoder: MNTP, SimCSE, pairs, distillation.",
        discussion: """
            The stages of LLM2Vec (BehnamGhader et al. 2024) turn a decoder into a text encoder; each makes an adapter on
            what the one before made:

              kindred train mntp   TEXT --out runs/mntp
              kindred train simcse TEXT --model runs/mntp/adapter --out runs/simcse
              kindred train distill TEXTS --targets VECTORS.npy --model runs/simcse/adapter --out runs/distill
              kindred train pairs PAIRS --model runs/distill/adapter --out runs/pairs
              kindred reindex NAME --encoder runs/pairs/adapter

            A run writes checkpoints; after Ctrl-C or a crash the same command with --resume goes on to the bit.
            """,
        subcommands: [Masked.self, Contrast.self, Distill.self, Pairs.self, Full.self])

    struct Masked: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "mntp", abstract: "Masked next token prediction, with attention in both directions.")
        @OptionGroup var text: TextArguments
        @OptionGroup var masking: MaskingArguments
        @OptionGroup var prediction: PredictionArguments
        @OptionGroup var adapter: AdapterArguments
        @OptionGroup var training: RunArguments

        func run() throws {
            var options = TrainingOptions(objective: .mntp)
            try masking.apply(to: &options)
            prediction.apply(to: &options)
            try adapter.apply(to: &options)
            try training.train(options, text: text)
        }
    }

    struct Contrast: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "simcse",
            abstract: "Sentences against each other, each seen twice with other dropout.")
        @OptionGroup var text: TextArguments
        @OptionGroup var contrast: ContrastArguments
        @OptionGroup var adapter: AdapterArguments
        @OptionGroup var training: RunArguments

        func run() throws {
            var options = TrainingOptions(objective: .simcse)
            (options.batch, options.length, options.learningRate) = (128, 128, 3e-5)
            options.attentionDropout = 0.3
            try contrast.apply(to: &options)
            try adapter.apply(to: &options)
            try training.train(options, text: text)
        }
    }

    struct Pairs: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "pairs", abstract: "Queries against the passages that answer them.",
            discussion: """
                PAIRS files are JSON lines {"query", "positive", "negatives": [...]} or query TAB positive [TAB negative].
                An instruction for a file's queries may follow its name after '=': squad.tsv="Find the answer: "

                With a teacher's scores of the positive and of each negative, "scores": [...], the loss is the divergence \
                of the distributions over a query's own passages; then every line needs them.
                """)
        @Argument(help: "Files of pairs, each with '=INSTRUCTION' after its name if its queries have one.")
        var files: [String]
        @OptionGroup var contrast: ContrastArguments
        @OptionGroup var temperature: TemperatureArguments
        @OptionGroup var adapter: AdapterArguments
        @OptionGroup var training: RunArguments

        func run() throws {
            var options = TrainingOptions(objective: .pairs)
            (options.batch, options.learningRate, options.warmup) = (64, 2e-4, 300)
            temperature.apply(to: &options)
            try contrast.apply(to: &options)
            try adapter.apply(to: &options)
            try training.train(options, pairs: files)
        }
    }

    struct Full: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "full", abstract: "Train all weights, with any objective (for small models).")
        @Option(help: "causal, mntp, simcse, distill or pairs.") var objective: TrainingOptions.Objective
        @OptionGroup var text: TextArguments
        @OptionGroup var masking: MaskingArguments
        @OptionGroup var prediction: PredictionArguments
        @OptionGroup var contrast: ContrastArguments
        @OptionGroup var distillation: DistillationArguments
        @OptionGroup var temperature: TemperatureArguments
        @OptionGroup var training: RunArguments
        @Option(
            help: ArgumentHelp(
                "What the learning rate is multiplied by for the token embedding; 0: it stays as it is.",
                valueName: "factor"))
        var embeddingRate: Float?

        func run() throws {
            var options = TrainingOptions(objective: objective)
            options.full = true
            options.embeddingRate = embeddingRate
            options.dropout = 0
            if objective == .simcse { options.attentionDropout = 0.3 }
            try masking.apply(to: &options)
            prediction.apply(to: &options)
            try contrast.apply(to: &options)
            guard objective == .distill || distillation.targets.isEmpty else {
                throw KindredError(
                    .invalidRequest, "--targets are for --objective distill; leave them out, or name that")
            }
            distillation.apply(to: &options)
            temperature.apply(to: &options)
            switch objective {
            case .pairs: try training.train(options, pairs: text.files)
            case .distill: try training.train(options, texts: text.files, distillation)
            case .causal, .mntp, .simcse: try training.train(options, text: text)
            }
        }
    }
}

extension TrainingOptions.Objective: ExpressibleByArgument {}
extension LearningRateSchedule.Kind: ExpressibleByArgument {}
extension EncoderConfiguration.Pooling: ExpressibleByArgument {}
extension EncoderConfiguration.Attention: ExpressibleByArgument {}
extension AdapterConfiguration.Initialization: ExpressibleByArgument {}

/// A precision that there are gradients in.
struct TrainingPrecision: ExpressibleByArgument {
    static var allValueStrings: [String] { Precision.allCases.filter(\.hasGradients).map(\.rawValue) }

    let precision: Precision

    init?(argument: String) {
        guard let precision = Precision(rawValue: argument), precision.hasGradients else { return nil }
        self.precision = precision
    }
}

/// Text to train on.
struct TextArguments: ParsableArguments {
    @Argument(
        help: """
            Dumps, plain text, or WikiExtractor's files, also compressed by bzip2 or gzip; '-' is standard input \
            (xz -dc FILE | kindred train ... -).
            """)
    var files: [String] = []

    @Option(help: ArgumentHelp("Train on the texts of this index.", valueName: "name")) var fromIndex: String?

    @Flag(help: "For sentences: each line of plain text is one.") var linesAreSentences = false

    @Option(
        help: ArgumentHelp("Read no more text once there are so many million tokens.", valueName: "millions"))
    var tokenLimit = 100.0

    @OptionGroup var indexes: IndexOptions
}

struct MaskingArguments: ParsableArguments {
    @Option(help: "Share of tokens to predict.") var maskShare: Double?
    @Flag(help: "Mask all of them; else 80 % are masked, 10 % random, 10 % as they were.") var maskAll = false
    @Option(help: "What a masked token becomes.") var maskToken: String?

    func apply(to options: inout TrainingOptions) throws {
        options.maskShare = maskShare ?? options.maskShare
        options.masksAll = maskAll
        options.maskToken = maskToken ?? options.maskToken
    }
}

struct PredictionArguments: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Predict among so many tokens in a step, those of the batch and others at random (sampled softmax); "
                + "default: among all, which costs more where the vocabulary is large.",
            valueName: "count"))
    var sampledTokens: Int?

    func apply(to options: inout TrainingOptions) {
        options.sampledTokens = sampledTokens ?? options.sampledTokens
    }
}

struct ContrastArguments: ParsableArguments {
    @Option(help: "What cosines are multiplied by.") var scale: Float?
    @Option(help: "Dropout of attention weights.") var attentionDropout: Float?

    func apply(to options: inout TrainingOptions) throws {
        options.scale = scale ?? options.scale
        options.attentionDropout = attentionDropout ?? options.attentionDropout
    }
}

struct AdapterArguments: ParsableArguments {
    @Option(help: "Rank of the adapter's matrices.") var rank: Int?
    @Option(help: "The adapter is scaled by alpha / rank.") var alpha: Double?
    @Option(help: "Dropout before the adapter.") var dropout: Float?
    @Option(help: "Modules to change, separated by commas (default: all linear layers of a block).")
    var modules: String?
    @Option(help: "First values of the adapter: true (peft's default), gaussian or false.")
    var initialization: AdapterConfiguration.Initialization?

    func apply(to options: inout TrainingOptions) throws {
        options.rank = rank ?? options.rank
        options.alpha = alpha ?? options.alpha
        options.dropout = dropout ?? options.dropout
        if let modules { options.targets = modules.split(separator: ",").map(String.init) }
        options.initialization = initialization?.rawValue ?? options.initialization
    }
}

/// What every stage has.
struct RunArguments: ParsableArguments {
    enum Memory: String, CaseIterable, ExpressibleByArgument { case normal, low }

    @Option(
        help: ArgumentHelp(
            "The model to train: a model directory or an adapter (default: the embedded one).",
            valueName: "directory"))
    var model: String?
    @Option(help: ArgumentHelp("Where the run is kept.", valueName: "directory")) var out: String
    @Flag(help: "Go on from the run's last checkpoint.") var resume = false
    @Option(help: "Steps in all.") var steps: Int?
    @Option(help: "Blocks, sentences or pairs of a batch.") var batch: Int?
    @Option(help: "Batches of a step.") var accumulate: Int?
    @Option(help: "Tokens of a block, or of a text at most.") var length: Int?
    @Option(help: "The highest learning rate.") var rate: Double?
    @Option(help: "Steps until then.") var warmup: Int?
    @Option(help: "linear or constant.") var schedule: LearningRateSchedule.Kind?
    @Option(help: "Weight decay.") var decay: Float?
    @Option(help: "Scale gradients down to this norm; 0: never.") var clip: Float?
    @Option(help: "What all chance depends on.") var seed: UInt64?
    @Option(help: "fp32 or bf16 (default: bf16 where the processor multiplies it).") var precision:
        TrainingPrecision?
    @Option(help: "low: compute again what would have to be kept; about a third slower.") var memory = Memory
        .normal
    @Option(
        help: "mean, weighted_mean, eos_token, last_token or bos_token (default: the model's own pooling).")
    var pooling: EncoderConfiguration.Pooling?
    @Option(help: "bidirectional (default) or causal.") var attention: EncoderConfiguration.Attention?
    @Option(help: "Steps between checkpoints.") var checkpointEvery: Int?
    @Option(help: "Steps between validations.") var validateEvery: Int?
    @Option(help: "Examples to hold back for validation.") var validation: Int?
    @Option(help: "Threads.") var threads = Processor.count
    @Flag(help: "Write the whole model too, with the adapter merged in.") var merge = false
    @Flag(help: "Print the report as JSON.") var json = false
    @Flag(name: [.short, .long], help: "Show no progress.") var quiet = false

    private func apply(to options: inout TrainingOptions) {
        options.steps = steps ?? options.steps
        options.batch = batch ?? options.batch
        options.accumulate = accumulate ?? options.accumulate
        options.length = length ?? options.length
        options.learningRate = rate ?? options.learningRate
        options.warmup = warmup ?? min(options.warmup, options.steps / 3)
        options.schedule = schedule ?? options.schedule
        options.weightDecay = decay ?? options.weightDecay
        options.clip = clip ?? options.clip
        options.seed = seed ?? options.seed
        options.precision = precision?.precision ?? (BrainFloat.isNative ? .bfloat16 : .float32)
        options.savesMemory = memory == .low
        options.attention = attention?.rawValue ?? options.attention
        options.checkpointEvery = checkpointEvery ?? options.checkpointEvery
        options.validateEvery = validateEvery ?? options.validateEvery
        options.validation = validation ?? options.validation
    }

    func open(_ options: inout TrainingOptions) throws -> ModelDirectory {
        apply(to: &options)
        try options.check()
        let directory = try ModelDirectory(model.map { FilePath($0) } ?? Resources.embeddedModel())
        options.pooling = (pooling ?? directory.usage.pooling).rawValue
        guard options.length <= directory.shape.maximumPositions else {
            throw KindredError(
                .invalidRequest,
                "the model takes \(directory.shape.maximumPositions) tokens at most; give a shorter --length")
        }
        try directory.shape.checkWindow(tokens: options.length, of: directory.base)
        return directory
    }

    func train(_ given: TrainingOptions, text: TextArguments) throws {
        var options = given
        let model = try open(&options)
        let limit = Int(text.tokenLimit * 1e6)
        var collector = try ExampleCollector(
            model, usage: options.usage(of: model), maximumTokens: options.length, limit: limit)
        guard !text.files.isEmpty || text.fromIndex != nil else {
            throw KindredError(
                .invalidRequest, "there is nothing to train on; name a file of text, or --from-index NAME")
        }
        let wantsSentences = options.objective == .simcse
        func take(_ document: String) -> Bool {
            if wantsSentences {
                collector.takeSentences(
                    text.linesAreSentences
                        ? document.split(separator: "\n").map(String.init)
                        : TrainingText.sentences(of: document))
            } else {
                collector.takeBlocks(document)
            }
            return !collector.isFull && !Interrupts.requested
        }
        for file in text.files where !collector.isFull {
            try TrainingText.forEachDocument(in: file, take)
        }
        if let name = text.fromIndex {
            let index = try IndexDirectory.find(name, in: text.indexes.root)
            try IndexTexts(index).read { _, document in take(document) }
        }
        if Interrupts.requested { throw ExitCode(130) }
        let maskToken = options.objective == .mntp ? try collector.token(options.maskToken) : nil
        let examples =
            try wantsSentences ? collector.sentenceExamples() : collector.blocks(length: options.length)
        try train(
            options, model: model, examples: examples, maskToken: maskToken,
            sources: text.files + (text.fromIndex.map { ["index \($0)"] } ?? []))
    }

    func train(_ given: TrainingOptions, pairs files: [String]) throws {
        var options = given
        let model = try open(&options)
        let collector = try ExampleCollector(
            model, usage: options.usage(of: model), maximumTokens: options.length, limit: .max)
        guard !files.isEmpty else {
            throw KindredError(.invalidRequest, "there is nothing to train on; name a file of pairs")
        }
        var pairs: [TrainingExamples.Pair] = []
        for file in files {
            let parts = file.split(separator: "=", maxSplits: 1).map(String.init)
            try PairsFile.forEachLine(in: parts[0]) { line in
                guard pairs.isEmpty || (pairs[0].scores == nil) == (line.scores == nil) else {
                    throw KindredError(
                        .invalidData,
                        line.scores == nil
                            ? "has no scores, and pairs before it have; give all pairs scores, or none"
                            : "has scores, and pairs before it have none; give all pairs scores, or none",
                        at: .init(path: parts[0], line: line.number))
                }
                let instruction = line.instruction ?? (parts.count > 1 ? parts[1] : "")
                pairs.append(
                    .init(
                        query: collector.input(line.query, instruction: instruction),
                        positive: collector.input(line.positive),
                        negatives: line.negatives.map { collector.input($0) }, scores: line.scores))
            }
        }
        guard pairs.count >= 2 else {
            throw KindredError(
                .invalidData, "there are \(pairs.count) pairs; contrast needs two", at: .init(path: files[0]))
        }
        try train(options, model: model, examples: .pairs(pairs), maskToken: nil, sources: files)
    }

    func train(
        _ options: TrainingOptions, model: ModelDirectory, examples: TrainingExamples, maskToken: Int32?,
        sources: [String]
    ) throws {
        let run = TrainingRun(FilePath(out))
        let trainer = try Trainer(
            model, examples: examples, options: options, maskToken: maskToken, sources: sources, run: run,
            threads: threads)
        Interrupts.hold()
        let progress = Progress(label: "Training \(options.objective.rawValue)", unit: "steps", quiet: quiet)
        defer { progress.finish() }
        let report = try trainer.train(
            resume: resume, shouldStop: { Interrupts.requested },
            progress: { now in
                progress.update(
                    "step \(now.entry.step) of \(now.steps), loss \(Format.decimals(now.entry.loss, 4)), "
                        + "rate \(String(format: "%.2g", now.entry.learningRate)), "
                        + "\(Format.rate(now.entry.tokensPerSecond, unit: "tokens")), "
                        + "\(Format.duration(now.secondsLeft)) left")
            })
        progress.finish()
        var merged: FilePath?
        if merge, let result = report.result, !options.full {
            let trained = try ModelDirectory(result)
            try MergedModel.write(
                DecoderWeights.load(trained), of: trained, usage: trained.usage, as: .f32, to: run.model)
            merged = run.model
        }
        if json {
            try CommandOutput.json(
                TrainingOutput(report, options: options, examples: examples, merged: merged))
        } else {
            print(report, cut: examples.cutTexts, run: run, merged: merged)
        }
        if report.stopped { throw ExitCode(130) }
    }

    private func print(_ report: TrainingReport, cut: Int, run: TrainingRun, merged: FilePath?) {
        if let step = report.resumedFrom { CommandOutput.line("  resumed    from step \(step)") }
        if let first = report.firstLoss, let last = report.lastLoss {
            let validation = report.validationLoss.map { ", validation \(Format.decimals($0, 4))" } ?? ""
            CommandOutput.line(
                "  loss       \(Format.decimals(first, 4)) at first, \(Format.decimals(last, 4)) at last\(validation)"
            )
        }
        if let cosine = report.validationCosine {
            CommandOutput.line(
                "  cosine     \(Format.decimals(cosine, 4)) to the teacher, on texts held back")
        }
        if cut > 0 {
            CommandOutput.line(
                "  cut        \(Format.count(cut)) texts were longer than --length and lost their ends")
        }
        let rate = report.seconds > 0 ? Double(report.tokens) / report.seconds : 0
        CommandOutput.line(
            "  tokens     \(Format.count(report.tokens)) in \(Format.duration(report.seconds)) "
                + "(\(Format.rate(rate, unit: "tokens")))")
        CommandOutput.line("  curve      \(run.curve)")
        if let result = report.result { CommandOutput.line("  result     \(result)") }
        if let merged { CommandOutput.line("  merged     \(merged)") }
        if report.stopped {
            CommandOutput.line(
                "Stopped after step \(report.steps). The same command with --resume goes on from there.")
        }
    }
}

/// The report of `kindred train --json`.
private struct TrainingOutput: Encodable {
    let objective: String
    let precision: String
    let steps: Int
    let stopped: Bool
    let resumedFrom: Int?
    let examples, cutTexts, tokens: Int
    let seconds, tokensPerSecond: Double
    let examplesPerSecond: Double
    let firstLoss, lastLoss, validationLoss, validationCosine: Double?
    let result, merged: String?

    init(
        _ report: TrainingReport, options: TrainingOptions, examples: TrainingExamples, merged: FilePath?
    ) {
        objective = options.objective.rawValue
        precision = options.precision.rawValue
        steps = report.steps
        stopped = report.stopped
        resumedFrom = report.resumedFrom
        self.examples = examples.count
        cutTexts = examples.cutTexts
        tokens = report.tokens
        seconds = report.seconds
        tokensPerSecond = report.seconds > 0 ? Double(report.tokens) / report.seconds : 0
        let seen = (report.steps - (report.resumedFrom ?? 0)) * options.batch * options.accumulate
        examplesPerSecond = report.seconds > 0 ? Double(seen) / report.seconds : 0
        firstLoss = report.firstLoss
        lastLoss = report.lastLoss
        validationLoss = report.validationLoss
        validationCosine = report.validationCosine
        result = report.result?.string
        self.merged = merged?.string
    }
}
