import Foundation
import KindredEncoder
import KindredSystem
import KindredTensors
import KindredTestSupport
import SystemPackage

/// A model directory made of a fixture's weights, the shared tokenizer and a configuration of its own.
struct ModelFiles {
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

    func encoder(_ precision: Precision? = nil) throws -> TextEncoder {
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
