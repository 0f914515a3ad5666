import Foundation
import KindredSystem
import KindredTensors
import KindredTestSupport
import KindredTokenizers
import SystemPackage
import Testing

@testable import KindredEncoder

/// Small models of the families' fixtures as llama.cpp's converter writes them; see Tools/goldens/gguf_goldens.py.
@Suite struct GGUFTests {
    private struct Golden: Decodable {
        let ids: [Int32]
        /// Decoders alone have them.
        let causal: [[Float]]?
        let bidirectional: [[Float]]
    }

    private func path(_ name: String) -> FilePath {
        Fixtures.directory().appending("gguf").appending("\(name).gguf")
    }

    private func goldens(_ family: String) throws -> [Golden] {
        let file = Fixtures.directory().appending("families").appending(family).appending("goldens.json")
        return try JSONDecoder().decode(
            [Golden].self, from: Data(contentsOf: URL(fileURLWithPath: file.string)))
    }

    private func check(_ model: ModelDirectory, _ goldens: [Golden]) throws {
        let decoder = try Decoder(model)
        for causal in [true, false] where !causal || goldens[0].causal != nil {
            let states = decoder.hiddenStates(goldens.map(\.ids), causal: causal)
            let expected = goldens.flatMap { causal ? $0.causal ?? [] : $0.bidirectional }
            var largest: Float = 0
            for (row, values) in expected.enumerated() {
                for (column, value) in values.enumerated() {
                    largest = max(largest, abs(states[row, column] - value))
                }
            }
            #expect(largest < 2e-5, "\(model.path) \(causal)")
        }
    }

    @Test(arguments: [
        ("llama", "llama-linear"), ("gemma2", "gemma2"), ("gpt2", "gpt2"), ("gptneox", "gpt_neox"),
        ("bert", "bert"),
    ])
    func `a GGUF file and the directory that it is imported as give the states of transformers`(
        name: String, family: String
    ) throws {
        let model = try ModelDirectory(path(name))
        let goldens = try goldens(family)
        try check(model, goldens)
        guard case .gguf(let checkpoint) = model.checkpoint else { throw CancellationError() }
        let directory = try TemporaryDirectory()
        let out = directory.path.appending("imported")
        try checkpoint.write(to: out, as: .f32)
        let imported = try ModelDirectory(out)
        try check(imported, goldens)
        let texts = ["the tide is", "a"]
        let (one, other) = (try TextEncoder(model), try TextEncoder(imported))
        let (a, b) = (try one.encode(texts), try other.encode(texts))
        for row in texts.indices { #expect(a.row(row) == b.row(row)) }
    }

    @Test func `the tokenizer of a GGUF file is the one of its directory`() throws {
        let llama = try Checkpoint(path("llama")).tokenizer()
        #expect(llama.template == ([1], []))
        // Merges by score, and bytes for what no token spells.
        let ids = llama.encode("the tide", addSpecialTokens: false)
        #expect(ids.compactMap(llama.token) == ["▁the", "▁tide"])
        #expect(
            llama.encode("cab", addSpecialTokens: false).compactMap(llama.token) == [
                "▁", "<0x63>", "<0x61>", "<0x62>",
            ])
        let gpt2 = try Checkpoint(path("gpt2")).tokenizer()
        #expect(gpt2.template == ([0], []))
        let words = gpt2.encode("the# the", addSpecialTokens: false)
        #expect(words.compactMap(gpt2.token) == ["the", "#", "Ġthe"])
    }

    @Test func `a BERT model's file says how texts are cut and pooled`() throws {
        let model = try ModelDirectory(path("bert"))
        #expect(model.usage.pooling == .mean && model.usage.poolsTemplate)
        #expect(model.usage.attention == .bidirectional)
        let tokenizer = try model.checkpoint.tokenizer()
        #expect(tokenizer.template == ([2], [3]))
        let ids = tokenizer.encode("The TIDES, singing zebra", addSpecialTokens: false)
        #expect(ids.compactMap(tokenizer.token) == ["the", "tide", "##s", ",", "sing", "##ing", "[UNK]"])
    }

    private func bytes(_ name: String) throws -> [UInt8] {
        let file = try MappedFile(path(name))
        return file.bytes(0..<file.count)
    }

    private func refusal(_ bytes: [UInt8]) throws -> KindredError {
        let directory = try TemporaryDirectory()
        let path = try directory.file("model.gguf", bytes)
        let error = try #require(#expect(throws: KindredError.self) { try TextEncoder(directory: path) })
        #expect(error.code == .invalidData && error.location?.path == path.string)
        return error
    }

