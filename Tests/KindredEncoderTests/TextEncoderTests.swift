import Foundation
import KindredEncoder
import KindredSystem
import KindredTensors
import KindredTestSupport
import SystemPackage
import Testing

/// A model directory made of a fixture's weights, the shared tokenizer and a configuration of its own.
private struct ModelDirectory {
    let directory: TemporaryDirectory
    var path: FilePath { directory.path }

    init(_ name: String, pooling: String = "mean", attention: String = "causal", maximum: Int = 64) throws {
        directory = try TemporaryDirectory()
        let fixtures = Fixtures.directory()
        for (file, source) in [
            ("config.json", fixtures.appending(name).appending("config.json")),
            ("model.safetensors", fixtures.appending(name).appending("model.safetensors")),
            ("tokenizer.json", fixtures.appending("tokenizer.json")),
        ] {
            try FileManager.default.copyItem(
                atPath: source.string, toPath: directory.path.appending(file).string)
        }
        try write(
            "llm2vec_config.json",
            "{\"pooling_mode\": \"\(pooling)\", \"attention\": \"\(attention)\", \"max_length\": \(maximum)}")
    }

    func encoder(_ precision: EncodingPrecision? = nil) throws -> TextEncoder {
        try withExtendedLifetime(directory) { try TextEncoder(directory: path, precision: precision) }
    }

    func write(_ file: String, _ text: String) throws {
        try Data(text.utf8).write(to: URL(fileURLWithPath: path.appending(file).string))
    }

    func replace(_ old: String, by new: String, in file: String) throws {
        let text = try String(contentsOfFile: path.appending(file).string, encoding: .utf8)
        precondition(text.contains(old))
        try write(file, text.replacingOccurrences(of: old, with: new))
    }
}

private typealias Golden = [String: Any]

private func goldens(_ name: String) throws -> [Golden] {
    let path = Fixtures.directory().appending(name).appending("goldens.json").string
    let json = try JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: path)))
    return try #require(json as? [Golden])
}

