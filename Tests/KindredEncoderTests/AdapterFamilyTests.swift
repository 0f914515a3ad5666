import Foundation
import KindredSystem
import KindredTensors
import KindredTestSupport
import SystemPackage
import Testing

@testable import KindredEncoder

/// Hidden states of adapters on each family against those of peft; see Tools/goldens/adapters_goldens.py.
@Suite struct AdapterFamilyTests {
    private struct Golden: Decodable {
        let ids: [Int32]
        let causal: [[Float]]?
        let bidirectional: [[Float]]
    }

    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func path(_ name: String) -> FilePath {
        Fixtures.directory().appending("adapters").appending(name)
    }

    @Test(
        arguments: ["patterns", "dora", "fused", "transposed", "by-head", "saved", "encoder", "stacked"],
        [true, false])
    func `hidden states with an adapter are those of peft`(name: String, keepsStored: Bool) throws {
        let model = try ModelDirectory(path(name))
        let decoder = try Decoder(model, keepsStored: keepsStored)
        let file = URL(fileURLWithPath: path(name).appending("goldens.json").string)
        for golden in try JSONDecoder().decode([Golden].self, from: Data(contentsOf: file)) {
            for (causal, expected) in [(true, golden.causal), (false, golden.bidirectional)] {
                guard let expected else { continue }
                let states = decoder.hiddenStates([golden.ids], causal: causal)
                for (row, values) in expected.enumerated() {
                    for (column, value) in values.enumerated() {
                        #expect(
                            abs(states[row, column] - value) < 4e-5 * max(1, abs(value)), "\(row) \(column)")
                    }
                }
            }
        }
    }

    /// A copy of an adapter with other fields.
    private func adapter(_ name: String, _ fields: [String: Any]) throws -> FilePath {
        let copy = directory.path.appending(name)
        try? FileManager.default.removeItem(atPath: copy.string)
        try FileManager.default.copyItem(atPath: path(name).string, toPath: copy.string)
        let file = copy.appending("adapter_config.json")
        var json = try JSONFile.object(file)
        let base = try #require(json["base_model_name_or_path"] as? String)
        json["base_model_name_or_path"] = path(name).pushing(FilePath(base)).string
        try JSONFile.write(json.merging(fields) { $1 }, to: file)
        return copy
    }

    /// What is said when a model is opened down to its tensors.
    private func message(_ path: FilePath) -> String {
        let error = #expect(throws: KindredError.self) { _ = try Decoder(ModelDirectory(path)) }
        return error?.message ?? ""
    }

    @Test func `a rank, a magnitude or a pattern that does not fit the tensors is refused by name`() throws {
        #expect(try message(adapter("patterns", ["rank_pattern": ["down_proj": 2]])).contains("down_proj"))
        #expect(try message(adapter("dora", ["use_dora": false])).contains("use_dora"))
        #expect(try message(adapter("fused", ["use_dora": true])).contains("use_dora"))
        #expect(try message(adapter("fused", ["rank_pattern": ["(": 2]])).contains("rank_pattern"))
        #expect(try message(adapter("fused", ["rank_pattern": ["o_proj": 0]])).contains("rank_pattern"))
        let both = ["o_proj": 2.0, "self_attn.o_proj": 3]
        #expect(try message(adapter("fused", ["alpha_pattern": both])).contains("alpha_pattern"))
    }

    @Test func `a saved tensor that the base does not have is refused by name`() throws {
        let copy = try adapter("dora", [:])
        let buffer = AlignedBuffer<Float>(repeating: 1, count: 16)
        let file = copy.appending("adapter_model.safetensors")
        for (name, shape, expected) in [
            ("norm.weight", [8], "norm.weight"), ("scorer.weight", [16], "scorer.weight"),
            ("embed_tokens.lora_embedding_A", [1, 16], "lora_embedding_A"),
            ("layers.0.self_attn.q_proj.lora_B.bias", [16], "lora_B.bias"),
        ] {
            try SafetensorsWriter.write(
                [.init(name: "base_model.model." + name, shape: shape, buffer: buffer, offset: 0)], to: file)
            #expect(message(copy).contains(expected), "\(name)")
        }
    }

    @Test func `a pickle says how it is converted`() throws {
        let copy = try adapter("dora", [:])
        try FileManager.default.moveItem(
            atPath: copy.appending("adapter_model.safetensors").string,
            toPath: copy.appending("adapter_model.bin").string)
        #expect(message(copy).contains("save_file"))
    }
}
