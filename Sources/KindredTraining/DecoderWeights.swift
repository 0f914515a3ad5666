import KindredEncoder
import KindredSystem
import KindredTensors
import SystemPackage

/// The weights of a decoder as one buffer, laid out by `ParameterLayout.decoder`.
package enum DecoderWeights {
    /// Reads a model directory's weights, with the adapters that are stacked on it merged in.
    ///
    /// - Throws: `notFound`; `invalidData` naming the tensor that is missing or does not fit `config.json`.
    package static func load(_ model: ModelDirectory) throws -> AlignedBuffer<Float> {
        let file = try SafetensorsFile(directory: model.base)
        let layout = ParameterLayout.decoder(model.shape)
        let buffer = AlignedBuffer<Float>(repeating: 0, count: layout.count)
        for entry in layout.entries {
            try file.tensor(entry.name, shape: entry.shape).load(into: buffer, from: entry.offset)
        }
        for adapter in model.adapters {
            for module in adapter.matrices.keys {
                adapter.merge(module, into: layout.operand(module.path + ".weight", in: buffer))
            }
        }
        return buffer
    }

    /// Writes the weights with the names of transformers' model without a head, or with one where the head is its own.
    package static func write(
        _ weights: AlignedBuffer<Float>, of shape: DecoderConfiguration,
        as precision: LayerKernels.Precision, to path: FilePath
    ) throws {
        try SafetensorsWriter.write(tensors(weights, of: shape), as: precision, to: path)
    }

    /// Whether the token embedding has 8 bits where the linear layers have.
    static func embeddingBearsEightBits(_ weights: AlignedBuffer<Float>, of shape: DecoderConfiguration)
        -> Bool
    {
        tensors(weights, of: shape)
            .contains { $0.name.hasSuffix("embed_tokens.weight") && SafetensorsWriter.bearsEightBits($0) }
    }

    private static func tensors(
        _ weights: AlignedBuffer<Float>, of shape: DecoderConfiguration
    ) -> [SafetensorsWriter.Tensor] {
        ParameterLayout.decoder(shape).entries.map {
            .init(
                name: $0.name.hasPrefix("lm_head") ? $0.name : "model." + $0.name, shape: $0.shape,
                buffer: weights, offset: $0.offset)
        }
    }
}
