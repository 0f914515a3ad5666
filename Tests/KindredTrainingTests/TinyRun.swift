import Foundation
import KindredEncoder
import KindredSystem
import KindredTensors
import KindredTestSupport
import SystemPackage

@testable import KindredTraining

/// A run on the tiny decoder of KindredEncoderTests.
struct TinyRun {
    let directory: TemporaryDirectory
    let model: ModelDirectory
    let examples: TrainingExamples

    init(_ name: String = "llama", sentences: Bool = false) throws {
        directory = try TemporaryDirectory()
        let fixtures = try TrainingGoldens(name).model.path
        let copy = directory.path.appending("base")
        try FileManager.default.copyItem(atPath: fixtures.string, toPath: copy.string)
        try FileManager.default.copyItem(
            atPath: fixtures.removingLastComponent().appending("tokenizer.json").string,
            toPath: copy.appending("tokenizer.json").string)
        model = try ModelDirectory(copy)
        var generator = SeededGenerator(seed: 4)
        if sentences {
            examples = .sentences(
                (0..<120).map { _ in
                    let count = Int.random(in: 4...12, using: &generator)
                    return EncoderInput(
                        tokens: (0..<count).map { _ in Int32.random(in: 2..<800, using: &generator) },
                        ownTokens: 1..<count)
                })
        } else {
            // Few different tokens, so that there is something to learn.
            examples = .blocks(
                tokens: (0..<1600).map {
                    Int32(2 + ($0 * $0) % 23 + Int.random(in: 0...1, using: &generator))
                },
                length: 16)
        }
    }

    var options: TrainingOptions {
        var options = TrainingOptions(objective: .mntp)
        if case .sentences = examples {
            options = TrainingOptions(objective: .simcse)
            options.attentionDropout = 0.3
        }
        (options.steps, options.batch, options.length, options.rank) = (12, 6, 16, 4)
        (options.learningRate, options.warmup) = (5e-3, 2)
        (options.checkpointEvery, options.validateEvery, options.validation) = (3, 4, 2)
        options.maskToken = "x"
        return options
    }

    @discardableResult
    func train(
        _ name: String, _ options: TrainingOptions? = nil, on base: ModelDirectory? = nil,
        resume: Bool = false, threads: Int = 2, stopAfter: Int? = nil
    ) throws -> TrainingReport {
        let trainer = try Trainer(
            base ?? model, examples: examples, options: options ?? self.options, maskToken: 9, sources: [],
            run: run(name), threads: threads)
        var steps = 0
        return try trainer.train(
            resume: resume, shouldStop: { stopAfter.map { steps >= $0 } ?? false },
            progress: { _ in steps += 1 })
    }

    func run(_ name: String) -> TrainingRun { TrainingRun(directory.path.appending(name)) }

    func adapterBytes(_ name: String) throws -> [UInt8] {
        try [UInt8](
            Data(
                contentsOf: URL(
                    fileURLWithPath: run(name).adapter.appending("adapter_model.safetensors").string)))
    }
}
