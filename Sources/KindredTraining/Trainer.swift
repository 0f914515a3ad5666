import Crypto
import Foundation
import KindredEncoder
import KindredSystem
import KindredTensors
import SystemPackage

/// How far a run is.
package struct TrainingProgress: Sendable {
    package let entry: TrainingRun.Entry
    package let steps: Int
    /// Seconds that the rest will take.
    package let secondsLeft: Double
}

/// What a run did.
package struct TrainingReport: Sendable {
    package var steps = 0
    package var stopped = false
    package var resumedFrom: Int?
    package var firstLoss: Double?
    package var lastLoss: Double?
    package var validationLoss: Double?
    package var validationCosine: Double?
    package var tokens = 0
    package var seconds = 0.0
    /// Where the result lies.
    package var result: FilePath?
}

/// Trains a decoder in logged, checkpointed steps. A resumed run is bit-identical to an uninterrupted one.
package final class Trainer {
    private let model: ModelDirectory
    private let options: TrainingOptions
    private let examples: TrainingExamples
    private let run: TrainingRun
    let decoder: TrainableDecoder
    private let engine: GradientEngine
    private let optimizer: AdamW
    private let masking: Masking?
    private let sources: [String]
    private let threads: Int
    /// Numbers of the examples that are trained on, and of those held back.
    private let training: [Int]
    private let heldBack: [Int]

    /// - Throws: `invalidRequest` for options that make no sense; `invalidData` for weights that do not fit.
    package init(
        _ model: ModelDirectory, examples: TrainingExamples, options: TrainingOptions, maskToken: Int32?,
        sources: [String], run: TrainingRun, threads: Int = Processor.count
    ) throws {
        try options.check()
        self.model = model
        self.options = options
        self.examples = examples
        self.run = run
        self.sources = sources
        self.threads = threads
        let count = examples.count
        // A fiftieth of the examples at most: small sets are for training.
        let held = min(options.validation, count / 50)
        var random = TrainingRandom(seed: options.seed, .holdout)
        let chosen = Array((0..<count).shuffled(using: &random).prefix(held)).sorted()
        heldBack = chosen
        let isHeld = Set(chosen)
        training = (0..<count).filter { !isHeld.contains($0) }
        let predicts = options.objective == .mntp || options.objective == .causal
        guard predicts || training.count >= options.batch else {
            throw KindredError(
                .invalidData,
                "there are \(training.count) examples to train on and \(options.batch) in a batch, where each must be "
                    + "another: give more text or a smaller --batch",
                at: sources.first.map { .init(path: $0) })
        }
        if let maskToken, options.objective == .mntp {
            masking = Masking(
                share: options.maskShare, masksAll: options.masksAll, maskToken: maskToken,
                vocabularySize: model.shape.vocabularySize)
        } else {
            masking = nil
        }
        let (dense, isNew) = try Self.dense(of: model, options, examples)
        decoder = TrainableDecoder(
            model.shape, weights: try DecoderWeights.load(model, dense: dense), dense: dense,
            trainsDense: options.objective == .distill,
            part: options.full ? .all : .adapter(options.adapter),
            causal: options.usage(of: model).attention == .causal,
            attentionDropout: options.attentionDropout, precision: options.precision,
            maximumTokens: min(options.length, model.shape.maximumPositions), needsHead: predicts,
            trainsEmbedding: options.embeddingRate != 0)
        if isNew { decoder.initializeDense(seed: options.seed) }
        decoder.initialize(seed: options.seed)
        var engineOptions = GradientEngine.Options()
        engineOptions.savesMemory = options.savesMemory
        engineOptions.seed = options.seed
        engineOptions.threads = threads
        engineOptions.sampledTokens = options.sampledTokens
        engine = GradientEngine(decoder, engineOptions)
        var optimizerOptions = AdamW.Options()
        optimizerOptions.weightDecay = options.weightDecay
        optimizerOptions.maximumNorm = options.clip > 0 ? options.clip : nil
        if let rate = options.embeddingRate { optimizerOptions.rateFactors["embed_tokens.weight"] = rate }
        if let rate = options.distillation?.mapRate, rate != 1 {
            optimizerOptions.rateFactors[ParameterLayout.denseWeight] = rate
            optimizerOptions.rateFactors[ParameterLayout.denseBias] = rate
        }
        optimizer = AdamW(optimizerOptions, layout: decoder.layout)
    }

    /// The linear map of the student, and whether it is to be learned from the start.
    private static func dense(
        of model: ModelDirectory, _ options: TrainingOptions, _ examples: TrainingExamples
    ) throws -> (shape: Dense.Shape?, isNew: Bool) {
        guard case .distillation(_, let targets) = examples, let distillation = options.distillation else {
            return (model.dense?.shape, false)
        }
        let hidden = model.shape.hiddenSize
        func refused(_ message: String) -> KindredError { KindredError(.invalidRequest, message) }
        if let own = model.dense?.shape {
            guard distillation.map else {
                throw refused("the model has a linear map; --no-map cannot remove it")
            }
            guard own.outputs == targets.dimensions else {
                throw refused(
                    "the targets have \(targets.dimensions) dimensions, and the model's linear map gives "
                        + "\(own.outputs); they must be the same")
            }
            return (own, false)
        }
        guard !distillation.map else {
            return (Dense.Shape(inputs: hidden, outputs: targets.dimensions), true)
        }
        guard hidden == targets.dimensions else {
            throw refused(
                "the targets have \(targets.dimensions) dimensions, and the model's vectors \(hidden); leave --no-map out, "
                    + "so that a linear map is learned")
        }
        return (nil, false)
    }

    private var pooling: EncoderConfiguration.Pooling { options.usage(of: model).pooling }

    /// Trains to the last step, or until `shouldStop` says true: then a checkpoint is written.
    ///
    /// A resumed run may have more steps than it was started with, or fewer: the learning rate then follows the new schedule
    /// from there on. Where the checkpoint is past the last step already, its parameters are the result.
    ///
    /// - Parameter resume: resume from the last checkpoint, if there is one.
    /// - Throws: `invalidRequest` where the run cannot be begun or resumed; `invalidData` for a loss that is not a number,
    ///   with the step and an example; `inputOutput`. The last checkpoint stays.
    package func train(
        resume: Bool, shouldStop: () -> Bool = { false }, progress: (TrainingProgress) -> Void = { _ in }
    ) throws -> TrainingReport {
        try run.begin(settings(), resume: resume)
        var report = TrainingReport()
        var step = 0
        if resume, let done = try run.restore(decoder.parameters, optimizer) {
            step = done
            report.resumedFrom = done
            decoder.update(threads: threads)
        }
        try run.truncateLog(after: step)
        let schedule = LearningRateSchedule(
            kind: options.schedule, peak: options.learningRate, warmup: options.warmup, steps: options.steps)
        var order = ExampleOrder(count: training.count, seed: options.seed)
        var sum = AlignedBuffer<Float>(repeating: 0, count: options.accumulate > 1 ? decoder.layout.count : 0)
        let first = step
        let started = ContinuousClock.now
        steps: while step < options.steps, !shouldStop() {
            var loss = 0.0
            var tokens = 0
            for part in 0..<options.accumulate {
                // A step that is stopped between its batches is taken again.
                if part > 0, shouldStop() { break steps }
                let position = (step * options.accumulate + part) * options.batch
                let chosen = (0..<options.batch).map { training[order.example(at: position + $0)] }
                let (value, count) = compute(
                    chosen, step: step * options.accumulate + part + 1, position: position)
                guard value.isFinite else {
                    throw notANumber(step: step + 1, culprits(chosen, position: position))
                }
                loss += value / Double(options.accumulate)
                tokens += count
                if options.accumulate > 1 {
                    if part == 0 { sum.fill(0) }
                    GradientKernels.add(engine.gradient, scale: 1 / Float(options.accumulate), to: sum)
                }
            }
            let gradient = options.accumulate > 1 ? sum : engine.gradient
            let rate = schedule.rate(at: step)
            let norm = GradientKernels.squareSum(gradient).squareRoot()
            guard norm.isFinite else {
                let start = step * options.accumulate * options.batch
                let chosen = (0..<options.accumulate * options.batch).map {
                    training[order.example(at: start + $0)]
                }
                throw notANumber(step: step + 1, chosen)
            }
            optimizer.step(
                decoder.parameters, gradient: gradient, norm: norm, learningRate: Float(rate), step: step + 1,
                threads: threads)
            decoder.update(threads: threads)
            step += 1
            report.tokens += tokens
            let seconds = (ContinuousClock.now - started) / .seconds(1)
            var entry = TrainingRun.Entry(
                step: step, loss: loss, learningRate: rate, gradientNorm: norm,
                tokensPerSecond: Double(report.tokens) / max(seconds, 1e-9), seconds: seconds)
            if step % options.validateEvery == 0 || step == options.steps {
                entry.validationLoss = validate()
                guard entry.validationLoss?.isFinite ?? true else {
                    throw notANumber(step: step, heldBack)
                }
                report.validationLoss = entry.validationLoss
                entry.validationCosine = validateCosine()
                report.validationCosine = entry.validationCosine
            }
            try run.append(entry)
            if step % options.checkpointEvery == 0, step < options.steps { try save(step) }
            report.firstLoss = report.firstLoss ?? loss
            report.lastLoss = loss
            progress(
                TrainingProgress(
                    entry: entry, steps: options.steps,
                    secondsLeft: seconds / Double(step - first) * Double(options.steps - step)))
        }
        report.steps = step
        report.stopped = step < options.steps
        report.seconds = (ContinuousClock.now - started) / .seconds(1)
        try save(step)
        if !report.stopped {
            let result = options.full ? run.model : run.adapter
            try Self.writeResult(decoder, of: model, options, to: result)
            report.result = result
        }
        try AtomicFile.replace(run.curve, with: Array(LossCurve(run.entries()).svg.utf8))
        sum = AlignedBuffer(repeating: 0, count: 0)
        return report
    }

    private func save(_ step: Int) throws {
        try run.save(step: step, parameters: decoder.parameters, optimizer: optimizer)
    }

    /// The loss of a batch, and the tokens of text in it.
    ///
    /// - Parameter step: what dropout depends on; nil for validation.
    private func compute(_ chosen: [Int], step: Int?, position: Int) -> (loss: Double, tokens: Int) {
        switch examples {
        case .blocks:
            let batch = chosen.enumerated().map { offset, example in
                let block = examples.block(example)
                guard let masking else { return PredictionExample(causal: block) }
                var random =
                    step == nil
                    ? TrainingRandom(seed: options.seed, .masking, -1 - example)
                    : TrainingRandom(seed: options.seed, .masking, position + offset)
                return masking.apply(to: block, &random)
            }
            return (engine.predict(batch, step: step), batch.reduce(0) { $0 + $1.tokens.count })
        case .sentences(let all):
            let sentences = chosen.map { all[$0] }
            let batch = ContrastiveBatch(queries: sentences, positives: sentences, scale: options.scale)
            return train(batch, step: step)
        case .distillation(let texts, let targets):
            let batch = DistillationBatch(
                chosen.map { texts[$0] }, targets: targets.units(chosen),
                options.distillation ?? DistillationOptions())
            return train(batch, step: step)
        case .pairs(let all) where all[0].scores != nil:
            let queries = chosen.map {
                ScoredPairsBatch.Query(
                    input: all[$0].query, passages: [all[$0].positive] + all[$0].negatives,
                    scores: all[$0].scores ?? [])
            }
            return train(
                ScoredPairsBatch(
                    queries, scale: options.scale, temperature: options.scoreTemperature ?? 0.05),
                step: step)
        case .pairs(let all):
            let pairs = chosen.map { all[$0] }
            let batch = ContrastiveBatch(
                queries: pairs.map(\.query), positives: pairs.map(\.positive),
                negatives: pairs.flatMap(\.negatives), scale: options.scale)
            return train(batch, step: step)
        }
    }

    private func train(_ batch: some VectorBatch, step: Int?) -> (loss: Double, tokens: Int) {
        (
            engine.train(batch, pooling: pooling, step: step),
            batch.inputs.reduce(0) { $0 + $1.tokens.count }
        )
    }

    /// The loss on the examples that are held back, without dropout; nil where there are none.
    private func validate() -> Double? {
        guard heldBack.count >= 2 else { return nil }
        var sum = 0.0
        for start in stride(from: 0, to: heldBack.count, by: options.batch) {
            let part = Array(heldBack[start..<min(start + options.batch, heldBack.count)])
            sum += compute(part, step: nil, position: start).loss * Double(part.count)
        }
        return sum / Double(heldBack.count)
    }

    /// The mean cosine of student and teacher on the texts that are held back; nil where there are none.
    private func validateCosine() -> Double? {
        guard case .distillation(let texts, let targets) = examples, heldBack.count >= 2 else { return nil }
        var sum = 0.0
        for start in stride(from: 0, to: heldBack.count, by: options.batch) {
            let part = Array(heldBack[start..<min(start + options.batch, heldBack.count)])
            let batch = DistillationBatch(
                part.map { texts[$0] }, targets: targets.units(part), DistillationOptions())
            sum += (1 - train(batch, step: nil).loss) * Double(part.count)
        }
        return sum / Double(heldBack.count)
    }

    private func settings() throws -> TrainingRun.Settings {
        TrainingRun.Settings(
            options: options, model: ModelReference.name(of: model.path, from: run.path),
            modelFingerprint: Self.fingerprint(decoder),
            dataFingerprint: examples.fingerprint, examples: examples.count, data: sources)
    }

    /// The examples whose own loss is not finite; the whole batch if each alone is finite.
    private func culprits(_ chosen: [Int], position: Int) -> [Int] {
        let found = chosen.indices.filter { index in
            // Contrast needs two examples; paired with itself, an example has a finite loss unless its vector is broken.
            let alone = masking == nil ? [chosen[index], chosen[index]] : [chosen[index]]
            return !compute(alone, step: nil, position: position + index).loss.isFinite
        }
        return found.isEmpty ? chosen : found.map { chosen[$0] }
    }

    private func notANumber(step: Int, _ chosen: [Int]) -> KindredError {
        var named = chosen.prefix(8).map(String.init).joined(separator: ", ")
        if chosen.count > 8 { named += " and \(chosen.count - 8) more" }
        return KindredError(
            .invalidData,
            "the loss is not finite at step \(step), in example\(chosen.count == 1 ? "" : "s") \(named) (counted from 0); "
                + "the last checkpoint is kept. Lower the learning rate or look at these examples",
            at: .init(path: run.path.string))
    }

    // MARK: Result

    private static func writeResult(
        _ decoder: TrainableDecoder, of model: ModelDirectory, _ options: TrainingOptions,
        as precision: NumberFormat = .f32, to directory: FilePath
    ) throws {
        let usage = options.usage(of: model)
        guard !options.full else {
            return try MergedModel.write(
                decoder.weights, of: model, usage: usage, dense: decoder.dense?.shape, as: .f32, to: directory
            )
        }
        try AtomicFile.makeDirectory(directory)
        let base = ModelReference.name(of: model.path, from: directory)
        try decoder.writeAdapter(base: base, as: precision, to: directory)
        var fields = usage.fields
        fields[ModelDirectory.baseDigestField] = try model.baseDigest()
        try JSONFile.write(fields, to: directory.appending("llm2vec_config.json"))
    }

    /// Writes what the last checkpoint of a run holds, as the run does at its end: an adapter, or a whole model.
    ///
    /// - Parameter precision: 32-bit floats or bfloat16.
    /// - Returns: the steps that the checkpoint has.
    /// - Throws: `notFound` where there is no run, no checkpoint or no model any more; `invalidData` for a damaged
    ///   checkpoint; `incompatible` where another model took the place of the one that is trained; `cannotCreate`.
    @discardableResult
    package static func export(
        _ run: TrainingRun, as precision: NumberFormat = .f32, to directory: FilePath
    ) throws -> Int {
        let settings = try run.readSettings()
        let options = settings.options
        let count = try run.parametersInCheckpoint()
        guard FileKind(directory.string) == .missing else {
            throw KindredError(
                .cannotCreate, "exists already; name another directory", at: .init(path: directory.string))
        }
        let model = try ModelDirectory(
            ModelReference.path(of: settings.model, from: run.path, isChecked: true))
        let part: TrainableDecoder.Part = options.full ? .all : .adapter(options.adapter)
        var dense = model.dense?.shape
        let beginsMap = options.objective == .distill && options.distillation?.map == true && dense == nil
        if beginsMap {
            // It has as many outputs as there are parameters left for it.
            let others =
                options.full
                ? ParameterLayout.decoder(model.shape)
                : ParameterLayout.adapter(options.adapter, for: model.shape)
            let hidden = model.shape.hiddenSize
            dense = Dense.Shape(
                inputs: hidden, outputs: max(1, (count - others.count) / (hidden + 1)))
        }
        let decoder = TrainableDecoder(
            model.shape, weights: try DecoderWeights.load(model, dense: dense), dense: dense,
            trainsDense: options.objective == .distill, part: part, causal: false, precision: .float32,
            maximumTokens: 1, needsHead: false)
        if beginsMap { decoder.initializeDense(seed: options.seed) }
        guard decoder.layout.count == count else {
            throw KindredError(
                .incompatible,
                "the checkpoint has \(count) parameters, and training \(settings.model) has \(decoder.layout.count); put the "
                    + "model that the run was started on back", at: .init(path: run.path.string))
        }
        guard fingerprint(decoder) == settings.modelFingerprint else {
            throw KindredError(
                .incompatible,
                "was started on another model than the one at \(model.path) now; put that model back",
                at: .init(path: run.path.string))
        }
        let optimizer = AdamW(AdamW.Options(), layout: decoder.layout)
        let step = try run.restore(decoder.parameters, optimizer) ?? 0
        try writeResult(decoder, of: model, options, as: precision, to: directory)
        return step
    }

    /// Hex SHA-256 of the weights as they are used.
    private static func fingerprint(_ decoder: TrainableDecoder) -> String {
        var digest = SHA256()
        for entry in decoder.weightLayout.entries { digest.update(data: decoder.weights.bytes(entry.range)) }
        return digest.finalize().hex
    }
}