private func floats(_ value: Any?) throws -> [Float] { try #require(value as? [Double]).map(Float.init) }

@Suite struct TextEncoderTests {
    static let models = ["llama", "llama-scaled", "mistral", "qwen2", "qwen3"]

    @Test(arguments: models, [(EncodingPrecision.bfloat16, Float(0.9999)), (.int8, 0.998)])
    func `lower precisions give nearly the vectors of fp32`(
        model: String, lower: (precision: EncodingPrecision, cosine: Float)
    ) throws {
        let directory = try ModelDirectory(model, attention: "bidirectional")
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

    @Test(arguments: models, ["causal", "bidirectional"])
    func `hidden states are those of transformers`(model: String, attention: String) throws {
        let encoder = try ModelDirectory(model, attention: attention).encoder()
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
        let directory = try ModelDirectory("llama", pooling: pooling, attention: attention)
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
        let encoder = try ModelDirectory("llama").encoder()
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
        let encoder = try ModelDirectory("llama", attention: "causal").encoder()
        let plain = try encoder.encode(["The hive"]).row(0)
        let instructed = try encoder.encode(["The hive"], instruction: "Find: ").row(0)
        #expect(zip(plain, instructed).contains { abs($0 - $1) > 1e-3 })
        // Pooling at the first token sees nothing but that token in causal attention.
        let first = try ModelDirectory("llama", pooling: "bos_token").encoder()
        #expect(
            try first.encode(["The hive"]).row(0) == first.encode(["The hive"], instruction: "Find: ").row(0))
    }

    @Test func `a text is cut at the maximum length`() throws {
        let encoder = try ModelDirectory("llama", maximum: 8).encoder()
        let long = String(repeating: "word ", count: 500)
        #expect(encoder.maximumTokens == 8)
        #expect(try encoder.encode([long]).row(0) == encoder.encode([long + "more"]).row(0))
    }

    @Test func `the fingerprint changes with everything that decides the vectors`() throws {
        let base = try ModelDirectory("llama").encoder().fingerprint
        #expect(base == (try ModelDirectory("llama").encoder().fingerprint))
        #expect(base.count == 64)
        var others = [
            try ModelDirectory("llama", pooling: "last_token").encoder().fingerprint,
            try ModelDirectory("llama", attention: "bidirectional").encoder().fingerprint,
            try ModelDirectory("llama", maximum: 32).encoder().fingerprint,
            try ModelDirectory("mistral").encoder().fingerprint,
        ]
        let changed = try ModelDirectory("llama")
        let weights = changed.path.appending("model.safetensors").string
        var bytes = try [UInt8](Data(contentsOf: URL(fileURLWithPath: weights)))
        bytes[bytes.count - 3] ^= 1
        try Data(bytes).write(to: URL(fileURLWithPath: weights))
        others.append(try TextEncoder(directory: changed.path).fingerprint)
        #expect(Set(others + [base]).count == others.count + 1)
    }
}

/// A linear map from 32 elements, as sentence-transformers stores it.
private struct DenseFiles {
    var outputs = 5
    var bias = false
    var activation = "torch.nn.modules.linear.Identity"
    var weight: [Float]
    var biases: [Float] = [0.5, -0.25, 0, 1, 2]

    init() { weight = (0..<160).map { Float(($0 * 37) % 23 - 11) / 20 } }

    func write(to directory: FilePath) throws {
        let shape = Dense.Shape(inputs: 32, outputs: outputs, hasBias: bias)
        try Dense.write(
            shape, weight: (AlignedBuffer(weight), 0), bias: bias ? (AlignedBuffer(biases), 0) : nil,
            to: directory)
        let path = directory.appending("config.json")
        let text = try String(contentsOfFile: path.string, encoding: .utf8)
        try Data(text.replacing("torch.nn.modules.linear.Identity", with: activation).utf8)
            .write(to: URL(fileURLWithPath: path.string))
    }

    /// f(W · x + b) of length 1.
    func expected(_ pooled: [Float]) -> [Float] {
        var vector = (0..<outputs).map { row in
            (0..<32).reduce(bias ? biases[row] : 0) { $0 + weight[row * 32 + $1] * pooled[$1] }
        }
        if activation.hasSuffix("Tanh") { vector = vector.map { tanh($0) } }
        let length = vector.reduce(0) { $0 + $1 * $1 }.squareRoot()
        return vector.map { $0 / length }
    }
}

@Suite struct DenseTests {
    /// The mean of a text's last hidden states after the first token.
    private func pooled(_ text: String, _ encoder: TextEncoder) throws -> [Float] {
        let states = try #require(try encoder.hiddenStates([encoder.input(for: text).tokens]).first)
        return (0..<32).map { column in
            (1..<states.rows).reduce(Float(0)) { $0 + states[$1, column] } / Float(states.rows - 1)
        }
    }

    @Test(
        arguments: [false, true], ["torch.nn.modules.linear.Identity", "torch.nn.modules.activation.Tanh"])
    func `a vector is the pooled one through the map, at length 1`(bias: Bool, activation: String) throws {
        let model = try ModelDirectory("llama")
        let plain = try model.encoder()
        var files = DenseFiles()
        (files.bias, files.activation) = (bias, activation)
        try files.write(to: model.path.appending("2_Dense"))
        let encoder = try model.encoder()
        #expect(encoder.dimensions == 5 && encoder.hiddenSize == 32)
        #expect(encoder.fingerprint != plain.fingerprint)
        let texts = ["the tide is high", "bees dance to tell where flowers are"]
        let vectors = try encoder.encode(texts)
        for (row, text) in texts.enumerated() {
            let expected = files.expected(try pooled(text, plain))
            #expect(zip(vectors.row(row), expected).allSatisfy { abs($0 - $1) < 1e-5 })
            #expect(try encoder.hiddenStates([[0, 5]])[0].columns == 32)
        }
    }

    @Test func `modules_json says whether there is a map, and where`() throws {
        func modules(_ names: [(String, String)]) -> String {
            let list = names.map { "{\"type\": \"sentence_transformers.models.\($0)\", \"path\": \"\($1)\"}" }
            return "[\(list.joined(separator: ", "))]"
        }
        let model = try ModelDirectory("llama")
        let plain = try model.encoder().fingerprint
        let start = [("Transformer", ""), ("Pooling", "1_Pooling")]
        try DenseFiles().write(to: model.path.appending("map"))
        try DenseFiles().write(to: model.path.appending("2_Dense"))
        try model.write("modules.json", modules(start + [("Normalize", "2_Normalize")]))
        #expect(try model.encoder().fingerprint == plain)
        try model.write("modules.json", modules(start + [("Dense", "map"), ("Normalize", "3_Normalize")]))
        #expect(try model.encoder().dimensions == 5)
        for (list, word) in [
            (start + [("Dense", "map"), ("Dense", "2_Dense")], "Dense, Dense"),
            (start + [("Normalize", ""), ("Dense", "map")], "Normalize, Dense"),
            ([("Transformer", ""), ("Dense", "map")], "Transformer, Dense"),
            (start + [("LSTM", "2_LSTM")], "LSTM"), (start + [("Dense", "../map")], "outside"),
            ([("Transformer", "0_Transformer"), ("Pooling", "")], "0_Transformer"),
        ] {
            try model.write("modules.json", modules(list))
            let error = #expect(throws: KindredError.self) { try model.encoder() }
            #expect(error?.code == .invalidData && error?.message.contains(word) == true, "\(error!)")
        }
        try model.write("modules.json", "{}")
        #expect(#expect(throws: KindredError.self) { try model.encoder() }?.code == .invalidData)
    }

    @Test(arguments: [
        ("\"in_features\" : 32", "\"in_features\" : 31", "in_features"),
        ("\"out_features\" : 5", "\"out_features\" : 6", "linear.weight"),
        ("\"out_features\" : 5", "\"out_features\" : 0", "out_features"),
        ("\"bias\" : false", "\"bias\" : true", "linear.bias"),
        ("linear.Identity", "activation.GELU", "GELU"),
        ("\"bias\"", "\"module_input_name\": \"token_embeddings\", \"bias\"", "token_embeddings"),
    ])
    func `a map that does not fit is refused by name`(old: String, new: String, word: String) throws {
        let model = try ModelDirectory("llama")
        try DenseFiles().write(to: model.path.appending("2_Dense"))
        try model.replace(old, by: new, in: "2_Dense/config.json")
        let error = #expect(throws: KindredError.self) { try model.encoder() }
        #expect(error?.code == .invalidData && error?.message.contains(word) == true, "\(error!)")
    }

    @Test func `a bias that the configuration does not ask for is refused`() throws {
        let model = try ModelDirectory("llama")
        var files = DenseFiles()
        files.bias = true
        try files.write(to: model.path.appending("2_Dense"))
        try model.replace("\"bias\" : true", by: "\"bias\" : false", in: "2_Dense/config.json")
        let error = #expect(throws: KindredError.self) { try model.encoder() }
        #expect(error?.message.contains("linear.bias") == true)
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
        let model = try ModelDirectory("llama")
        try FileManager.default.removeItem(atPath: model.path.appending(file).string)
        let error = try refusal(model.path)
        #expect(error.code == .notFound)
        #expect(error.description.contains(file))
    }

    @Test(arguments: [
        ("\"hidden_size\": 32", "\"hidden_size\": 64", "shape"),
        ("\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3", "layers.2"),
        ("\"model_type\": \"llama\"", "\"model_type\": \"bert\"", "bert"),
        ("\"num_key_value_heads\": 2", "\"num_key_value_heads\": 3", "heads"),
        ("\"num_attention_heads\": 4", "\"num_attention_heads\": -4", "num_attention_heads"),
        ("\"rms_norm_eps\": 1e-05", "\"rms_norm_eps\": -1", "rms_norm_eps"),
        ("\"rope_type\": \"default\"", "\"rope_type\": \"yarn\"", "yarn"),
        ("\"hidden_act\": \"silu\"", "\"hidden_act\": \"gelu\"", "gelu"),
        ("\"vocab_size\": 800", "\"vocab_size\": 700", "700"),
    ])
    func `a configuration that does not fit is refused by name`(old: String, new: String, word: String) throws
    {
        let model = try ModelDirectory("llama")
        try model.replace(old, by: new, in: "config.json")
        let error = try refusal(model.path)
        #expect(error.code == .invalidData)
        #expect(error.message.contains(word), "\(error)")
    }

    @Test func `an unknown pooling is refused with the list of known ones`() throws {
        let model = try ModelDirectory("llama", pooling: "max")
        let error = try refusal(model.path)
        #expect(error.message.contains("weighted_mean"))
    }

    @Test func `weights that are cut off or damaged at any length are refused`() throws {
        let model = try ModelDirectory("llama")
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
        let model = try ModelDirectory("llama")
        let path = model.path.appending("model.safetensors").string
        var bytes = try [UInt8](Data(contentsOf: URL(fileURLWithPath: path)))
        for index in stride(from: bytes.count - 40_000, to: bytes.count, by: 1) { bytes[index] = 0xFF }
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        let encoder = try TextEncoder(directory: model.path)
        let error = #expect(throws: KindredError.self) { try encoder.encode(["a text"]) }
        #expect(error?.code == .invalidData)
    }
}
