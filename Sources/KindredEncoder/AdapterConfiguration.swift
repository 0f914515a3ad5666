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
        "peft_type", "r", "lora_alpha", "lora_dropout", "init_lora_weights", "use_rslora", "rank_pattern",
        "alpha_pattern",
        "use_dora", "target_modules", "exclude_modules", "layers_to_transform", "layers_pattern",
        "modules_to_save",
        "bias", "fan_in_fan_out", "base_model_name_or_path", "auto_mapping", "inference_mode", "peft_version",
        "revision",
        "task_type", "megatron_core", "qalora_group_size", "ensure_weight_tying", "loftq_config",
        "eva_config",
        "corda_config", "runtime_config",
    ]

    package var rank: Int
    package var alpha: Double
    package var dropout: Float
    package var targetModules: [String]
    package var initialization: Initialization
    /// α/√r in place of α/r (Kalajdzievski 2023).
    package var rankStabilized: Bool
    /// Ranks and α of modules that have their own, by regular expressions for the end of a module's path.
    var rankPattern: [String: Int] = [:]
    var alphaPattern: [String: Double] = [:]
    /// Whether rows are brought to magnitudes of their own (DoRA, Liu et al. 2024).
    var usesMagnitudes = false

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

    /// What B·A is multiplied by, for modules without a rank or α of their own.
    package var scale: Float { scale(rank: rank, alpha: alpha) }

    private func scale(rank: Int, alpha: Double) -> Float {
        Float(rankStabilized ? alpha / Double(rank).squareRoot() : alpha / Double(rank))
    }

    /// The rank of one module's matrices and what B·A is multiplied by (peft, `get_pattern_key`).
    ///
    /// - Parameters:
    ///   - module: its whole path, as the adapter's tensors name it.
    ///   - path: what errors name.
    /// - Throws: `invalidData` for a pattern that is no regular expression, or several that contradict each other.
    func scaling(of module: String, path: FilePath) throws -> (rank: Int, scale: Float) {
        func own<Value: Hashable>(_ patterns: [String: Value], _ field: String) throws -> Value? {
            var found: Set<Value> = []
            for (pattern, value) in patterns {
                guard let expression = try? NSRegularExpression(pattern: "^(?:.*\\.)?(?:\(pattern))$") else {
                    throw KindredError(
                        .invalidData,
                        "\"\(field)\" has \"\(pattern.prefix(60))\", which is no regular expression",
                        at: .init(path: path.string))
                }
                let whole = NSRange(module.startIndex..., in: module)
                if expression.firstMatch(in: module, range: whole) != nil { found.insert(value) }
            }
            guard found.count < 2 else {
                throw KindredError(
                    .invalidData,
                    "several patterns of \"\(field)\" match \(module.prefix(120)) and differ; leave one",
                    at: .init(path: path.string))
            }
            return found.first
        }
        let rank = try own(rankPattern, "rank_pattern") ?? rank
        let alpha = try own(alphaPattern, "alpha_pattern") ?? alpha
        return (rank, scale(rank: rank, alpha: alpha))
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
                default: true
                }
            if isSet {
                throw invalid("\"\(field.prefix(60))\" is not supported; \(Adapter.mergeAdvice)")
            }
        }
        self.init(
            rank: rank, alpha: alpha, dropout: Float(dropout),
            targetModules: Self.knownModules, rankStabilized: json["use_rslora"] as? Bool ?? false)
        usesMagnitudes = json["use_dora"] as? Bool ?? false
        let ranks = json["rank_pattern"] ?? NSNull()
        let alphas = json["alpha_pattern"] ?? NSNull()
        guard ranks is NSNull || (ranks as? [String: Int])?.values.allSatisfy((1...4096).contains) == true
        else {
            throw invalid("\"rank_pattern\" must give each pattern a whole number from 1 to 4096")
        }
        guard alphas is NSNull || (alphas as? [String: Double])?.values.allSatisfy(\.isFinite) == true else {
            throw invalid("\"alpha_pattern\" must give each pattern a number")
        }
        rankPattern = ranks as? [String: Int] ?? [:]
        alphaPattern = alphas as? [String: Double] ?? [:]
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
