import Foundation
import KindredEncoder
import KindredSystem
import KindredTensors
import KindredTestSupport
import SystemPackage
import Testing

@testable import KindredTraining

@Suite struct CutModelTests {
    private static let texts = [
        "The queen of the hive", "bees dance to tell where flowers are, and how far", "12 x",
    ]

    @Test func `texts that a vocabulary was cut to have the same vectors`() throws {
        let tiny = try TinyRun()
        var cut = try CutModel(tiny.model)
        for text in Self.texts { cut.take(text) }
        let out = tiny.directory.path.appending("cut")
        let report = try cut.write(layers: tiny.model.shape.layers, minimumUses: 1, as: .f32, to: out)
        #expect(report.keptTextTokens == report.textTokens && report.textTokens > 20)
        let small = try ModelDirectory(out)
        #expect(
            small.shape.vocabularySize == report.tokens && report.tokens < tiny.model.shape.vocabularySize)
        let (before, after) = (
            try TextEncoder(tiny.model).encode(Self.texts), try TextEncoder(small).encode(Self.texts)
        )
        for row in Self.texts.indices { #expect(before.row(row) == after.row(row)) }
        // The end token is pooled by its new number.
        #expect(try #require(small.shape.endToken) == 1)
        let rare = try cut.write(
            layers: 1, minimumUses: 2, as: .f32, to: tiny.directory.path.appending("rare"))
        #expect(rare.tokens < report.tokens && rare.keptTextTokens < rare.textTokens)
    }

    @Test func `the first layers are those of the whole model, with its map and its adapters merged in`()
        throws
    {
        let tiny = try TinyRun(sentences: true)
        try Dense.write(
            .init(inputs: 32, outputs: 5), weight: (AlignedBuffer((0..<160).map(Float.init)), 0), bias: nil,
            to: tiny.model.path.appending(Dense.directory))
        let adapted = try ModelDirectory(
            #require(tiny.train("run", on: ModelDirectory(tiny.model.path)).result))
        let out = tiny.directory.path.appending("cut")
        _ = try CutModel(adapted).write(layers: 1, minimumUses: nil, as: .f32, to: out)
        let small = try ModelDirectory(out)
        #expect(small.shape.layers == 1 && small.adapters.isEmpty && small.dimensions == 5)
        #expect(small.usage == adapted.usage)
        let (whole, part) = (try DecoderWeights.load(adapted), try DecoderWeights.load(small))
        let from = ParameterLayout.decoder(adapted.shape, dense: adapted.dense?.shape)
        for entry in ParameterLayout.decoder(small.shape, dense: small.dense?.shape).entries {
            #expect(part.array(entry.range) == whole.array(from[entry.name].range), "\(entry.name)")
        }
        let file = try TensorFile(directory: out)
        #expect(!file.tensors.keys.contains { $0.contains("layers.1.") })
        for layers in [0, 3] {
            let error = #expect(throws: KindredError.self) {
                try CutModel(adapted).write(layers: layers, minimumUses: nil, as: .f32, to: out)
            }
            #expect(error?.code == .invalidRequest && error?.message.contains("2 layers") == true)
        }
    }

    @Test func `ids in the model's configuration follow the tokens`() throws {
        let tiny = try TinyRun()
        let path = tiny.model.path.appending("config.json")
        var configuration = try JSONFile.object(path)
        configuration["bos_token_id"] = 40
        configuration["eos_token_id"] = [700, 1]
        configuration["pad_token_id"] = NSNull()
        configuration["layer_types"] = ["full_attention", "full_attention"]
        try JSONFile.write(configuration, to: path)
        try JSONFile.write(
            [
                "added_tokens_decoder": ["0": ["content": "<s>"], "1": ["content": "</s>"]],
                "model_max_length": 9,
            ],
            to: tiny.model.path.appending("tokenizer_config.json"))
        let out = tiny.directory.path.appending("cut")
        _ = try CutModel(ModelDirectory(tiny.model.path)).write(layers: 1, minimumUses: 1, as: .f32, to: out)
        let (before, after) = (configuration, try JSONFile.object(out.appending("config.json")))
        #expect(after["layer_types"] as? [String] == ["full_attention"])
        #expect(after["hidden_size"] as? Int == before["hidden_size"] as? Int)
        let old = try TextEncoder(ModelDirectory(tiny.model.path))
        let small = try TextEncoder(ModelDirectory(out))
        let ends = try #require(after["eos_token_id"] as? [Int])
        #expect(ends.count == 2 && ends[1] == 1 && ends[0] < 700)
        #expect(
            small.decoderConfiguration.endToken == Int32(ends[0]) && old.decoderConfiguration.endToken == 700)
        let tokens = try JSONFile.object(out.appending("tokenizer_config.json"))
        #expect((tokens["added_tokens_decoder"] as? [String: Any])?.keys.sorted() == ["0", "1"])
        #expect(tokens["model_max_length"] as? Int == 9)
    }
}
