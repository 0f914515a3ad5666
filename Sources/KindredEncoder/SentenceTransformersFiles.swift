import Foundation
import KindredSystem
import KindredTensors
import SystemPackage

/// The files by which sentence-transformers gives a model directory's own vectors: `modules.json`, `1_Pooling/config.json`,
/// `sentence_bert_config.json`, `config_sentence_transformers.json`, and the class of the first module
/// (UKPLab/sentence-transformers, SentenceTransformer.py, `_load_sbert_model`).
package enum SentenceTransformersFiles {
    static let prompts = "config_sentence_transformers.json"
    /// The module that runs a decoder as Kindred does; its class is in a file of the directory.
    static let ownModule = "kindred_modules.KindredTransformer"

    /// Writes the files.
    ///
    /// - Parameters:
    ///   - usage: how the model is used.
    ///   - shape: of the model.
    ///   - hasDense: whether the directory has a linear map, `2_Dense`.
    ///   - surrounding: how many tokens the tokenizer puts before and after a text.
    /// - Throws: `cannotCreate`, `inputOutput`.
    package static func write(
        _ usage: EncoderConfiguration, of shape: DecoderConfiguration, hasDense: Bool,
        surrounding: (before: Int, after: Int), to directory: FilePath
    ) throws {
        let own = "sentence_transformers.models."
        var modules = [
            (shape.isEncoder ? own + "Transformer" : ownModule, ""), (own + "Pooling", "1_Pooling"),
        ]
        if hasDense { modules.append((own + "Dense", Dense.directory)) }
        modules.append((own + "Normalize", "\(modules.count)_Normalize"))
        let list = modules.enumerated().map { index, module -> [String: Any] in
            ["idx": index, "name": "\(index)", "path": module.1, "type": module.0]
        }
        let data = try JSONSerialization.data(
            withJSONObject: list, options: [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes])
        let pooling = directory.appending("1_Pooling")
        try AtomicFile.makeDirectory(pooling)
        try JSONFile.write(
            [
                "word_embedding_dimension": shape.hiddenSize,
                "pooling_mode_cls_token": usage.pooling == .beginOfSequence,
                "pooling_mode_mean_tokens": usage.pooling == .mean,
                "pooling_mode_max_tokens": false, "pooling_mode_mean_sqrt_len_tokens": false,
                "pooling_mode_weightedmean_tokens": usage.pooling == .weightedMean,
                "pooling_mode_lasttoken": [.last, .endOfSequence].contains(usage.pooling),
                "include_prompt": usage.poolsInstruction,
            ], to: pooling.appending("config.json"))
        var settings: [String: Any] = ["max_seq_length": usage.maximumTokens, "do_lower_case": false]
        if !shape.isEncoder {
            settings["bidirectional"] = usage.attention == .bidirectional
            settings["surrounding"] = usage.poolsTemplate ? [0, 0] : [surrounding.before, surrounding.after]
            try AtomicFile.replace(directory.appending("kindred_modules.py"), with: Array(moduleSource.utf8))
        }
        try JSONFile.write(settings, to: directory.appending("sentence_bert_config.json"))
        try JSONFile.write(
            [
                "prompts": ["query": usage.prompts.query, "document": usage.prompts.document],
                "default_prompt_name": NSNull(), "similarity_fn_name": "cosine",
            ], to: directory.appending(prompts))
        try AtomicFile.replace(directory.appending(ModuleList.file), with: Array(data) + [0x0A])
    }

    /// Reads the prompts that are put before queries and documents.
    /// - Throws: `invalidData`.
    static func prompts(of directory: FilePath) throws -> EncoderConfiguration.Prompts? {
        let path = directory.appending(prompts)
        guard FileKind(path.string) == .regular else { return nil }
        let json = try JSONFile.object(path)
        guard let all = json["prompts"], !(all is NSNull) else { return nil }
        guard let all = all as? [String: String] else {
            throw KindredError(.invalidData, "\"prompts\" must name texts", at: .init(path: path.string))
        }
        var standard = ""
        if let name = json["default_prompt_name"] as? String {
            guard let prompt = all[name] else {
                throw KindredError(
                    .invalidData,
                    "\"default_prompt_name\" is \"\(name.prefix(40))\", and there is no such prompt",
                    at: .init(path: path.string))
            }
            standard = prompt
        }
        let document = ["document", "passage", "corpus"].lazy.compactMap { all[$0] }.first
        return .init(query: all["query"] ?? standard, document: document ?? standard, standard: standard)
    }

    private static let moduleSource = """
        \"\"\"Runs a decoder with the attention that its encoder was made with, and pools a text's own tokens.\"\"\"

        import torch
        from sentence_transformers.models import Transformer


        class KindredTransformer(Transformer):
            config_keys = [*Transformer.config_keys, "bidirectional", "surrounding"]

            def __init__(self, *args, bidirectional=True, surrounding=(0, 0), **kwargs):
                super().__init__(*args, **kwargs)
                self.bidirectional = bidirectional
                self.surrounding = list(surrounding)
                self.tokenizer.padding_side = "right"
                if self.tokenizer.pad_token is None:
                    self.tokenizer.pad_token = self.tokenizer.eos_token or self.tokenizer.convert_ids_to_tokens(0)

            def forward(self, features, **kwargs):
                ids, mask = features["input_ids"], features["attention_mask"]
                attention = mask
                if self.bidirectional:
                    dtype = self.auto_model.dtype
                    hidden = (mask == 0)[:, None, None, :].expand(-1, 1, mask.shape[1], -1)
                    attention = torch.zeros(hidden.shape, dtype=dtype, device=mask.device)
                    attention = attention.masked_fill(hidden, torch.finfo(dtype).min)
                output = self.auto_model(input_ids=ids, attention_mask=attention)
                before, after = self.surrounding
                places = torch.arange(mask.shape[1], device=mask.device)[None]
                own = (places >= before) & (places < mask.sum(1, keepdim=True) - after)
                # A text without tokens of its own is pooled whole.
                own = torch.where(own.any(1, keepdim=True), own, mask.bool())
                features["token_embeddings"] = output[0]
                features["attention_mask"] = own.to(mask.dtype)
                return features

        """
}
