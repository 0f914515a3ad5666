import Foundation
import KindredSystem
import KindredTensors
import KindredTestSupport
import SystemPackage
import Testing

@testable import KindredEncoder

@Suite struct SentenceTransformersTests {
    @Test(arguments: ["mean", "weighted_mean", "last_token", "bos_token"])
    func `what is written for sentence-transformers says what the model's own file says`(pooling: String)
        throws
    {
        let model = try ModelFiles("llama", pooling: pooling, attention: "bidirectional", maximum: 48)
        let before = try ModelDirectory(model.path)
        let vector = try model.encoder().encode(["the tide is high"]).row(0)
        try SentenceTransformersFiles.write(
            before.usage, of: before.shape, hasDense: false, surrounding: (1, 0), to: model.path)
        // Checked against llm2vec_config.json on the way.
        #expect(try model.encoder().encode(["the tide is high"]).row(0) == vector)
        try FileManager.default.removeItem(atPath: model.path.appending("llm2vec_config.json").string)
        let after = try ModelDirectory(model.path)
        #expect(after.usage.pooling == before.usage.pooling && after.usage.maximumTokens == 48)
        let settings = try JSONFile.object(model.path.appending("sentence_bert_config.json"))
        #expect(settings["bidirectional"] as? Bool == true && settings["surrounding"] as? [Int] == [1, 0])
    }

    @Test func `a directory of the BERT family is used as sentence-transformers uses it`() throws {
        let directory = try TemporaryDirectory()
        let fixture = Fixtures.directory().appending("families").appending("bert")
        for file in ["config.json", "model.safetensors"] {
            try FileManager.default.copyItem(
                atPath: fixture.appending(file).string, toPath: directory.path.appending(file).string)
        }
        let tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "tide", "is", "high", "##s"]
        _ = try directory.file("vocab.txt", Array((tokens.joined(separator: "\n") + "\n").utf8))
        let shape = try DecoderConfiguration(path: directory.path.appending("config.json"))
        var usage = EncoderConfiguration()
        usage.poolsTemplate = true
        usage.attention = .bidirectional
        usage.maximumTokens = 16
        try SentenceTransformersFiles.write(
            usage, of: shape, hasDense: false, surrounding: (1, 1), to: directory.path)
        let encoder = try TextEncoder(directory: directory.path)
        let input = encoder.input(for: "The tides")
        #expect(input.tokens == [2, 5, 6, 9, 3] && input.ownTokens == 0..<5)
        #expect(encoder.configuration.attention == .bidirectional && encoder.maximumTokens == 16)
        let states = try encoder.hiddenStates([input.tokens])[0]
        let mean = (0..<states.columns).map { column in (0..<5).reduce(Float(0)) { $0 + states[$1, column] } }
        let length = mean.reduce(0) { $0 + $1 * $1 }.squareRoot()
        let vector = try encoder.encode(["The tides"]).row(0)
        #expect(zip(vector, mean).allSatisfy { abs($0 - $1 / length) < 1e-5 })
        var causal = try ModelDirectory(directory.path)
        causal.usage.attention = .causal
        let error = #expect(throws: KindredError.self) { try TextEncoder(causal) }
        #expect(error?.code == .incompatible && error?.message.contains("\"bert\"") == true)
    }

    @Test func `prompts are read by their names and change the fingerprint`() throws {
        let model = try ModelFiles("llama")
        let plain = try model.encoder()
        try model.write(
            "config_sentence_transformers.json",
            #"{"prompts": {"query": "q: ", "passage": "p: ", "other": "o: "}, "default_prompt_name": "other"}"#
        )
        let prompted = try model.encoder()
        #expect(prompted.configuration.prompts == .init(query: "q: ", document: "p: ", standard: "o: "))
        #expect(prompted.fingerprint != plain.fingerprint)
        try model.write(
            "config_sentence_transformers.json",
            #"{"prompts": {"query": "q: "}, "default_prompt_name": "none"}"#)
        let error = #expect(throws: KindredError.self) { try model.encoder() }
        #expect(error?.code == .invalidData && error?.message.contains("\"none\"") == true)
    }
}
