import Foundation
import KindredEncoder
import KindredSystem
import KindredTensors
import KindredTestSupport
import SystemPackage
import Testing

@testable import KindredTraining

/// What PyTorch and peft made of losses that a teacher gives: `teacher_goldens` of `Tools/goldens/training_goldens.py`.
private struct TeacherGoldens {
    let goldens: TrainingGoldens
    let json: [String: Any]
    static let dense = Dense.Shape(inputs: 32, outputs: 6, hasBias: true)

    init(_ name: String) throws {
        goldens = try TrainingGoldens(name)
        json = try JSONFile.object(goldens.directory.appending("teacher.json"))
    }

    private func floats(_ value: Any?) throws -> [Float] {
        try #require(value as? [Double]).map(Float.init)
    }

    private func input(_ value: Any?) throws -> EncoderInput {
        let tokens = try #require(value as? [Int]).map(Int32.init)
        return EncoderInput(tokens: tokens, ownTokens: 1..<tokens.count)
    }

    func decoder(full: Bool) throws -> TrainableDecoder {
        let model = goldens.model
        let weights = try DecoderWeights.load(model, dense: Self.dense)
        let layout = ParameterLayout.decoder(model.shape, dense: Self.dense)
        let rows = try #require(json["weight"] as? [[Double]])
        for (name, values) in [
            (ParameterLayout.denseWeight, rows.flatMap { $0.map(Float.init) }),
            (ParameterLayout.denseBias, try floats(json["bias"])),
        ] {
            for (place, value) in zip(layout[name].range, values) { weights[place] = value }
        }
        let adapter = try Adapter(directory: goldens.directory.appending("adapter"), for: model.shape)
        let decoder = TrainableDecoder(
            model.shape, weights: weights, dense: Self.dense, trainsDense: true,
            part: full ? .all : .adapter(adapter.configuration), causal: !goldens.bidirectional,
            precision: .float32, maximumTokens: 64, needsHead: false)
        decoder.initialize(seed: 1)
        if !full { decoder.load(adapter) }
        return decoder
    }

    func distillation(_ kind: String) throws -> DistillationBatch {
        let settings = try #require((json["kinds"] as? [String: [Any]])?[kind])
        var options = DistillationOptions()
        options.loss = try #require(DistillationOptions.Loss(rawValue: settings[0] as? String ?? ""))
        options.relational = try #require((settings[1] as? Double).map(Float.init))
        options.temperature = try #require((settings[2] as? Double).map(Float.init))
        let rows = try #require(json["targets"] as? [[Double]]).map { $0.map(Float.init) }
        return DistillationBatch(
            try #require(json["texts"] as? [Any]).map(input), targets: UnitRows(Matrix(rows)).units, options)
    }

    func scored() throws -> ScoredPairsBatch {
        let queries = try #require(json["scored"] as? [[String: Any]]).map {
            ScoredPairsBatch.Query(
                input: try input($0["query"]), passages: try #require($0["passages"] as? [Any]).map(input),
                scores: try floats($0["scores"]))
        }
        let temperature = try #require(json["score_temperature"] as? Double)
        return ScoredPairsBatch(queries, scale: 20, temperature: Float(temperature))
    }

    func compare(_ batch: some VectorBatch, _ kind: String, full: Bool, savesMemory: Bool) throws {
        var options = GradientEngine.Options()
        options.savesMemory = savesMemory
        let engine = GradientEngine(try decoder(full: full), options)
        let loss = engine.train(batch, pooling: .mean, step: 1)
        let run = "\(kind)-\(full ? "full" : "adapter")"
        let expected = try #require((json["losses"] as? [String: Double])?[run])
        #expect(abs(loss - expected) < 1e-5 * max(1, expected), "\(kind)")
        #expect(try goldens.largestError(engine, "\(run).safetensors") < 1e-4)
    }
}

@Suite struct TeacherGradientTests {
    @Test(arguments: GradientTests.models, [false, true])
    func `gradients of every distillation loss are PyTorch's, for the adapter and the map`(
        name: String, savesMemory: Bool
    ) throws {
        let goldens = try TeacherGoldens(name)
        for kind in ["distill-cosine", "distill-mse", "distill-relational"] {
            try goldens.compare(
                goldens.distillation(kind), kind, full: false, savesMemory: savesMemory)
        }
    }

    @Test(arguments: GradientTests.models)
    func `gradients of pairs with a teacher's scores are PyTorch's`(name: String) throws {
        let goldens = try TeacherGoldens(name)
        try goldens.compare(goldens.scored(), "scores", full: false, savesMemory: false)
    }

    @Test func `where all weights are trained, their gradients and the map's are PyTorch's`() throws {
        let goldens = try TeacherGoldens("qwen3")
        try goldens.compare(
            goldens.distillation("distill-mse"), "distill-mse", full: true, savesMemory: false)
        try goldens.compare(goldens.scored(), "scores", full: true, savesMemory: true)
    }

    @Test(arguments: [Dense.Activation.identity, .tanh])
    func `a map's gradients are those of finite differences`(activation: Dense.Activation) {
        let shape = Dense.Shape(inputs: 3, outputs: 2, hasBias: true, activation: activation)
        var layout = ParameterLayout()
        layout.append(shape)
        let values = AlignedBuffer<Float>([0.3, -0.2, 0.5, 0.1, 0.4, -0.6, 0.05, -0.1])
        let pooled = Matrix([[0.5, -1, 0.25], [1, 0.75, -0.5]])
        /// A sum of the outputs with fixed weights.
        func value() -> Double {
            let y = TrainableDense(shape, in: values, layout, isTrained: true).forward(pooled)
            return Double(y[0, 0] + 2 * y[0, 1] - 3 * y[1, 0] + 0.5 * y[1, 1])
        }
        let dense = TrainableDense(shape, in: values, layout, isTrained: true)
        let gradient = Matrix([[1, 2], [-3, 0.5]])
        let dPooled = dense.inputGradient(gradient, outputs: dense.forward(pooled))
        let sum = AlignedBuffer<Float>(repeating: 0, count: layout.count)
        dense.addWeightGradient(gradient, pooled: pooled, to: sum)
        func check(_ buffer: AlignedBuffer<Float>, _ found: AlignedBuffer<Float>) {
            for place in 0..<buffer.count {
                let kept = buffer[place]
                buffer[place] = kept + 1e-2
                let above = value()
                buffer[place] = kept - 1e-2
                #expect(abs((above - value()) / 2e-2 - Double(found[place])) < 2e-3)
                buffer[place] = kept
            }
        }
        check(values, sum)
        check(pooled.elements, dPooled.elements)
    }
}
