import Foundation
import KindredEncoder
import KindredSystem
import KindredTensors
import KindredTestSupport
import SystemPackage
import Testing

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
        let model = try ModelFiles("llama")
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
        let model = try ModelFiles("llama")
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
        let model = try ModelFiles("llama")
        try DenseFiles().write(to: model.path.appending("2_Dense"))
        try model.replace(old, by: new, in: "2_Dense/config.json")
        let error = #expect(throws: KindredError.self) { try model.encoder() }
        #expect(error?.code == .invalidData && error?.message.contains(word) == true, "\(error!)")
    }

    @Test func `a bias that the configuration does not ask for is refused`() throws {
        let model = try ModelFiles("llama")
        var files = DenseFiles()
        files.bias = true
        try files.write(to: model.path.appending("2_Dense"))
        try model.replace("\"bias\" : true", by: "\"bias\" : false", in: "2_Dense/config.json")
        let error = #expect(throws: KindredError.self) { try model.encoder() }
        #expect(error?.message.contains("linear.bias") == true)
    }
}
