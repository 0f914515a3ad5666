import Foundation
import KindredSystem
import KindredTensors
import SystemPackage

/// A change of a decoder that was trained on it: low-rank products that are added to its linear layers, and tensors that take
/// the place of its own.
///
/// Tensors have the names that peft gives them (src/peft/utils/save_and_load.py): "base_model.model.", the module's path,
/// then "lora_A.weight", "lora_B.weight" or "lora_magnitude_vector".
package struct Adapter: Sendable {
    /// A change of one linear layer: W + scale · B · A; each row is then brought to its magnitude, where there is one.
    package struct LowRank: Sendable {
        /// r × input
        package let a: StoredTensor
        /// output × r
        package let b: StoredTensor
        /// What B · A is multiplied by.
        package let scale: Float
        /// The norms of the rows of the changed matrix (DoRA, Liu et al. 2024, eq. 5); nil: as they come.
        let magnitude: StoredTensor?
        var rank: Int { a.shape[0] }
    }

    package let configuration: AdapterConfiguration
    /// By the module's path in the model without its head: "layers.3.self_attn.q_proj".
    package let matrices: [String: LowRank]
    /// Tensors in place of the base's, by their names in the model without its head: `modules_to_save` and biases.
    package let replacements: [String: StoredTensor]
    /// What the adapter was trained on: a directory or a name.
    package let base: String
    package let directory: FilePath

    static let configurationFile = "adapter_config.json"
    static let weightsFile = "adapter_model.safetensors"

    /// How the names of tensors of a head begin; no vector depends on them.
    static let heads = ["lm_head.", "score.", "classifier."]

    /// What to do about an adapter with something that is not supported.
    static let mergeAdvice =
        "merge it into its base with Python, peft's merge_and_unload(), and give the whole model"

    /// Opens a PEFT directory.
    ///
    /// - Throws: `notFound`; `invalidData` naming what is missing, or the module whose shape does not fit the decoder.
    package init(directory: FilePath, for decoder: DecoderConfiguration) throws {
        self.directory = directory
        let path = directory.appending(Self.configurationFile)
        let configuration = try AdapterConfiguration(path: path)
        base = try JSONFile.object(path)["base_model_name_or_path"] as? String ?? ""
        let file = try Self.weights(of: directory)
        func invalid(_ message: String) -> KindredError {
            KindredError(.invalidData, message, at: .init(path: file.path.string))
        }
        // Which modules are changed is what the tensors say: peft has many ways to choose them.
        var modules: [String: [Part: StoredTensor]] = [:]
        var replacements: [String: StoredTensor] = [:]
        for (name, tensor) in file.tensors {
            switch Self.place(of: name) {
            case .module(let module, let part): modules[module, default: [:]][part] = tensor
            case .replacement(let name): replacements[TensorFile.bareName(name)] = tensor
            case .unsupported:
                throw invalid("the tensor \"\(name.prefix(120))\" is not supported; \(Self.mergeAdvice)")
            }
        }
        let shapes = decoder.linearShapes
        var matrices: [String: LowRank] = [:]
        for (module, parts) in modules.sorted(by: { $0.key < $1.key }) {
            let path = TensorFile.bareName(module)
            guard let (output, input) = shapes[path] else {
                throw invalid("is for another base: the base has no module for \"\(module.prefix(120))\"")
            }
            func matrix(_ part: Part) throws -> StoredTensor {
                guard let tensor = parts[part] else {
                    throw invalid("has no tensor \"\(path).\(part.rawValue).weight\"")
                }
                return tensor
            }
            let (a, b) = (try matrix(.a), try matrix(.b))
            let scaling = try configuration.scaling(of: module, path: directory)
            func check(_ part: Part, _ tensor: StoredTensor, _ shape: [Int]) throws {
                guard tensor.shape != shape else { return }
                throw invalid(
                    "is for another base: \(path) has \(tensor.shape) in \(part.rawValue), and the base wants "
                        + "\(shape); name its own in base_model_name_or_path")
            }
            try check(.a, a, [scaling.rank, input])
            try check(.b, b, [output, scaling.rank])
            guard configuration.usesMagnitudes == (parts[.magnitude] != nil) else {
                throw invalid(
                    "\"use_dora\" is \(configuration.usesMagnitudes), and \(path) has "
                        + "\(parts[.magnitude] == nil ? "no" : "a") magnitude vector")
            }
            if let magnitude = parts[.magnitude] {
                guard magnitude.count == output, magnitude.precision != .i8 else {
                    throw invalid(
                        "\(path) has \(magnitude.shape) magnitudes, and its layer \(output) rows")
                }
            }
            matrices[path] = LowRank(a: a, b: b, scale: scaling.scale, magnitude: parts[.magnitude])
        }
        guard !matrices.isEmpty || !replacements.isEmpty else {
            throw invalid("has no matrices of an adapter")
        }
        self.matrices = matrices
        self.replacements = replacements
        var changed = configuration
        let names = Set(matrices.keys.map { String($0.split(separator: ".").last ?? "") })
        changed.targetModules = AdapterConfiguration.knownModules.filter(names.contains)
        changed.targetModules += names.subtracting(AdapterConfiguration.knownModules).sorted()
        self.configuration = changed
    }

    /// - Throws: `notFound`; `incompatible` for a pickle.
    private static func weights(of directory: FilePath) throws -> TensorFile {
        let path = directory.appending(weightsFile)
        let pickle = directory.appending("adapter_model.bin")
        guard FileKind(path.string) == .missing, FileKind(pickle.string) != .missing else {
            return try TensorFile(path: path)
        }
        throw KindredError(
            .incompatible,
            "holds the adapter as a Python pickle, which Kindred does not read; convert it once with Python: "
                + "safetensors.torch.save_file(torch.load(\"\(pickle)\", weights_only=True), \"\(path)\")",
            at: .init(path: pickle.string))
    }

    /// What a tensor is to its module.
    private enum Part: String {
        case a = "lora_A"
        case b = "lora_B"
        case magnitude = "lora_magnitude_vector"
    }

    private enum Place {
        case module(String, Part)
        case replacement(String)
        case unsupported
    }

    private static func place(of name: String) -> Place {
        let prefix = "base_model.model."
        let path = name.hasPrefix(prefix) ? name.dropFirst(prefix.count) : name[...]
        // peft names the adapter, and what it wrapped, where the model's own state was saved.
        let wrappers: Set<Substring> = ["default", "base_layer", "modules_to_save"]
        let components = path.split(separator: ".").filter { !wrappers.contains($0) }
        guard let index = components.firstIndex(where: { $0.hasPrefix("lora_") }) else {
            return .replacement(components.joined(separator: "."))
        }
        let rest = components[(index + 1)...]
        guard let part = Part(rawValue: String(components[index])),
            rest == ["weight"] || part == .magnitude && rest.isEmpty
        else { return .unsupported }
        return .module(components[..<index].joined(separator: "."), part)
    }

    /// Whether a directory holds an adapter and no whole model.
    package static func isAdapter(_ directory: FilePath) -> Bool {
        FileManager.default.fileExists(atPath: directory.appending(configurationFile).string)
    }

    /// Changes one module's weights, if the adapter does; `weights` is output × input.
    ///
    /// - Parameter module: its path in the model without its head.
    package func merge(_ module: String, into weights: MatrixView) {
        merge(module, rows: 0..<weights.rows, into: weights)
    }

    /// The same for some rows, which `weights` holds.
    func merge(_ module: String, rows: Range<Int>, into weights: MatrixView) {
        guard let change = matrices[module] else { return }
        let scaled = AlignedBuffer<Float>(repeating: 0, count: rows.count * change.rank)
        change.b.load(rows: rows, into: scaled, from: 0)
        for index in 0..<scaled.count { scaled[index] *= change.scale }
        BLAS.multiply(
            MatrixView(scaled, rows: weights.rows, columns: change.rank),
            MatrixView(change.a.floats(), rows: change.rank, columns: weights.columns), into: weights,
            adding: 1)
        guard let magnitudes = change.magnitude?.floats() else { return }
        for (row, place) in rows.enumerated() {
            let start = weights.offset + row * weights.stride
            let elements = start..<start + weights.columns
            var squares = 0.0
            for index in elements {
                let value = Double(weights.buffer[index])
                squares += value * value
            }
            // A row of zeros stays one; peft divides by its norm.
            guard squares > 0 else { continue }
            let factor = Float(Double(magnitudes[place]) / squares.squareRoot())
            for index in elements { weights.buffer[index] *= factor }
        }
    }

    /// Writes a PEFT directory that peft loads onto the model without its head (`AutoModel`).
    ///
    /// - Parameters:
    ///   - values: holds each matrix from its offset on.
    ///   - base: written as `base_model_name_or_path`.
    ///   - precision: 32-bit floats or bfloat16.
    package static func write(
        _ configuration: AdapterConfiguration, base: String,
        matrices: [(module: String, a: (offset: Int, shape: [Int]), b: (offset: Int, shape: [Int]))],
        values: AlignedBuffer<Float>, as precision: NumberFormat = .f32, to directory: FilePath
    ) throws {
        try AtomicFile.makeDirectory(directory)
        var tensors: [SafetensorsWriter.Tensor] = []
        for (module, a, b) in matrices {
            for (part, place) in [(Part.a, a), (Part.b, b)] {
                tensors.append(
                    .init(
                        name: "base_model.model.\(module).\(part.rawValue).weight", shape: place.shape,
                        buffer: values, offset: place.offset, precision: precision))
            }
        }
        try SafetensorsWriter.write(tensors, to: directory.appending(weightsFile))
        try JSONFile.write(configuration.fields(base: base), to: directory.appending(configurationFile))
    }
}

