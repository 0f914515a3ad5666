import Foundation
import KindredEncoder
import KindredSystem
import KindredTensors
import KindredTestSupport
import SystemPackage
import Testing

/// Every file of a model that decides vectors is honoured or refused.
@Suite struct ModelRulesTests {
    private static let text = "bees dance to tell where flowers are"

    private func vector(_ model: ModelFiles, _ text: String = text, instruction: String = "") throws
        -> [Float]
    {
        try model.encoder().encode([text], instruction: instruction).row(0)
    }

    private func refusal(_ model: ModelFiles) throws -> KindredError {
        try #require(#expect(throws: KindredError.self) { try model.encoder() })
    }

    private func isNear(_ a: [Float], _ b: [Float]) -> Bool { zip(a, b).allSatisfy { abs($0 - $1) < 1e-5 } }

    /// The mean of hidden states at some positions, of length 1.
    private func mean(_ model: ModelFiles, _ text: String, _ positions: (Int) -> Range<Int>) throws -> [Float]
    {
        let encoder = try model.encoder()
        let states = try encoder.hiddenStates([encoder.input(for: text).tokens])[0]
        let sum = (0..<states.columns).map { column in
            positions(states.rows).reduce(Float(0)) { $0 + states[$1, column] }
        }
        let length = sum.reduce(0) { $0 + $1 * $1 }.squareRoot()
        return sum.map { $0 / length }
    }

