import Foundation
import KindredEncoder
import KindredSystem
import KindredTensors
import KindredTestSupport
import SystemPackage
import Testing

@testable import KindredTraining

/// What transformers and peft made of a tiny decoder: `Tools/goldens/training_goldens.py`.
struct TrainingGoldens {
    let directory: FilePath
    let json: [String: Any]
    let model: ModelDirectory

    init(_ name: String) throws {
        directory = Fixtures.directory().appending(name)
        json = try JSONFile.object(directory.appending("goldens.json"))
        model = try ModelDirectory(
            Fixtures.directory().removingLastComponent().removingLastComponent()
                .appending("KindredEncoderTests/Fixtures").appending(name))
    }

    var bidirectional: Bool { json["bidirectional"] as? Bool == true }

    func number(_ path: String...) throws -> Double {
        var value: Any = json
        for key in path { value = try #require((value as? [String: Any])?[key]) }
        return try #require(value as? Double)
    }

    func decoder(_ part: TrainableDecoder.Part, precision: Precision = .float32) throws
        -> TrainableDecoder
    {
        TrainableDecoder(
            model.shape, weights: try DecoderWeights.load(model), part: part, causal: !bidirectional,
            precision: precision, maximumTokens: 64, needsHead: true)
    }

    /// A decoder with the adapter that peft initialised.
    func adapted(precision: Precision = .float32) throws -> TrainableDecoder {
        let adapter = try Adapter(directory: directory.appending("adapter"), for: model.shape)
        let decoder = try decoder(.adapter(adapter.configuration), precision: precision)
        decoder.load(adapter)
        return decoder
    }

    static func examples(_ value: Any?) throws -> [PredictionExample] {
        try #require(value as? [[String: Any]]).map {
            PredictionExample(
                tokens: try #require($0["tokens"] as? [Int]).map(Int32.init),
                positions: try #require($0["positions"] as? [Int]),
                targets: try #require($0["targets"] as? [Int]).map(Int32.init))
        }
    }

    static func contrast(_ value: Any?) throws -> ContrastiveBatch {
        let json = try #require(value as? [String: Any])
        func inputs(_ key: String) throws -> [EncoderInput] {
            try #require(json[key] as? [[Int]]).map {
                EncoderInput(tokens: $0.map(Int32.init), ownTokens: 1..<$0.count)
            }
        }
        return ContrastiveBatch(
            queries: try inputs("queries"), positives: try inputs("positives"),
            negatives: try inputs("negatives"))
    }

    /// The largest relative error over all parameters: |found − expected| / |expected|, by norms.
    func largestError(_ engine: GradientEngine, _ file: String) throws -> Float {
        let expected = try TensorFile(path: directory.appending(file))
        var largest: Float = 0
        for entry in engine.decoder.layout.entries {
            let names = ["model.", "base_model.model."].map { $0 + entry.name }
            let tensor = try #require(names.compactMap { expected.tensors[$0] }.first, "\(entry.name)")
            let values = tensor.floats()
            #expect(values.count == entry.count)
            var (difference, length): (Float, Float) = (0, 0)
            for index in 0..<values.count {
                let error = engine.gradient[entry.offset + index] - values[index]
                difference += error * error
                length += values[index] * values[index]
            }
            largest = max(largest, (difference / max(length, 1e-20)).squareRoot())
        }
        return largest
    }
}

@Suite struct GradientTests {
    static let models = ["llama", "llama-scaled", "qwen3"]

    @Test(arguments: models, [false, true])
    func `every parameter's gradient is PyTorch's`(name: String, savesMemory: Bool) throws {
        let goldens = try TrainingGoldens(name)
        var options = GradientEngine.Options()
        options.savesMemory = savesMemory
        let engine = GradientEngine(try goldens.decoder(.all), options)
        let batch = try TrainingGoldens.examples((goldens.json["prediction"] as? [String: Any])?["batch"])
        let loss = engine.predict(batch, step: 1)
        #expect(abs(loss - (try goldens.number("prediction", "loss"))) < 1e-5)
        #expect(try goldens.largestError(engine, "full.safetensors") < 1e-4)
    }

    @Test(arguments: models, [false, true])
    func `every adapter matrix's gradient is peft's`(name: String, savesMemory: Bool) throws {
        let goldens = try TrainingGoldens(name)
        var options = GradientEngine.Options()
        options.savesMemory = savesMemory
        let engine = GradientEngine(try goldens.adapted(), options)
        let batch = try TrainingGoldens.examples((goldens.json["prediction"] as? [String: Any])?["batch"])
        #expect(abs(engine.predict(batch, step: 1) - (try goldens.number("adapted", "prediction"))) < 1e-5)
        #expect(try goldens.largestError(engine, "prediction.safetensors") < 1e-4)

        let pairs = try TrainingGoldens.contrast(goldens.json["pairs"])
        let loss = engine.train(pairs, pooling: .mean, step: 1)
        #expect(abs(loss - (try goldens.number("adapted", "contrast"))) < 1e-4)
        #expect(try goldens.largestError(engine, "contrast.safetensors") < 1e-4)
    }

