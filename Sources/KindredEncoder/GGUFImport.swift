import Foundation
import KindredSystem
import KindredTensors
import KindredTokenizers
import SystemPackage

extension GGUFCheckpoint {
    /// Writes the model as a directory in Hugging Face's layout, used as it is here: `config.json`, `tokenizer.json`,
    /// `tokenizer_config.json`, `llm2vec_config.json`, the files of sentence-transformers, and `model.safetensors`, which
    /// comes last: a directory without it is no model.
    ///
    /// - Parameter precision: 32-bit floats or bfloat16.
    /// - Throws: `invalidData`, `cannotCreate`, `inputOutput`.
    package func write(to directory: FilePath, as precision: NumberFormat) throws {
        let shape = try DecoderConfiguration(configuration, path: path)
        let weights = try weights(shape)
        try AtomicFile.makeDirectory(directory)
        var configuration = configuration
        configuration["dtype"] = precision == .bf16 ? "bfloat16" : "float32"
        configuration["architectures"] = [shape.family.architecture]
        try JSONFile.write(configuration, to: directory.appending("config.json"))
        try AtomicFile.replace(directory.appending("tokenizer.json"), with: tokenizerJSON())
        var settings: [String: Any] = ["tokenizer_class": "PreTrainedTokenizerFast"]
        for name in ["bos", "eos"] {
            guard let id = file.integer("tokenizer.ggml.\(name)_token_id"),
                let tokens = file.array("tokenizer.ggml.tokens"), tokens.indices.contains(id),
                let token = tokens[id].bytes
            else { continue }
            settings["\(name)_token"] = String(decoding: token, as: UTF8.self)
        }
        try JSONFile.write(settings, to: directory.appending("tokenizer_config.json"))
        var usage = try usage() ?? EncoderConfiguration()
        usage.attention = shape.isBidirectional ? .bidirectional : .causal
        let template = try Tokenizer(json: tokenizerJSON(), path: path).template
        try SentenceTransformersFiles.write(
            usage, of: shape, hasDense: false, surrounding: (template.prefix.count, template.suffix.count),
            to: directory)
        try JSONFile.write(usage.fields, to: directory.appending(EncoderConfiguration.file))
        let names = shape.tensorNames
        let tensors = weights.tensors.values.map { tensor in
            let isEmbedding = tensor.name == names.embedding || tensor.name.hasPrefix("lm_head")
            let name = tensor.name.hasPrefix("lm_head") ? tensor.name : shape.family.prefix + tensor.name
            let layout = isEmbedding ? .linear : Self.layout(of: tensor.name, names)
            return SafetensorsWriter.Tensor(
                name: name, shape: layout == .transposed ? tensor.shape.reversed() : tensor.shape,
                precision: precision
            ) { Self.stored(tensor, layout, shape) }
        }
        try SafetensorsWriter.write(tensors, to: directory.appending("model.safetensors"))
    }

    /// How transformers stores a tensor that lies here as a linear layer does.
    private static func layout(of name: String, _ names: TensorNames) -> TensorNames.Layout {
        func isOne(of modules: [String]) -> Bool {
            modules.contains { name.hasSuffix(".\($0).weight") || name.hasSuffix(".\($0).bias") }
        }
        if isOne(of: names.queryKeyValue) { return names.queryKeyValueLayout ?? names.layout }
        guard isOne(of: [names.output, names.down] + names.gateUp), name.hasSuffix(".weight") else {
            return .linear
        }
        return names.layout
    }

    private static func stored(
        _ tensor: StoredTensor, _ layout: TensorNames.Layout, _ shape: DecoderConfiguration
    ) -> AlignedBuffer<Float> {
        let floats = tensor.floats()
        let (rows, columns) = (tensor.shape[0], tensor.shape.count == 2 ? tensor.shape[1] : 1)
        let result = AlignedBuffer<Float>(repeating: 0, count: floats.count)
        switch layout {
        case .linear: return floats
        case .transposed:
            guard tensor.shape.count == 2 else { return floats }
            MatrixView(result, rows: columns, columns: rows).addTransposed(
                MatrixView(floats, rows: rows, columns: columns))
        case .byHead:
            let (heads, size) = (shape.attentionHeads, shape.headDimension * columns)
            for head in 0..<heads {
                for part in 0..<3 {
                    let start = (part * heads + head) * size
                    result.copy(floats, from: start..<start + size, at: (head * 3 + part) * size)
                }
            }
        }
        return result
    }
}

extension DecoderConfiguration.Family {
    /// transformers' class of the model with its head.
    fileprivate var architecture: String {
        switch self {
        case .llama: "LlamaForCausalLM"
        case .mistral: "MistralForCausalLM"
        case .qwen2: "Qwen2ForCausalLM"
        case .qwen3: "Qwen3ForCausalLM"
        case .smollm3: "SmolLM3ForCausalLM"
        case .gemma: "GemmaForCausalLM"
        case .gemma2: "Gemma2ForCausalLM"
        case .gemma3: "Gemma3ForCausalLM"
        case .phi3: "Phi3ForCausalLM"
        case .gpt2: "GPT2LMHeadModel"
        case .gptNeoX: "GPTNeoXForCausalLM"
        case .bert: "BertModel"
        case .roberta: "RobertaModel"
        case .xlmRoberta: "XLMRobertaModel"
        case .distilBERT: "DistilBertModel"
        }
    }

    /// What a model with its head puts before the names of the model without it.
    fileprivate var prefix: String {
        switch self {
        case .gpt2: "transformer."
        case .gptNeoX: "gpt_neox."
        case .bert, .roberta, .xlmRoberta, .distilBERT: ""
        default: "model."
        }
    }
}