    @Test
    func
        `LLM2Vec's own configuration means attention in both directions, and no configuration what the decoder has`()
        throws
    {
        let (model, both) = (try ModelFiles("llama"), try ModelFiles("llama", attention: "bidirectional"))
        try model.write(
            "llm2vec_config.json",
            #"{"pooling_mode": "mean", "max_length": 64, "doc_max_length": 60, "skip_instruction": true}"#)
        #expect(try vector(model) == vector(both))
        try FileManager.default.removeItem(atPath: model.path.appending("llm2vec_config.json").string)
        #expect(try vector(model) == vector(ModelFiles("llama", attention: "causal")))
    }

    @Test
    func `a document's own limit cuts whole words, and an instruction is pooled where it is not skipped`()
        throws
    {
        let model = try ModelFiles("llama")
        let whole = try model.encoder()
        let short = try vector(model, "a b")
        try model.write(
            "llm2vec_config.json", #"{"attention": "causal", "max_length": 64, "doc_max_length": 3}"#)
        // Six words of six tokens: three of them fit.
        #expect(whole.tokenCount("a b c d e f") == 6)
        #expect(try vector(model, "a b c d e f") == vector(model, "a b c"))
        #expect(try vector(model, "a b") == short)
        #expect(try model.encoder().fingerprint != whole.fingerprint)
        let skipped = try ModelFiles("llama")
        try model.write("llm2vec_config.json", #"{"attention": "causal", "skip_instruction": false}"#)
        #expect(try vector(model, "hive", instruction: "Find: ") == vector(skipped, "Find: hive"))
        try model.write("llm2vec_config.json", #"{"skip_instruction": "no"}"#)
        #expect(try refusal(model).message.contains("skip_instruction"))
    }

    private func sentenceTransformers(_ pooling: String, own: Bool = false) throws -> ModelFiles {
        let model = try ModelFiles("llama")
        if !own {
            try FileManager.default.removeItem(atPath: model.path.appending("llm2vec_config.json").string)
        }
        try FileManager.default.createDirectory(
            atPath: model.path.appending("1_Pooling").string, withIntermediateDirectories: true)
        try model.write("1_Pooling/config.json", pooling)
        try model.write(
            "modules.json",
            #"[{"type": "sentence_transformers.models.Transformer", "path": ""}, {"type": "sentence_transformers.models.Pooling", "path": "1_Pooling"}]"#
        )
        return model
    }

    @Test func `sentence-transformers' pooling is used where there is no other, over all tokens`() throws {
        for (mode, positions) in [
            ("mean_tokens", { 0..<$0 }), ("lasttoken", { $0 - 1..<$0 }), ("cls_token", { _ in 0..<1 }),
        ] as [(String, (Int) -> Range<Int>)] {
            let model = try sentenceTransformers(
                "{\"pooling_mode_\(mode)\": true, \"pooling_mode_max_tokens\": false}")
            #expect(isNear(try vector(model), try mean(model, Self.text, positions)), "\(mode)")
        }
        for (pooling, word) in [
            (#"{"pooling_mode_max_tokens": true}"#, "max_tokens"), ("{}", "pooling"),
            (
                #"{"pooling_mode_mean_tokens": true, "pooling_mode_cls_token": true}"#,
                "cls_token and mean_tokens"
            ),
        ] {
            let error = try refusal(sentenceTransformers(pooling))
            #expect(error.code == .invalidData && error.message.contains(word), "\(error)")
        }
        let last = #"{"pooling_mode_lasttoken": true}"#
        let error = try refusal(sentenceTransformers(last, own: true))
        #expect(error.message.contains("last_token") && error.message.contains("mean"))
        #expect(
            try vector(sentenceTransformers(#"{"pooling_mode_mean_tokens": true}"#, own: true))
                == vector(ModelFiles("llama")))
    }

    @Test func `sentence-transformers' length and prompts are honoured`() throws {
        let model = try sentenceTransformers(#"{"pooling_mode_mean_tokens": true, "include_prompt": false}"#)
        try model.write("sentence_bert_config.json", #"{"max_seq_length": 6, "do_lower_case": false}"#)
        let encoder = try model.encoder()
        #expect(encoder.maximumTokens == 6)
        #expect(encoder.input(for: Self.text).tokens.count == 6 && encoder.input(for: Self.text).isCut)
        #expect(encoder.input(for: "x", instruction: "F: ").ownTokens.lowerBound > 1)
        #expect(encoder.input(for: "x").ownTokens.lowerBound == 0)
        try model.write("sentence_bert_config.json", #"{"do_lower_case": true}"#)
        #expect(try refusal(model).message.contains("do_lower_case"))
    }

    @Test func `a text that is cut keeps what the template puts at its end`() throws {
        let model = try ModelFiles("llama", pooling: "last_token", maximum: 8)
        let sequence = #"{"Sequence":{"id":"A","type_id":0}}]"#
        try model.replace(
            sequence, by: #"{"Sequence":{"id":"A","type_id":0}},{"SpecialToken":{"id":"</s>","type_id":0}}]"#,
            in: "tokenizer.json")
        let encoder = try model.encoder()
        let (long, short) = (encoder.input(for: Self.text + Self.text), encoder.input(for: "x"))
        #expect(long.tokens.count == 8 && long.tokens.first == 0 && long.tokens.last == 1)
        #expect(long.ownTokens == 1..<7 && long.isCut)
        #expect(short.tokens.count == 3 && short.tokens.last == 1 && !short.isCut)
        #expect(
            encoder.fingerprint
                != (try ModelFiles("llama", pooling: "last_token", maximum: 8).encoder().fingerprint))
    }

    @Test func `a sliding window matters where texts are longer`() throws {
        let model = try ModelFiles("mistral", maximum: 16)
        let without = try vector(model)
        try model.replace("\"sliding_window\": null", by: "\"sliding_window\": 16", in: "config.json")
        #expect(try vector(model) == without)
        // The text has nine tokens.
        try model.replace("\"sliding_window\": 16", by: "\"sliding_window\": 3", in: "config.json")
        #expect(try !isNear(vector(model), without))
    }

    @Test func `every tensor of a block is used or refused`() throws {
        let model = try ModelFiles("qwen3")
        try model.replace("\"attention_bias\": false", by: "\"attention_bias\": true", in: "config.json")
        let missing = try refusal(model)
        #expect(missing.message.contains("q_proj.bias"))
        let llama = try ModelFiles("llama-scaled")
        try llama.replace("\"attention_bias\": true", by: "\"attention_bias\": false", in: "config.json")
        let extra = try refusal(llama)
        #expect(extra.code == .invalidData && extra.message.contains("layers.0.self_attn.k_proj.bias"))
        // Blocks that the configuration does not have are left alone, as transformers does.
        let less = try ModelFiles("llama")
        try less.replace("\"num_hidden_layers\": 2", by: "\"num_hidden_layers\": 1", in: "config.json")
        #expect(try less.encoder().decoderConfiguration.layers == 1)
    }

    @Test func `Qwen 3 with biases has one on its output too`() throws {
        let model = try ModelFiles("qwen3")
        try model.replace("\"attention_bias\": false", by: "\"attention_bias\": true", in: "config.json")
        #expect(try DecoderConfiguration(path: model.path.appending("config.json")).hasOutputBias)
        let qwen2 = try ModelFiles("qwen2")
        #expect(try !DecoderConfiguration(path: qwen2.path.appending("config.json")).hasOutputBias)
    }

    @Test func `a tokenizer that cuts texts at their start is refused`() throws {
        let model = try ModelFiles("llama")
        try model.write("tokenizer_config.json", #"{"truncation_side": "left"}"#)
        #expect(try refusal(model).message.contains("truncation_side"))
        try model.write("tokenizer_config.json", #"{"truncation_side": "right", "padding_side": "left"}"#)
        _ = try model.encoder()
    }
}
