import KindredSystem
import SystemPackage

/// The tensors of a model, in one mapped file or several.
package struct TensorFile: Sendable {
    package let tensors: [String: StoredTensor]
    package let path: FilePath
    /// Text that was kept with the tensors.
    package let metadata: [String: String]

    package init(_ tensors: [String: StoredTensor], path: FilePath, metadata: [String: String] = [:]) {
        self.tensors = tensors
        self.path = path
        self.metadata = metadata
    }

    /// What a model with a head, or one with a part for images, puts before the names of the model without it.
    package static let prefixes = [
        "model.", "", "transformer.", "gpt_neox.", "bert.", "roberta.", "distilbert.",
        "model.language_model.",
        "language_model.model.",
    ]

    /// A tensor's name without what stands before it.
    package static func bareName(_ name: String) -> String {
        let prefix = prefixes.filter { name.hasPrefix($0) }.max { $0.count < $1.count } ?? ""
        return String(name.dropFirst(prefix.count))
    }

    /// The tensor called `name`, with or without one of the prefixes; nil where there is none.
    package func find(_ name: String) -> StoredTensor? {
        Self.prefixes.lazy.compactMap { tensors[$0 + name] }.first
    }

    /// Whether there are weights of 8 bits.
    package var isQuantized: Bool { tensors.values.contains { $0.precision == .i8 } }

    package func contains(_ name: String) -> Bool { find(name) != nil }

    /// The tensor called `name`, with or without one of the prefixes.
    ///
    /// Numbers of 8 bits have the scales of their rows in a tensor called `name` + "_scale", rows × 1
    /// (vllm-project/compressed-tensors, "int-quantized" with the strategy "channel").
    /// - Throws: `invalidData` where it is missing or of another shape.
    package func tensor(_ name: String, shape: [Int]) throws -> StoredTensor {
        guard var tensor = find(name) else {
            throw KindredError(
                .invalidData,
                "has no tensor \"\(name)\" of a type that Kindred reads; the configuration asks for it",
                at: .init(path: path.string))
        }
        guard tensor.shape == shape else {
            throw KindredError(
                .invalidData,
                "the tensor \"\(name)\" has the shape \(tensor.shape), and the configuration asks for \(shape)",
                at: .init(path: path.string))
        }
        guard tensor.precision == .i8 else { return tensor }
        guard shape.count == 2, let scales = tensors[tensor.name + "_scale"], scales.precision != .i8,
            scales.count == shape[0]
        else {
            throw KindredError(
                .invalidData,
                "the tensor \"\(name)\" has 8 bits and no \"\(tensor.name)_scale\" with a number for each row",
                at: .init(path: path.string))
        }
        tensor.rowScales = StoredTensor.RowScales(scales)
        return tensor
    }
}
