import Foundation
import KindredSystem
import KindredTensors
import KindredTestSupport
import SystemPackage
import Testing

@testable import KindredEncoder

/// What LLM2Vec puts around texts for chat models (llm2vec.py, `prepare_for_tokenization` and `tokenize`).
@Suite struct ChatWrappingTests {
    private static let lead = "tide of "

    /// A model whose base is called so.
    private func model(_ name: String, settings: String = "{\"pooling_mode\": \"mean\"}") throws -> ModelFiles
    {
        let files = try ModelFiles("llama")
        try files.write("llm2vec_config.json", settings)
        var configuration = try JSONFile.object(files.path.appending("config.json"))
        configuration["_name_or_path"] = name
        try JSONFile.write(configuration, to: files.path.appending("config.json"))
        return files
    }

    @Test func `a published chat model's texts are wrapped, and what stands before the text is not pooled`()
        throws
    {
        let files = try model("mistralai/Mistral-7B-Instruct-v0.2")
        let encoder = try files.encoder()
        let plain = try model("another").encoder()
        for instruction in ["", Self.lead] {
            let whole = plain.input(for: "[INST] \(instruction)bees dance [/INST]")
            let pooled = plain.input(for: "bees dance [/INST]").ownTokens.count
            let found = encoder.input(for: "bees dance \n", instruction: instruction)
            #expect(found.tokens == whole.tokens)
            #expect(found.ownTokens == whole.ownTokens.upperBound - pooled..<whole.ownTokens.upperBound)
        }
        #expect(try encoder.encode(["bees"]).row(0) != plain.encode(["bees"]).row(0))
        #expect(encoder.fingerprint != plain.fingerprint)
    }

    @Test func `a wrapping that the directory names goes before a published one, and is kept`() throws {
        let settings = "{\"wrapping\": {\"before\": \"the \", \"after\": \"\"}}"
        let files = try model("Qwen/Qwen2-7B-Instruct", settings: settings)
        let usage = try ModelDirectory(files.path).usage
        #expect(usage.wrapping == ChatWrapping(before: "the "))
        try JSONFile.write(usage.fields, to: files.path.appending("llm2vec_config.json"))
        #expect(try ModelDirectory(files.path).usage == usage)
        let bad = try model("another", settings: "{\"wrapping\": {\"around\": \"x\"}}")
        let error = #expect(throws: KindredError.self) { try ModelDirectory(bad.path) }
        #expect(error?.message.contains("wrapping") == true)
    }
}
