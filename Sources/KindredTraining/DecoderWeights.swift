import KindredEncoder
import KindredSystem
import KindredTensors
import SystemPackage

/// The weights of a decoder as one buffer, laid out by `ParameterLayout.decoder`.
package enum DecoderWeights {
    /// Reads a model directory's weights, with the adapters that are stacked on it merged in, and its linear map.
    ///
    /// - Parameter dense: a linear map that the model is to get; nil: its own, if it has one.
    /// - Returns: weights laid out by `ParameterLayout.decoder` with that map; a map that the model does not have is zero.
    /// - Throws: `notFound`; `invalidData` naming the tensor that is missing, does not fit `config.json`, or is not
    ///   finite.
    package static func load(
        _ model: ModelDirectory, dense: Dense.Shape? = nil
    ) throws -> AlignedBuffer<Float> {
        try model.shape.checkTrainable(model.base)
        let file = try model.checkpoint.weights(model.shape)
        let decoder = ParameterLayout.decoder(model.shape)
        let layout = ParameterLayout.decoder(model.shape, dense: dense ?? model.dense?.shape)
        let buffer = AlignedBuffer<Float>(repeating: 0, count: layout.count)
        if let dense = model.dense {
            dense.weight.load(into: buffer, from: layout[ParameterLayout.denseWeight].offset)
            dense.bias?.load(into: buffer, from: layout[ParameterLayout.denseBias].offset)
        }
        for entry in decoder.entries {
            let own = try file.tensor(entry.name, shape: entry.shape)
            let tensor = try model.replacement(of: entry.name, shape: entry.shape) ?? own
            tensor.load(into: buffer, from: entry.offset)
        }
        try model.checkReplacements(Set(decoder.entries.map(\.name)))
        for adapter in model.adapters {
            for module in adapter.matrices.keys {
                adapter.merge(module, into: layout.operand(module + ".weight", in: buffer))
            }
        }
        if let bad = VectorRows.firstUnusable(buffer, count: buffer.count, dimensions: 1) {
            let name = layout.entries.first { $0.range.contains(bad) }?.name ?? ""
            throw KindredError(
                .invalidData,
                "the tensor \"\(name)\" holds a number that is not finite: the model is damaged; get it again",
                at: .init(path: file.path.string))
        }
        return buffer
    }

    /// The weights as they are written, with the names of transformers' model without a head, or with one where the head is
    /// its own.
    ///
    /// With 8 bits, linear layers have them, and the token embedding where its rows bear it. Other matrices are then
    /// bfloat16, and vectors have 32 bits. What the plan keeps exact is bfloat16 where that loses nothing, else it has
    /// 32 bits.
    static func tensors(
        _ weights: AlignedBuffer<Float>, of shape: DecoderConfiguration, as precision: NumberFormat,
        plan: EightBitPlan = .init()
    ) -> [SafetensorsWriter.Tensor] {
        ParameterLayout.decoder(shape).entries.map { entry in
            func tensor(_ precision: NumberFormat) -> SafetensorsWriter.Tensor {
                .init(
                    name: entry.name.hasPrefix("lm_head") ? entry.name : "model." + entry.name,
                    shape: entry.shape, buffer: weights, offset: entry.offset, precision: precision)
            }
            guard precision == .i8 else { return tensor(precision) }
            guard entry.shape.count == 2 else { return tensor(.f32) }
            if entry.layer.map(plan.exactLayers.contains)
                ?? (plan.hasExactEmbedding && entry.name == embedding)
            {
                let elements = entry.offset..<entry.offset + entry.shape.reduce(1, *)
                return tensor(BrainFloat.isExact(weights, elements) ? .bf16 : .f32)
            }
            let bearsEightBits =
                entry.name.hasSuffix("_proj.weight")
                || entry.name == embedding && SafetensorsWriter.bearsEightBits(tensor(.f32))
            return tensor(bearsEightBits ? .i8 : .bf16)
        }
    }

    private static let embedding = "embed_tokens.weight"

    /// Whether the token embedding is written in 8 bits.
    static func embeddingHasEightBits(_ tensors: [SafetensorsWriter.Tensor]) -> Bool {
        tensors.contains { $0.name.hasSuffix(embedding) && $0.precision == .i8 }
    }

    /// Linear layers that are not written in 8 bits, by the names of their modules.
    static func exactLinearLayers(_ tensors: [SafetensorsWriter.Tensor]) -> [String] {
        let suffix = ".weight"
        return tensors.filter { $0.name.hasSuffix("_proj" + suffix) && $0.precision != .i8 }
            .map { String($0.name.dropLast(suffix.count)) }
    }
}
