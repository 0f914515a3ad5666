import Foundation
import KindredEncoder
import KindredSystem
import KindredTensors
import KindredTokenizers
import SystemPackage

/// Writes whole models: a base with its adapters merged in, or weights that were trained.
package enum MergedModel {
    /// Files of a base that a merged model takes over as they are.
    private static let copied = [
        "tokenizer_config.json", "special_tokens_map.json", "generation_config.json",
    ]

    /// How other programs are told of 8-bit weights (vllm-project/compressed-tensors, `QuantizationConfig`).
    ///
    /// - Parameter exact: linear layers that keep floats.
    private static func quantization(embedding: Bool, exact: [String]) -> [String: Any] {
        let weights: [String: Any] = [
            "num_bits": 8, "type": "int", "symmetric": true, "strategy": "channel", "dynamic": false,
        ]
        let activations: [String: Any] = [
            "num_bits": 8, "type": "int", "symmetric": true, "strategy": "token", "dynamic": true,
        ]
        var groups: [String: Any] = [
            "group_0": ["targets": ["Linear"], "weights": weights, "input_activations": activations]
        ]
        if embedding { groups["group_1"] = ["targets": ["Embedding"], "weights": weights] }
        return [
            "quant_method": "compressed-tensors", "format": "int-quantized",
            "quantization_status": "compressed", "config_groups": groups, "ignore": ["lm_head"] + exact,
        ]
    }

    /// Writes a model directory in Hugging Face's layout, with the linear map as its `2_Dense` in 32-bit floats. The weights
    /// come last: a directory without them is no model.
    ///
    /// - Parameters:
    ///   - weights: laid out by `ParameterLayout.decoder` with the linear map.
    ///   - dense: the linear map after pooling; nil: the model's own, if it has one.
    /// - Throws: `invalidRequest` where the directory holds a model already; `cannotCreate`, `inputOutput`.
    package static func write(
        _ weights: AlignedBuffer<Float>, of model: ModelDirectory, usage: EncoderConfiguration,
        dense: Dense.Shape? = nil, as precision: NumberFormat, to directory: FilePath
    ) throws {
        let files = copied.compactMap { name in
            FileManager.default.contents(atPath: model.base.appending(name).string).map {
                (name, [UInt8]($0))
            }
        }
        try write(
            weights, shape: model.shape, dense: dense ?? model.dense?.shape, usage: usage,
            configuration: model.checkpoint.configuration(),
            files: files + [("tokenizer.json", model.checkpoint.tokenizerJSON())], as: precision,
            to: directory)
    }

    /// transformers leaves out the space before texts unless `tokenizer_config.json` asks for it.
    private static func tellPrefixSpace(_ tokenizer: Tokenizer, in directory: FilePath) throws {
        let path = directory.appending("tokenizer_config.json")
        var settings = FileKind(path.string) == .regular ? try JSONFile.object(path) : [:]
        if settings["tokenizer_class"] == nil { settings["tokenizer_class"] = "PreTrainedTokenizerFast" }
        if tokenizer.addsPrefixSpace { settings["add_prefix_space"] = true }
        try JSONFile.write(settings, to: path)
    }

    /// Writes a model directory.
    ///
    /// - Parameters:
    ///   - configuration: what `config.json` holds beside the precision.
    ///   - files: others by their names.
    /// - Throws: `cannotCreate`, `inputOutput`.
    static func write(
        _ weights: AlignedBuffer<Float>, shape: DecoderConfiguration, dense: Dense.Shape?,
        usage: EncoderConfiguration, configuration: [String: Any], files: [(name: String, bytes: [UInt8])],
        as precision: NumberFormat, to directory: FilePath
    ) throws {
        try AtomicFile.makeDirectory(directory)
        for (name, bytes) in files { try AtomicFile.replace(directory.appending(name), with: bytes) }
        var configuration = configuration
        var plan = EightBitPlan()
        if precision == .i8 {
            // The plan is searched for on the model as it stands on disk.
            try write(
                weights, shape: shape, dense: dense, usage: usage, configuration: configuration, files: [],
                as: .f32, to: directory)
            plan = try TextEncoder.eightBitPlan(of: ModelDirectory(directory))
        }
        let tensors = DecoderWeights.tensors(weights, of: shape, as: precision, plan: plan)
        let name = precision == .bf16 ? "bfloat16" : "float32"
        configuration["dtype"] = name
        if configuration["torch_dtype"] != nil { configuration["torch_dtype"] = name }
        configuration["quantization_config"] =
            precision == .i8
            ? quantization(
                embedding: DecoderWeights.embeddingHasEightBits(tensors),
                exact: DecoderWeights.exactLinearLayers(tensors)) : nil
        configuration[EightBitPlan.outlierRatioField] = plan.outlierRatio
        try JSONFile.write(configuration, to: directory.appending("config.json"))
        try JSONFile.write(usage.fields, to: directory.appending("llm2vec_config.json"))
        if let dense {
            try ParameterLayout.decoder(shape, dense: dense).write(
                dense, in: weights, to: directory.appending(Dense.directory))
        }
        let tokenizer = try Tokenizer(path: directory.appending("tokenizer.json"))
        try tellPrefixSpace(tokenizer, in: directory)
        // sentence-transformers has no place for what is put around texts or before a second copy, and would give other vectors without a word.
        if usage.wrapping?.isEmpty ?? true, usage.mode == .plain {
            let template = tokenizer.template
            try SentenceTransformersFiles.write(
                usage, of: shape, hasDense: dense != nil,
                surrounding: (template.prefix.count, template.suffix.count), to: directory)
        }
        try SafetensorsWriter.write(tensors, to: directory.appending("model.safetensors"))
    }
}
