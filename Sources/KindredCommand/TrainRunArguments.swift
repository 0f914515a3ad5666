import ArgumentParser
import Foundation
import Kindred
import KindredEncoder
import KindredSystem
import KindredTensors
import KindredTraining
import SystemPackage

/// What every stage has.
struct RunArguments: ParsableArguments {
    enum Memory: String, CaseIterable, ExpressibleByArgument { case normal, low }

    @Option(
        help: ArgumentHelp(
            "The model to train: a model directory or an adapter (default: the embedded one).",
            valueName: "directory"), completion: .file(extensions: ["gguf"]))
    var model: String?
    @Option(help: ArgumentHelp("The run's directory.", valueName: "directory"), completion: .directory)
    var out: String
    @Flag(help: "Resume from the run's last checkpoint.") var resume = false
    @Option(
        help: "Total steps (default: 1000). A resumed run may have more or fewer than it was started with.")
    var steps: Int?
    @Option(
        help: "Blocks, sentences or pairs per batch (default: 32; commands simcse and distill 128, pairs 64)."
    ) var batch: Int?
    @Option(help: "Batches per step (default: 1).") var accumulate: Int?
    @Option(help: "Tokens of a block, or at most of a text (default: 512; commands simcse and distill 128).")
    var length: Int?
    @Option(help: "Peak learning rate (default: 5e-5; commands simcse 3e-5, pairs 2e-4, distill 1e-4).")
    var rate: Double?
    @Option(
        help: "Warm-up steps (default: 0; commands pairs 300, distill 100, at most a third of the steps).")
    var warmup: Int?
    @Option(help: "Learning rate after warm-up (default: linear).") var schedule: LearningRateSchedule.Kind?
    @Option(help: "Weight decay (default: 0).") var decay: Float?
    @Option(help: "Clip the gradient norm to this; 0: never (default: 1).") var clip: Float?
    @Option(help: "Random seed (default: 1).") var seed: UInt64?
    @Option(help: "Precision of products (default: bf16 if the processor supports it, else fp32).")
    var precision: TrainingPrecision?
    @Option(
        help:
            "low: recompute activations in the backward pass (gradient checkpointing); about a third slower.")
    var memory = Memory
        .normal
    @Option(
        help: "Pooling (default: the model's).")
    var pooling: EncoderConfiguration.Pooling?
    @Option(help: "Attention (default: bidirectional; causal for the objective causal).") var attention:
        EncoderConfiguration.Attention?
    @Option(help: "Steps between checkpoints (default: 100).") var checkpointEvery: Int?
    @Option(help: "Steps between validations (default: 100).") var validateEvery: Int?
    @Option(help: "Examples held out for validation (default: 64, at most a fiftieth of all).")
    var validation: Int?
    @Option(help: "Threads; the result does not depend on them.") var threads = Processor.count
    @Flag(help: "Also write the whole model, with the adapter merged.") var merge = false
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
                .invalidRequest, "no training text; name a file, or --from-index NAME")
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

    /// Says so where the first loss of token prediction is far above chance, ln(vocabulary): the base does not predict
    /// tokens from its states, as an encoder that was trained for vectors does not.
    private static func warn(ofFirstLoss entry: TrainingRun.Entry, options: TrainingOptions, vocabulary: Int)
    {
        let chance = log(Double(vocabulary))
        guard options.objective == .mntp, entry.step == 1, entry.loss > 1.5 * chance else { return }
        CommandOutput.warning(
            "the first loss is \(Format.decimals(entry.loss, 1)), and guessing has \(Format.decimals(chance, 1)): this base "
                + "does not predict tokens; start from a decoder rather than from a trained encoder")
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
                Self.warn(ofFirstLoss: now.entry, options: options, vocabulary: model.shape.vocabularySize)
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
                "  cosine     \(Format.decimals(cosine, 4)) to the teacher, on held-out texts")
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
                "Stopped after step \(report.steps). Run the same command with --resume to continue, or write what it has "
                    + "learned with 'kindred train export \(run.path) --out DIRECTORY'.")
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
