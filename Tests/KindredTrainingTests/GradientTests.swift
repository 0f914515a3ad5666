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

    func decoder(_ part: TrainableDecoder.Part, precision: ProductPrecision = .float32) throws
        -> TrainableDecoder
    {
        TrainableDecoder(
            model.shape, weights: try DecoderWeights.load(model), part: part, causal: !bidirectional,
            precision: precision, maximumTokens: 64, needsHead: true)
    }

    /// A decoder with the adapter that peft initialised.
    func adapted(precision: ProductPrecision = .float32) throws -> TrainableDecoder {
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
        let expected = try SafetensorsFile(path: directory.appending(file))
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
        let loss = engine.contrast(pairs, pooling: .mean, step: 1)
        #expect(abs(loss - (try goldens.number("adapted", "contrast"))) < 1e-4)
        #expect(try goldens.largestError(engine, "contrast.safetensors") < 1e-4)
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
            engine.contrast(try TrainingGoldens.contrast(batch), pooling: .mean, step: step)
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
