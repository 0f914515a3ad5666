import Foundation
import KindredEncoder
import KindredSystem
import KindredTensors
import KindredTestSupport
import SystemPackage
import Testing

@testable import KindredTraining

@Suite struct AdapterTests {
    private let directory: TemporaryDirectory
    private let goldens: TrainingGoldens

    init() throws {
        directory = try TemporaryDirectory()
        goldens = try TrainingGoldens("llama")
    }

    /// peft's adapter with other fields.
    private func adapter(_ fields: [String: Any]) throws -> FilePath {
        let path = directory.path.appending("adapter")
        try? FileManager.default.removeItem(atPath: path.string)
        try FileManager.default.copyItem(
            atPath: goldens.directory.appending("adapter").string, toPath: path.string)
        let file = path.appending("adapter_config.json")
        try JSONFile.write(try JSONFile.object(file).merging(fields) { $1 }, to: file)
        return path
    }

    @Test func `which modules an adapter changes is what its tensors say`() throws {
        let whole = try Adapter(directory: goldens.directory.appending("adapter"), for: goldens.model.shape)
        for targets in [
            ["model.layers.0.self_attn.q_proj"], ".*self_attn.*", "all-linear", NSNull(), ["q_proj"],
        ] as [Any] {
            let path = try adapter([
                "target_modules": targets, "exclude_modules": ["x"], "layers_to_transform": [0],
            ])
            let found = try Adapter(directory: path, for: goldens.model.shape)
            #expect(found.matrices.count == whole.matrices.count)
        }
        // Some modules of some layers.
        let path = try adapter([:])
        let (a, b) = (
            AlignedBuffer<Float>(repeating: 0.5, count: 4 * 32),
            AlignedBuffer<Float>(repeating: 0.5, count: 16 * 4)
        )
        func write(_ names: [String]) throws {
            try SafetensorsWriter.write(
                names.map { name in
                    let isA = name.contains("lora_A")
                    return .init(
                        name: "base_model.model.layers.1.self_attn.v_proj.\(name).weight",
                        shape: isA ? [4, 32] : [16, 4], buffer: isA ? a : b, offset: 0)
                }, to: path.appending("adapter_model.safetensors"))
        }
        try write(["lora_A", "lora_B"])
        let some = try Adapter(directory: path, for: goldens.model.shape)
        #expect(Array(some.matrices.keys) == ["layers.1.self_attn.v_proj"])
        #expect(some.configuration.targetModules == ["v_proj"])
        try write(["lora_B"])
        let half = #expect(throws: KindredError.self) {
            try Adapter(directory: path, for: goldens.model.shape)
        }
        #expect(half?.message.contains("v_proj.lora_A") == true, "\(half!)")
        try write([])
        #expect(throws: KindredError.self) { try Adapter(directory: path, for: goldens.model.shape) }
    }

    @Test(arguments: ["pissa", "pissa_niter_4", "olora", "corda", "loftq", "lora_ga", "new"])
    func `an initialization that may have changed the base is refused`(name: String) throws {
        let path = try adapter(["init_lora_weights": name])
        let error = #expect(throws: KindredError.self) {
            try Adapter(directory: path, for: goldens.model.shape)
        }
        #expect(error?.code == .invalidData && error?.message.contains("init_lora_weights") == true)
        #expect(error?.message.contains(name) == true)
    }

    @Test func `a field that changes what an adapter does is refused by name, known or not`() throws {
        for (field, value) in [
            ("layer_replication", [[0, 1]]), ("alora_invocation_tokens", [1]), ("lora_bias", true),
            ("trainable_token_indices", [1]), ("target_parameters", ["experts"]), ("a_later_one", 3),
        ] as [(String, Any)] {
            let path = try adapter([field: value])
            let error = #expect(throws: KindredError.self) {
                try Adapter(directory: path, for: goldens.model.shape)
            }
            #expect(error?.message.contains(field) == true)
        }
        for (field, value) in [
            ("init_lora_weights", "gaussian"), ("init_lora_weights", false), ("a_later_one", NSNull()),
            ("another", false), ("a_third", [String: Any]()), ("bias", "none"),
        ] as [(String, Any)] {
            _ = try Adapter(directory: adapter([field: value]), for: goldens.model.shape)
        }
    }
}