    @Test func `a GGUF file that is cut short is refused at any length`() throws {
        let all = try bytes("llama")
        for size in [0, 3, 4, 8, 16, 24, 25, 60, 100, 500, 2_000, all.count / 2, all.count - 1] {
            _ = try refusal(Array(all.prefix(size)))
        }
        let short = try refusal(Array(all.prefix(all.count - 100)))
        #expect(short.message.contains("cut short"))
    }

    @Test func `a header that is forged is refused with the byte`() throws {
        let all = try bytes("llama")
        func forged(at byte: Int, _ value: [UInt8]) -> [UInt8] {
            var bytes = all
            bytes.replaceSubrange(byte..<byte + value.count, with: value)
            return bytes
        }
        #expect(try refusal(forged(at: 0, Array("GGML".utf8))).location?.byte == 0)
        #expect(try refusal(forged(at: 4, [1, 0, 0, 0])).message.contains("version 1"))
        #expect(try refusal(forged(at: 4, [0, 0, 0, 3])).message.contains("big-endian"))
        let many = [UInt8](repeating: 0xFF, count: 8)
        #expect(try refusal(forged(at: 8, many)).message.contains("tensors"))
        #expect(try refusal(forged(at: 16, many)).message.contains("keys"))
        // The first key's length.
        #expect(try refusal(forged(at: 24, many)).location?.byte == 24)
        let name = Array("blk.0.attn_q.weight".utf8)
        let place = try #require(all.indices.first { all[$0...].starts(with: name) }) + name.count
        #expect(try refusal(forged(at: place, [9, 0, 0, 0])).message.contains("dimensions"))
        // Two extents of eight bytes, then the type and the offset.
        #expect(try refusal(forged(at: place + 4, many)).message.contains("shape"))
        let type = try refusal(forged(at: place + 20, [16, 0, 0, 0]))
        #expect(type.message.contains("IQ2_XXS") && type.message.contains("Q4_K"))
        #expect(try refusal(forged(at: place + 20, [200, 0, 0, 0])).message.contains("number 200"))
        #expect(try refusal(forged(at: place + 24, many)).message.contains("blk.0.attn_q.weight"))
        #expect(try refusal(forged(at: place + 24, [0, 0, 0, 0, 0, 0, 0, 0])).message.contains("overlap"))
    }

    @Test func `any damage to a GGUF file is an error or a model, never a trap`() throws {
        let directory = try TemporaryDirectory()
        var generator = SeededGenerator(seed: 9)
        for name in ["llama", "gpt2"] {
            let all = try bytes(name)
            let header = min(all.count, 6_000)
            for round in 0..<120 {
                var bytes = all
                for _ in 0..<(1 + round % 4) {
                    bytes[Int.random(in: 0..<header, using: &generator)] = .random(
                        in: 0...255, using: &generator)
                }
                let path = try directory.file("model.gguf", bytes)
                if let encoder = try? TextEncoder(directory: path) { _ = try? encoder.encode(["the tide"]) }
            }
        }
    }

    @Test func `an architecture that is not known is refused with those that are`() throws {
        var all = try bytes("gpt2")
        let name = Array("general.architecture".utf8)
        let place = try #require(all.indices.first { all[$0...].starts(with: name) }) + name.count + 12
        all.replaceSubrange(place..<place + 4, with: Array("mpt2".utf8))
        let error = try refusal(all)
        #expect(error.message.contains("\"mpt2\"") && error.message.contains("llama, mistral"))
    }

    @Test func `weights that are a pickle are refused with how to convert them`() throws {
        let model = try ModelFiles("llama")
        try FileManager.default.moveItem(
            atPath: model.path.appending("model.safetensors").string,
            toPath: model.path.appending("pytorch_model.bin").string)
        let error = try #require(#expect(throws: KindredError.self) { try model.encoder() })
        #expect(error.code == .incompatible && error.message.contains("safe_serialization=True"))
    }

    @Test func `a shard that is missing is named`() throws {
        let model = try ModelFiles("llama")
        try FileManager.default.removeItem(atPath: model.path.appending("model.safetensors").string)
        try model.write(
            "model.safetensors.index.json",
            #"{"weight_map": {"norm.weight": "model-00001-of-00002.safetensors"}}"#)
        let error = try #require(#expect(throws: KindredError.self) { try model.encoder() })
        #expect(
            error.code == .notFound
                && error.location?.path.hasSuffix("model-00001-of-00002.safetensors") == true)
    }
}
