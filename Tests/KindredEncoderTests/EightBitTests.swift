import Foundation
import KindredSystem
import KindredTensors
import Testing

@testable import KindredEncoder

@Suite struct EightBitTests {
    private typealias Error = EightBitPlan.Error

    /// An error that each part in 8 bits adds to.
    private func plan(layers: Int, error: (EightBitPlan) -> Double) -> EightBitPlan {
        EightBitPlan.search(layers: layers) {
            Error(mean: error($0) / 10, worst: error($0))
        } roughError: {
            Error(mean: error($0) / 10, worst: error($0))
        }
    }

    @Test func `a decoder that bears 8 bits keeps nothing in floats`() {
        let plan = plan(layers: 4) { _ in 0.002 }
        #expect(plan == EightBitPlan())
        #expect(plan.label == "int8")
    }

    @Test func `activations with outliers are quantized twice before a layer keeps floats`() {
        let plan = plan(layers: 4) { $0.outlierRatio == nil ? 0.2 : 0.001 }
        #expect(plan.outlierRatio != nil && plan.exactLayers.isEmpty && !plan.hasExactEmbedding)
    }

    @Test func `the parts that do most harm keep floats and as few as suffice`() {
        let harms = [0.0001, 0.004, 0.0001, 0.003, 0.0001]
        let plan = plan(layers: harms.count) { plan in
            (plan.hasExactEmbedding ? 0 : 0.009)
                + harms.indices.filter { !plan.exactLayers.contains($0) }.map { harms[$0] }.reduce(0, +)
        }
        #expect(plan.exactLayers == [1, 3])
        #expect(plan.hasExactEmbedding)
        #expect(plan.label == "int8, layers 1, 3 and the embedding in floats")
    }

    @Test func `where every part does harm all keep floats`() {
        let plan = plan(layers: 3) { plan in plan.exactLayers.count == 3 && plan.hasExactEmbedding ? 0 : 1 }
        #expect(plan.label == "int8, layers 0–2 and the embedding in floats")
    }

    /// A decoder with a massive activation: one channel of the first layer's output is far larger than the others.
    private func modelWithOutliers() throws -> ModelFiles {
        let model = try ModelFiles("llama", attention: "bidirectional")
        let path = model.path.appending("model.safetensors")
        let tensors = try TensorFile(directory: model.path).tensors.values.map { tensor in
            let values = tensor.floats()
            if tensor.name.hasSuffix("layers.0.mlp.down_proj.weight") {
                for column in 0..<tensor.shape[1] { values[3 * tensor.shape[1] + column] *= 2_000 }
            }
            return SafetensorsWriter.Tensor(
                name: tensor.name, shape: tensor.shape, buffer: values, offset: 0)
        }
        try SafetensorsWriter.write(tensors, to: path)
        return model
    }

    @Test func `vectors of 8 bits stay near those of fp32 where an activation is massive`() throws {
        let model = try modelWithOutliers()
        let texts = [
            "the tide is high", "a", "why", "bees dance to tell where flowers are, and how far", "42 7",
        ]
        let (exact, eight) = try (model.encoder(), model.encoder(.int8))
        #expect(eight.eightBitPlan != EightBitPlan())
        #expect(eight.precisionLabel == eight.eightBitPlan.label && exact.precisionLabel == "fp32")
        let (expected, found) = (try exact.encode(texts), try eight.encode(texts))
        for row in texts.indices {
            let cosine = zip(expected.row(row), found.row(row)).reduce(Float(0)) { $0 + $1.0 * $1.1 }
            #expect(cosine >= 0.995)
        }
    }
}
