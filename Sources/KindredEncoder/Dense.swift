import Foundation
import KindredSystem
import KindredTensors
import SystemPackage

/// The linear map that a text's pooled vector goes through before it is scaled to length 1: y = f(W · x + b)
/// (UKPLab/sentence-transformers, sentence_transformers/models/Dense.py).
///
/// A directory of its own, by convention `2_Dense`, holds `config.json` with "in_features", "out_features", "bias" and
/// "activation_function", and `model.safetensors` with "linear.weight", outputs × inputs, and "linear.bias".
package struct Dense: Sendable {
    package enum Activation: String, Sendable, CaseIterable {
        case identity = "torch.nn.modules.linear.Identity"
        case tanh = "torch.nn.modules.activation.Tanh"
    }

    package struct Shape: Hashable, Sendable {
        package var inputs: Int
        package var outputs: Int
        package var hasBias = false
        package var activation = Activation.identity

        package init(inputs: Int, outputs: Int, hasBias: Bool = false, activation: Activation = .identity) {
            self.inputs = inputs
            self.outputs = outputs
            self.hasBias = hasBias
            self.activation = activation
        }
    }

    package let shape: Shape
    /// outputs × inputs
    package let weight: StoredTensor
    /// outputs; nil without bias
    package let bias: StoredTensor?
    private let weights: AlignedBuffer<Float>
    private let biases: AlignedBuffer<Float>?

    /// Where the map lies in a model's directory by convention.
    package static let directory = "2_Dense"
    private static let weightName = "linear.weight"
    private static let biasName = "linear.bias"

    /// - Parameter inputs: elements of a pooled vector.
    /// - Throws: `notFound`; `invalidData` naming the field that is missing or not supported, or the tensor that does not
    ///   fit it.
    package init(directory: FilePath, inputs: Int) throws {
        let path = directory.appending("config.json")
        let json = try JSONFile.object(path)
        func invalid(_ message: String) -> KindredError {
            KindredError(.invalidData, message, at: .init(path: path.string))
        }
        guard json["in_features"] as? Int == inputs else {
            throw invalid("\"in_features\" must be \(inputs), the hidden size of the model")
        }
        guard let outputs = json["out_features"] as? Int, (1...65_536).contains(outputs) else {
            throw invalid("\"out_features\" must be a whole number from 1 to 65536")
        }
        guard let hasBias = (json["bias"] ?? true) as? Bool else {
            throw invalid("\"bias\" must be true or false")
        }
        // The reference's own default.
        let name = json["activation_function"] as? String ?? Activation.tanh.rawValue
        guard let activation = Activation(rawValue: name) else {
            let known = Activation.allCases.map(\.rawValue).joined(separator: ", ")
            throw invalid("the activation \"\(name.prefix(80))\" is not supported; Kindred has \(known)")
        }
        for key in ["module_input_name", "module_output_name"] {
            if let value = json[key] as? String, value != "sentence_embedding" {
                throw invalid(
                    "\"\(key)\" is \"\(value.prefix(80))\"; Kindred maps the sentence embedding only")
            }
        }
        shape = Shape(inputs: inputs, outputs: outputs, hasBias: hasBias, activation: activation)
        let file = try TensorFile(directory: directory)
        weight = try file.tensor(Self.weightName, shape: [outputs, inputs])
        bias = hasBias ? try file.tensor(Self.biasName, shape: [outputs]) : nil
        let known = [Self.weightName, Self.biasName].prefix(hasBias ? 2 : 1)
        if let extra = file.tensors.keys.sorted().first(where: { !known.contains($0) }) {
            throw KindredError(
                .invalidData, "config.json asks for no tensor \"\(extra.prefix(120))\"",
                at: .init(path: file.path.string))
        }
        weights = weight.floats()
        biases = bias?.floats()
    }

    /// The vectors of pooled ones: rows × inputs → rows × outputs.
    func apply(to pooled: Matrix) -> Matrix {
        let result = Matrix(rows: pooled.rows, columns: shape.outputs)
        guard pooled.rows > 0 else { return result }
        let y = MatrixView(result.elements, rows: result.rows, columns: result.columns)
        BLAS.multiply(
            MatrixView(pooled.elements, rows: pooled.rows, columns: pooled.columns),
            MatrixView(weights, rows: shape.outputs, columns: shape.inputs), transposed: true, into: y)
        if let biases { y.addToRows(MatrixView(biases, rows: 1, columns: shape.outputs)) }
        if shape.activation == .tanh {
            for index in 0..<result.rows * result.columns {
                result.elements[index] = tanhf(result.elements[index])
            }
        }
        return result
    }

    /// Writes a directory that `init(directory:inputs:)` and sentence-transformers read, in 32-bit floats.
    ///
    /// - Parameters:
    ///   - weight: outputs × inputs from its offset on.
    ///   - bias: outputs from its offset on; nil exactly where the shape has none.
    /// - Throws: `cannotCreate`, `inputOutput`.
    package static func write(
        _ shape: Shape, weight: (AlignedBuffer<Float>, offset: Int),
        bias: (AlignedBuffer<Float>, offset: Int)?, to directory: FilePath
    ) throws {
        precondition(shape.hasBias == (bias != nil))
        try AtomicFile.makeDirectory(directory)
        try JSONFile.write(
            [
                "in_features": shape.inputs, "out_features": shape.outputs, "bias": shape.hasBias,
                "activation_function": shape.activation.rawValue,
            ], to: directory.appending("config.json"))
        var tensors = [
            SafetensorsWriter.Tensor(
                name: weightName, shape: [shape.outputs, shape.inputs], buffer: weight.0,
                offset: weight.offset)
        ]
        if let bias {
            tensors.append(
                .init(name: biasName, shape: [shape.outputs], buffer: bias.0, offset: bias.offset))
        }
        try SafetensorsWriter.write(tensors, to: directory.appending("model.safetensors"))
    }
}