    @Test func `a sampled vocabulary stands for the whole one`() {
        let (vocabulary, size, draws) = (200, 60, 4000)
        let targets: [Int32] = [3, 7, 7, 199]
        var weights = [Double](repeating: 0, count: vocabulary)
        for draw in 0..<draws {
            var random = TrainingRandom(seed: 5, .vocabulary, draw)
            let sample = SampledVocabulary(
                targets: targets, size: size, vocabulary: vocabulary, &random)
            #expect(sample.tokens.count == size && sample.tokens == sample.tokens.sorted())
            for (place, token) in sample.tokens.enumerated() {
                #expect(sample.place(of: token) == Int32(place))
                weights[Int(token)] += Double(exp(sample.corrections[place])) / Double(draws)
            }
        }
        // The expected weight of every token in the softmax's sum is 1; the mean of 4,000 draws strays by .025.
        for (token, weight) in weights.enumerated() {
            #expect(abs(weight - 1) < (targets.contains(Int32(token)) ? 1e-5 : 0.15))
        }
        var random = TrainingRandom(seed: 5, .vocabulary, 0)
        let all = SampledVocabulary(targets: targets, size: 500, vocabulary: vocabulary, &random)
        #expect(all.tokens.count == vocabulary && all.corrections.allSatisfy { $0 == 0 })
        let many = SampledVocabulary(
            targets: (0..<100).map { $0 }, size: 4, vocabulary: vocabulary, &random)
        #expect(many.tokens.count == 101)
    }

    @Test(arguments: ["llama", "qwen3"])
    func `gradients of many samples average to the whole vocabulary's`(name: String) throws {
        let goldens = try TrainingGoldens(name)
        let decoder = try goldens.decoder(.all)
        let batch = try TrainingGoldens.examples((goldens.json["prediction"] as? [String: Any])?["batch"])
        let exact = GradientEngine(decoder)
        _ = exact.predict(batch, step: 1)
        var options = GradientEngine.Options()
        options.sampledTokens = decoder.shape.vocabularySize * 3 / 4
        let sampled = GradientEngine(decoder, options)
        let (count, draws) = (decoder.layout.count, 60)
        var mean = [Float](repeating: 0, count: count)
        for step in 1...draws {
            _ = sampled.predict(batch, step: step)
            for index in 0..<count { mean[index] += sampled.gradient[index] / Float(draws) }
        }
        var (difference, length): (Float, Float) = (0, 0)
        for index in 0..<count {
            difference += (mean[index] - exact.gradient[index]) * (mean[index] - exact.gradient[index])
            length += exact.gradient[index] * exact.gradient[index]
        }
        #expect((difference / length).squareRoot() < 0.05)
        // Validation is exact.
        #expect(abs(sampled.predict(batch, step: nil) - exact.predict(batch, step: nil)) < 1e-9)
    }

    @Test(arguments: models)
    func `in bfloat16 gradients point the same way`(name: String) throws {
        let goldens = try TrainingGoldens(name)
        let engine = GradientEngine(try goldens.adapted(precision: .bfloat16))
        let batch = try TrainingGoldens.examples((goldens.json["prediction"] as? [String: Any])?["batch"])
        #expect(abs(engine.predict(batch, step: 1) - (try goldens.number("adapted", "prediction"))) < 0.05)
        #expect(try goldens.largestError(engine, "prediction.safetensors") < 0.1)
    }

    @Test(arguments: models)
    func `twenty steps of masked next token prediction have the losses of transformers and peft`(name: String)
        throws
    {
        try compare(name, "mntp") { engine, batch, step in
            engine.predict(try TrainingGoldens.examples(batch), step: step)
        }
    }

    @Test(arguments: models)
    func `twenty steps of SimCSE have the losses of transformers and peft`(name: String) throws {
        try compare(name, "simcse") { engine, batch, step in
            engine.train(try TrainingGoldens.contrast(batch), pooling: .mean, step: step)
        }
    }

    private func compare(
        _ name: String, _ objective: String, _ loss: (GradientEngine, Any, Int) throws -> Double
    ) throws {
        let goldens = try TrainingGoldens(name)
        let decoder = try goldens.adapted()
        let engine = GradientEngine(decoder)
        let golden = try #require(goldens.json[objective] as? [String: Any])
        let batches = try #require(golden["batches"] as? [Any])
        let expected = try #require(golden["losses"] as? [Double])
        let schedule = LearningRateSchedule(
            peak: try goldens.number("rate"), warmup: Int(try goldens.number("warmup")), steps: batches.count)
        let optimizer = AdamW(AdamW.Options(), layout: decoder.layout)
        for (step, batch) in batches.enumerated() {
            let value = try loss(engine, batch, step + 1)
            // Relative, with a floor where the loss is nearly gone.
            #expect(abs(value - expected[step]) <= 1e-4 * max(expected[step], 0.1), "step \(step)")
            optimizer.step(
                decoder.parameters, gradient: engine.gradient,
                norm: GradientKernels.squareSum(engine.gradient).squareRoot(),
                learningRate: Float(schedule.rate(at: step)), step: step + 1)
            decoder.update()
        }
    }
}
