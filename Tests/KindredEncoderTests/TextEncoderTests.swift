import Foundation
import KindredEncoder
import KindredSystem
import KindredTensors
import KindredTestSupport
import SystemPackage
import Testing

private typealias Golden = [String: Any]

private func goldens(_ name: String) throws -> [Golden] {
    let path = Fixtures.directory().appending(name).appending("goldens.json").string
    let json = try JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: path)))
    return try #require(json as? [Golden])
}

private func floats(_ value: Any?) throws -> [Float] { try #require(value as? [Double]).map(Float.init) }

@Suite struct TextEncoderTests {
    static let models = ["llama", "llama-scaled", "mistral", "qwen2", "qwen3"]

    @Test(arguments: models, [(Precision.bfloat16, Float(0.9999)), (.int8, 0.998)])
    func `lower precisions give nearly the vectors of fp32`(
        model: String, lower: (precision: Precision, cosine: Float)
    ) throws {
        let directory = try ModelFiles(model, attention: "bidirectional")
        let texts = ["the tide is high", "a", "bees dance to tell where flowers are, and how far"]
        let reference = try directory.encoder()
        let encoder = try directory.encoder(lower.precision)
        #expect(reference.precision == .float32)
        #expect(encoder.precision == lower.precision)
        #expect(encoder.fingerprint != reference.fingerprint)
        let (expected, found) = (try reference.encode(texts), try encoder.encode(texts))
        for row in texts.indices {
            let cosine = zip(expected.row(row), found.row(row)).reduce(Float(0)) { $0 + $1.0 * $1.1 }
            #expect(cosine >= lower.cosine)
            #expect(expected.row(row) != found.row(row))
        }
    }

    @Test(arguments: models, [EncoderConfiguration.Attention.causal, .bidirectional])
    func `states by layer end with the hidden states`(
        model: String, attention: EncoderConfiguration.Attention
    ) throws {
        let encoder = try ModelFiles(model, attention: attention.rawValue).encoder()
        let tokens: [Int32] = [1, 40, 7, 300, 12]
        let layers = try encoder.statesByLayer(tokens, attention: attention)
        #expect(layers.count == encoder.decoderConfiguration.layers + 2)
        let last = try encoder.hiddenStates([tokens])[0]
        for row in 0..<last.rows { #expect(layers.last?.row(row) == last.row(row)) }
        #expect(throws: KindredError.self) { try encoder.statesByLayer([], attention: attention) }
    }

    @Test func `the first layers of a model are those of the whole`() throws {
        let files = try ModelFiles("llama")
        let tokens: [Int32] = [1, 40, 7]
        let whole = try files.encoder().statesByLayer(tokens, attention: .causal)
        let model = try ModelDirectory(files.path)
        let words = try TextEncoder(model.keeping(layers: 0)).hiddenStates([tokens])[0]
        for row in 0..<3 { #expect(words.row(row) == whole[0].row(row)) }
        let one = try TextEncoder(model.keeping(layers: 1)).statesByLayer(tokens, attention: .causal)
        for row in 0..<3 { #expect(one[1].row(row) == whole[1].row(row)) }
    }

    @Test func `an echoed text stands there twice, and its second copy is pooled`() throws {
        let files = try ModelFiles("llama", maximum: 60)
        let plain = try files.encoder()
        var model = try ModelDirectory(files.path)
        model.usage.mode = .echo
        let echo = try TextEncoder(model)
        let input = echo.input(for: "bees dance")
        let copy = Array(input.tokens[input.ownTokens])
        #expect(copy == plain.input(for: " bees dance").tokens.suffix(copy.count).map { $0 })
        let text = input.tokens.indices.filter { input.tokens[$0...].starts(with: copy) }
        #expect(text.count == 2 && text.last == input.ownTokens.lowerBound && !input.isCut)
        #expect(echo.fingerprint != plain.fingerprint)
        // Under causal attention the second copy knows what comes later in the text.
        #expect(try echo.encode(["a tide"]).row(0) != echo.encode(["a king"]).row(0))
        let long = echo.input(for: String(repeating: "the tide is high ", count: 40))
        #expect(long.isCut && long.tokens.count <= 60 && long.ownTokens.count > 10)
        let usage = model.usage
        try JSONFile.write(usage.fields, to: files.path.appending("llm2vec_config.json"))
        #expect(try ModelDirectory(files.path).usage == usage)
    }

    @Test(arguments: models, ["causal", "bidirectional"])
    func `hidden states are those of transformers`(model: String, attention: String) throws {
        let encoder = try ModelFiles(model, attention: attention).encoder()
        var largest: Float = 0
        for golden in try goldens(model) {
            let ids = try #require(golden["ids"] as? [Int]).map(Int32.init)
            let expected = try #require((golden[attention] as? [String: Any])?["hidden"] as? [[Double]])
            let states = try #require(try encoder.hiddenStates([ids]).first)
            for (row, values) in expected.enumerated() {
                for (column, value) in values.enumerated() {
                    largest = max(largest, abs(states[row, column] - Float(value)))
                }
            }
        }
        #expect(largest < 2e-5)
    }

    @Test(
        arguments: ["causal", "bidirectional"],
        ["mean", "weighted_mean", "last_token", "bos_token", "eos_token"])
    func `pooled unit vectors are those of the reference`(attention: String, pooling: String) throws {
        let directory = try ModelFiles("llama", pooling: pooling, attention: attention)
        let encoder = try TextEncoder(directory: directory.path)
        let goldens = try goldens("llama")
        let texts = try goldens.map { try #require($0["text"] as? String) }
        // All at once: packed sequences must not see each other.
        let vectors = try encoder.encode(texts)
        var largest: Float = 0
        for (row, golden) in goldens.enumerated() {
            let expected = try floats((golden[attention] as? [String: Any])?[pooling])
            for (column, value) in expected.enumerated() {
                largest = max(largest, abs(vectors[row, column] - value))
            }
        }
        #expect(largest < 1e-5)
    }

    @Test func `a vector does not depend on its company or on the number of threads`() throws {
        let encoder = try ModelFiles("llama").encoder()
        let texts = (0..<90).map { "text \($0) " + String(repeating: "and so on ", count: $0 % 7) }
        let together = try encoder.encode(texts, threads: 2)
        let single = try encoder.encode(texts, threads: 1)
        for (row, text) in texts.enumerated() {
            #expect(together.row(row) == single.row(row))
            let alone = try encoder.encode([text]).row(0)
            #expect(zip(alone, together.row(row)).allSatisfy { abs($0 - $1) < 1e-6 })
        }
    }

    @Test func `the instruction is seen but not pooled`() throws {
        let encoder = try ModelFiles("llama", attention: "causal").encoder()
        let plain = try encoder.encode(["The hive"]).row(0)
        let instructed = try encoder.encode(["The hive"], instruction: "Find: ").row(0)
        #expect(zip(plain, instructed).contains { abs($0 - $1) > 1e-3 })
        // Pooling at the first token sees nothing but that token in causal attention.
        let first = try ModelFiles("llama", pooling: "bos_token").encoder()
        #expect(
            try first.encode(["The hive"]).row(0) == first.encode(["The hive"], instruction: "Find: ").row(0))
    }

    @Test func `a text is cut at the maximum length`() throws {
        let encoder = try ModelFiles("llama", maximum: 8).encoder()
        let long = String(repeating: "word ", count: 500)
        #expect(encoder.maximumTokens == 8)
        #expect(try encoder.encode([long]).row(0) == encoder.encode([long + "more"]).row(0))
    }

    @Test func `the fingerprint changes with everything that decides the vectors`() throws {
        let base = try ModelFiles("llama").encoder().fingerprint
        #expect(base == (try ModelFiles("llama").encoder().fingerprint))
        #expect(base.hex.count == 64)
        var others = [
            try ModelFiles("llama", pooling: "last_token").encoder().fingerprint,
            try ModelFiles("llama", attention: "bidirectional").encoder().fingerprint,
            try ModelFiles("llama", maximum: 32).encoder().fingerprint,
            try ModelFiles("mistral").encoder().fingerprint,
        ]
        let changed = try ModelFiles("llama")
        let weights = changed.path.appending("model.safetensors").string
        var bytes = try [UInt8](Data(contentsOf: URL(fileURLWithPath: weights)))
        bytes[bytes.count - 3] ^= 1
        try Data(bytes).write(to: URL(fileURLWithPath: weights))
        others.append(try TextEncoder(directory: changed.path).fingerprint)
        #expect(Set(others + [base]).count == others.count + 1)
    }
}

@Suite struct ModelDirectoryErrorTests {
    private func refusal(_ directory: FilePath) throws -> KindredError {
        try #require(#expect(throws: KindredError.self) { try TextEncoder(directory: directory) })
    }

    @Test func `a directory that is not there is named`() throws {
        let error = try refusal("/nowhere/model")
        #expect(error.code == .notFound)
        #expect(error.description.contains("/nowhere/model"))
    }

    @Test(arguments: ["config.json", "model.safetensors", "tokenizer.json"])
    func `a missing file is named`(file: String) throws {
        let model = try ModelFiles("llama")
        try FileManager.default.removeItem(atPath: model.path.appending(file).string)
        let error = try refusal(model.path)
        #expect(error.code == .notFound)
        #expect(error.description.contains(file))
    }

    @Test(arguments: [
        ("\"hidden_size\": 32", "\"hidden_size\": 64", "shape"),
        ("\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3", "layers.2"),
        ("\"model_type\": \"llama\"", "\"model_type\": \"mamba\"", "mamba"),
        ("\"num_key_value_heads\": 2", "\"num_key_value_heads\": 3", "heads"),
        ("\"num_attention_heads\": 4", "\"num_attention_heads\": -4", "num_attention_heads"),
        ("\"rms_norm_eps\": 1e-05", "\"rms_norm_eps\": -1", "rms_norm_eps"),
        ("\"rope_type\": \"default\"", "\"rope_type\": \"yarn\"", "yarn"),
        ("\"hidden_act\": \"silu\"", "\"hidden_act\": \"mish\"", "mish"),
        ("\"vocab_size\": 800", "\"vocab_size\": 700", "700"),
    ])
    func `a configuration that does not fit is refused by name`(old: String, new: String, word: String) throws
    {
        let model = try ModelFiles("llama")
        try model.replace(old, by: new, in: "config.json")
        let error = try refusal(model.path)
        #expect(error.code == .invalidData)
        #expect(error.message.contains(word), "\(error)")
    }

    @Test func `an unknown pooling is refused with the list of known ones`() throws {
        let model = try ModelFiles("llama", pooling: "max")
        let error = try refusal(model.path)
        #expect(error.message.contains("weighted_mean"))
    }

    @Test func `weights that are cut off or damaged at any length are refused`() throws {
        let model = try ModelFiles("llama")
        let path = model.path.appending("model.safetensors").string
        let whole = try Data(contentsOf: URL(fileURLWithPath: path))
        for count in [0, 7, 8, 100, 2000, whole.count / 2, whole.count - 1] {
            try whole.prefix(count).write(to: URL(fileURLWithPath: path))
            #expect(try refusal(model.path).code == .invalidData)
        }
        var generator = SeededGenerator(seed: 1)
        for _ in 0..<200 {
            var bytes = whole
            bytes[Int.random(in: 0..<2500, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
            try bytes.write(to: URL(fileURLWithPath: path))
            _ = try? TextEncoder(directory: model.path)
        }
    }

    @Test func `weights that give no number are told, not stored`() throws {
        let model = try ModelFiles("llama")
        let path = model.path.appending("model.safetensors").string
        var bytes = try [UInt8](Data(contentsOf: URL(fileURLWithPath: path)))
        for index in stride(from: bytes.count - 40_000, to: bytes.count, by: 1) { bytes[index] = 0xFF }
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        let encoder = try TextEncoder(directory: model.path)
        let error = #expect(throws: KindredError.self) { try encoder.encode(["a text"]) }
        #expect(error?.code == .invalidData)
    }
}
