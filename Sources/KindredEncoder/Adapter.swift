import Foundation
import KindredSystem
import KindredTensors
import SystemPackage

/// Which linear layers of a decoder an adapter changes, and how: LoRA as peft has it (Hu et al. 2021; peft,
/// src/peft/tuners/lora/config.py).
package struct AdapterConfiguration: Sendable, Hashable {
    /// The linear layers of a block, by their names there.
    package static let knownModules = [
        "q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj",
    ]

    /// What the matrices hold before the first step.
    package enum Initialization: String, Sendable, CaseIterable {
        /// A uniform within ±1/√input, B zero: peft's `true`.
        case kaiming = "true"
        /// A normal with standard deviation 1/r, B zero.
        case gaussian
        /// A uniform within ±1/√input, B within ±1/√r: peft's `false`. The adapter changes the model at once.
        case random = "false"
    }

    /// peft's `init_lora_weights` that leave the base as it is, by their names beside true and false.
    private static let plainInitializations: Set = ["gaussian", "eva", "orthogonal"]

    /// Fields of `adapter_config.json` that are read here, that say which modules have tensors, which the tensors say
    /// themselves, or that no vector depends on. Any other that is set is refused.
    private static let fieldsOfNoEffect: Set = [
        "peft_type", "r", "lora_alpha", "lora_dropout", "init_lora_weights", "use_rslora", "target_modules",
        "exclude_modules", "layers_to_transform", "layers_pattern", "base_model_name_or_path", "auto_mapping",
        "inference_mode", "peft_version", "revision", "task_type", "megatron_core", "qalora_group_size",
        "ensure_weight_tying", "loftq_config", "eva_config", "corda_config", "runtime_config",
    ]

    package var rank: Int
    package var alpha: Double
    package var dropout: Float
    package var targetModules: [String]
    package var initialization: Initialization
    /// α/√r in place of α/r (Kalajdzievski 2023).
    package var rankStabilized: Bool

    package init(
        rank: Int = 16, alpha: Double = 32, dropout: Float = 0.05, targetModules: [String] = knownModules,
        initialization: Initialization = .kaiming, rankStabilized: Bool = false
    ) {
        self.rank = rank
        self.alpha = alpha
        self.dropout = dropout
        self.targetModules = targetModules
        self.initialization = initialization
        self.rankStabilized = rankStabilized
    }

    /// What B·A is multiplied by.
    package var scale: Float {
        Float(rankStabilized ? alpha / Double(rank).squareRoot() : alpha / Double(rank))
    }

    /// - Throws: `notFound`; `invalidData` naming the field that is missing, out of range or not supported.
    package init(path: FilePath) throws {
        let json = try JSONFile.object(path)
        func invalid(_ message: String) -> KindredError {
            KindredError(.invalidData, message, at: .init(path: path.string))
        }
        let kind = json["peft_type"] as? String ?? "none"
        guard kind == "LORA" else {
            throw invalid("the adapter type \"\(kind.prefix(40))\" is not supported; Kindred reads LORA")
        }
        guard let rank = json["r"] as? Int, (1...4096).contains(rank) else {
            throw invalid("\"r\" must be a whole number from 1 to 4096")
        }
        guard let alpha = json["lora_alpha"] as? Double, alpha.isFinite else {
            throw invalid("\"lora_alpha\" must be a number")
        }
        let dropout = json["lora_dropout"] as? Double ?? 0
        guard (0..<1).contains(dropout) else { throw invalid("\"lora_dropout\" must lie in 0..<1") }
        let initialization = json["init_lora_weights"] ?? true
        guard
            initialization is Bool || initialization is NSNull
                || Self.plainInitializations.contains(initialization as? String ?? "")
        else {
            throw invalid(
                "\"init_lora_weights\": \"\("\(initialization)".prefix(40))\" changes the weights of the base, which is not "
                    + "supported; convert the adapter with peft's save_pretrained(path_initial_model_for_weight_conversion)"
            )
        }
        for (field, value) in json where !Self.fieldsOfNoEffect.contains(field) {
            let isSet =
                switch value {
                case is NSNull: false
                case let flag as Bool: flag
                case let list as [Any]: !list.isEmpty
                case let map as [String: Any]: !map.isEmpty
                case let text as String: field == "bias" ? text != "none" : true
                default: true
                }
            if isSet { throw invalid("\"\(field.prefix(60))\" is not supported") }
        }
        self.init(
            rank: rank, alpha: alpha, dropout: Float(dropout),
            targetModules: Self.knownModules, rankStabilized: json["use_rslora"] as? Bool ?? false)
    }

    /// The fields of `adapter_config.json`.
    package func fields(base: String) -> [String: Any] {
        let isKaiming = initialization == .kaiming
        return [
            "peft_type": "LORA", "base_model_name_or_path": base, "task_type": NSNull(), "bias": "none",
            "r": rank, "lora_alpha": alpha, "lora_dropout": Double(dropout), "target_modules": targetModules,
            "use_rslora": rankStabilized, "fan_in_fan_out": false, "inference_mode": true,
            "init_lora_weights": initialization == .gaussian ? "gaussian" as Any : isKaiming as Any,
        ]
    }
}

