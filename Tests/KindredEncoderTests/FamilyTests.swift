import Foundation
import KindredSystem
import KindredTensors
import KindredTestSupport
import SystemPackage
import Testing

@testable import KindredEncoder

/// Hidden states of each family against those of transformers; see Tools/goldens/families_goldens.py.
@Suite struct FamilyTests {
    static let names = [
        "llama-linear", "llama-dynamic", "llama-yarn", "llama-untied", "mistral-window", "qwen2-window",
        "qwen3",
        "smollm3", "gemma", "gemma2", "gemma3", "phi3", "gpt2", "gpt_neox", "gpt_neox-serial", "bert",
        "roberta",
        "distilbert",
    ]

    private struct Golden: Decodable {
        let ids: [Int32]
        let causal: [[Float]]?
        let bidirectional: [[Float]]
    }

    private func path(_ name: String) -> FilePath {
        Fixtures.directory().appending("families").appending(name)
    }

    private func goldens(_ name: String) throws -> [Golden] {
        let file = URL(fileURLWithPath: path(name).appending("goldens.json").string)
        return try JSONDecoder().decode([Golden].self, from: Data(contentsOf: file))
    }

    /// The largest difference of an element.
    private func difference(_ states: Matrix, _ expected: ArraySlice<[Float]>, from start: Int) -> Float {
        var largest: Float = 0
        for (row, values) in expected.enumerated() {
            for (column, value) in values.enumerated() {
                largest = max(largest, abs(states[start + row, column] - value))
            }
        }
        return largest
    }

    @Test(arguments: names)
    func `hidden states of each family are those of transformers`(name: String) throws {
        let decoder = try Decoder(ModelDirectory(path(name)))
        let goldens = try goldens(name)
        for causal in [true, false] {
            let expected = goldens.map { causal ? $0.causal : $0.bidirectional }
            guard expected.allSatisfy({ $0 != nil }) else { continue }
            // Packed, so that the sequences must be told apart.
            let states = decoder.hiddenStates(goldens.map(\.ids), causal: causal)
            var start = 0
            for rows in expected.compactMap({ $0 }) {
                #expect(difference(states, rows[...], from: start) < 2e-5, "\(name) \(causal) \(rows.count)")
                start += rows.count
            }
        }
    }

    @Test(arguments: names)
    func `matrices that stay as they are stored give the same states`(name: String) throws {
        let model = try ModelDirectory(path(name))
        let (usual, stored) = (try Decoder(model), try Decoder(model, keepsStored: true))
        let ids: [[Int32]] = [[5, 9, 3, 60, 7], [8]]
        let (a, b) = (usual.hiddenStates(ids, causal: false), stored.hiddenStates(ids, causal: false))
        for index in 0..<a.rows * a.columns {
            #expect(abs(a.elements[index] - b.elements[index]) < 1e-5)
        }
    }

    @Test func `an encoder of the BERT family attends both ways`() throws {
        let model = try ModelDirectory(path("bert"))
        #expect(model.usage.attention == .bidirectional)
        #expect(try ModelDirectory(path("qwen3")).usage.attention == .causal)
    }

    @Test(arguments: ["LlamaBiModel", "MistralBiModel", "LlamaBidirectionalModel"])
    func `classes that were published as bidirectional attend both ways`(name: String) throws {
        let path = path("llama-linear").appending("config.json")
        var json = try JSONFile.object(path)
        json["architectures"] = [name]
        #expect(try DecoderConfiguration(json, path: path).isBidirectional)
        json["architectures"] = ["LlamaForCausalLM"]
        #expect(try !DecoderConfiguration(json, path: path).isBidirectional)
    }

    @Test(arguments: ["gemma2", "phi3", "gpt2", "bert", "smollm3"])
    func `a family that cannot be trained is refused by name`(name: String) throws {
        let model = try ModelDirectory(path(name))
        let error = #expect(throws: KindredError.self) { try model.shape.checkTrainable(model.base) }
        #expect(error?.message.contains("\"\(model.shape.family.rawValue)\"") == true)
    }
}