extension DecoderConfiguration {
    /// The path of a linear layer of a Llama: "layers.3.self_attn.q_proj".
    package static func modulePath(layer: Int, name: String) -> String {
        let parent = ["gate_proj", "up_proj", "down_proj"].contains(name) ? "mlp" : "self_attn"
        return "layers.\(layer).\(parent).\(name)"
    }

    /// The linear layers that an adapter may change, by their paths in the model without its head.
    var linearShapes: [String: (output: Int, input: Int)] {
        let names = tensorNames
        let middle = intermediateSize
        var shapes: [String: (output: Int, input: Int)] = [:]
        for layer in 0..<layers {
            func add(_ modules: [String], _ outputs: [Int], _ input: Int) {
                // Modules that are one have the outputs of all.
                let outputs = modules.count == 1 ? [outputs.reduce(0, +)] : outputs
                for (module, output) in zip(modules, outputs) {
                    shapes["\(names.layers)\(layer).\(module)"] = (output, input)
                }
            }
            add(names.queryKeyValue, [queryWidth, keyValueWidth, keyValueWidth], hiddenSize)
            add([names.output], [hiddenSize], queryWidth)
            add(names.gateUp, block.isGated ? [middle, middle] : [middle], hiddenSize)
            add([names.down], [hiddenSize], middle)
        }
        return shapes
    }
}