/// A low-rank change of a decoder's linear layers: W + scale · B · A.
package struct Adapter: Sendable {
    /// A linear layer of one block.
    package struct Module: Hashable, Sendable {
        package let layer: Int
        /// "q_proj"
        package let name: String

        package init(layer: Int, name: String) {
            self.layer = layer
            self.name = name
        }

        /// "layers.3.self_attn.q_proj"
        package var path: String {
            let parent = ["gate_proj", "up_proj", "down_proj"].contains(name) ? "mlp" : "self_attn"
            return "layers.\(layer).\(parent).\(name)"
        }
    }

    package let configuration: AdapterConfiguration
    /// A: r × input, B: output × r
    package let matrices: [Module: (a: StoredTensor, b: StoredTensor)]
    /// What the adapter was trained on: a directory or a name.
    package let base: String
    package let directory: FilePath

    static let configurationFile = "adapter_config.json"
    static let weightsFile = "adapter_model.safetensors"

    /// Opens a PEFT directory.
    ///
    /// - Throws: `notFound`; `invalidData` naming what is missing, or the module whose shape does not fit the decoder.
    package init(directory: FilePath, for decoder: DecoderConfiguration) throws {
        self.directory = directory
        let path = directory.appending(Self.configurationFile)
        let configuration = try AdapterConfiguration(path: path)
        base = try JSONFile.object(path)["base_model_name_or_path"] as? String ?? ""
        let file = try TensorFile(path: directory.appending(Self.weightsFile))
        let location = KindredError.Location(path: file.path.string)
        var found: [String: StoredTensor] = [:]
        for (name, tensor) in file.tensors {
            // The model that peft wrapped may have had a head, or not; the adapter's own name may be in the path.
            var short = name[...]
            for prefix in ["base_model.model.", "model."] where short.hasPrefix(prefix) {
                short = short.dropFirst(prefix.count)
            }
            found[short.replacingOccurrences(of: ".default.weight", with: ".weight")] = tensor
        }
        // Which modules are changed is what the tensors say: peft has many ways to choose them.
        var matrices: [Module: (a: StoredTensor, b: StoredTensor)] = [:]
        for layer in 0..<decoder.layers {
            for name in AdapterConfiguration.knownModules {
                let module = Module(layer: layer, name: name)
                let (output, input) = decoder.shape(of: name)
                func matrix(_ letter: String, _ shape: [Int]) throws -> StoredTensor? {
                    let name = "\(module.path).lora_\(letter).weight"
                    guard let tensor = found.removeValue(forKey: name) else { return nil }
                    guard tensor.shape == shape else {
                        throw KindredError(
                            .invalidData,
                            "is for another base: \(module.path) has \(tensor.shape) in lora_\(letter), and the base "
                                + "wants \(shape); name its own in base_model_name_or_path", at: location)
                    }
                    return tensor
                }
                switch (
                    try matrix("A", [configuration.rank, input]),
                    try matrix("B", [output, configuration.rank])
                ) {
                case (let a?, let b?): matrices[module] = (a, b)
                case (nil, nil): continue
                case (let a, _):
                    throw KindredError(
                        .invalidData, "has no tensor \"\(module.path).lora_\(a == nil ? "A" : "B").weight\"",
                        at: location)
                }
            }
        }
        if let extra = found.keys.sorted().first {
            throw KindredError(
                .invalidData, "is for another base: the base has no module for \"\(extra.prefix(120))\"",
                at: location)
        }
        guard !matrices.isEmpty else {
            throw KindredError(.invalidData, "has no matrices of an adapter", at: location)
        }
        self.matrices = matrices
        var changed = configuration
        changed.targetModules = AdapterConfiguration.knownModules.filter { name in
            matrices.keys.contains { $0.name == name }
        }
        self.configuration = changed
    }

    /// Whether a directory holds an adapter and no whole model.
    package static func isAdapter(_ directory: FilePath) -> Bool {
        FileManager.default.fileExists(atPath: directory.appending(configurationFile).string)
    }

    /// weights += scale · B · A for one module, if the adapter changes it; `weights` is output × input.
    package func merge(_ module: Module, into weights: MatrixView) {
        merge(module, rows: 0..<weights.rows, into: weights)
    }

    /// The same for some rows, which `weights` holds.
    func merge(_ module: Module, rows: Range<Int>, into weights: MatrixView) {
        guard let (a, b) = matrices[module] else { return }
        let scaled = AlignedBuffer<Float>(repeating: 0, count: rows.count * configuration.rank)
        b.load(rows: rows, into: scaled, from: 0)
        for index in 0..<scaled.count { scaled[index] *= configuration.scale }
        BLAS.multiply(
            MatrixView(scaled, rows: weights.rows, columns: configuration.rank),
            MatrixView(a.floats(), rows: configuration.rank, columns: weights.columns), into: weights,
            adding: 1)
    }

    /// Writes a PEFT directory that peft loads onto the model without its head (`AutoModel`).
    ///
    /// - Parameters:
    ///   - values: holds each matrix from its offset on.
    ///   - base: written as `base_model_name_or_path`.
    package static func write(
        _ configuration: AdapterConfiguration, base: String,
        matrices: [(module: Module, a: (offset: Int, shape: [Int]), b: (offset: Int, shape: [Int]))],
        values: AlignedBuffer<Float>, to directory: FilePath
    ) throws {
        try AtomicFile.makeDirectory(directory)
        var tensors: [SafetensorsWriter.Tensor] = []
        for (module, a, b) in matrices {
            for (letter, place) in [("A", a), ("B", b)] {
                tensors.append(
                    .init(
                        name: "base_model.model.\(module.path).lora_\(letter).weight", shape: place.shape,
                        buffer: values, offset: place.offset))
            }
        }
        try SafetensorsWriter.write(tensors, to: directory.appending(weightsFile))
        try JSONFile.write(configuration.fields(base: base), to: directory.appending(configurationFile))
    }
}
