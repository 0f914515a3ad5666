import Foundation
import KindredSystem
import KindredTestSupport
import SystemPackage
import Testing

@testable import KindredEncoder

/// Damaged files of each kind: a reader opens them or says what is wrong with them, and never traps, spins or grows without
/// bound.
///
/// `Tools/reliability/fuzz` runs each for as long as is wanted (`KINDRED_FUZZ_SECONDS`), all or one
/// (`KINDRED_FUZZ_READER`), and keeps the file that brought a reader down (`KINDRED_FUZZ_DIRECTORY`).
@Suite struct ReaderFuzzTests {
    enum Reader: String, CaseIterable, Sendable {
        case gguf, safetensors, configuration, tokenizer, sentencePiece, adapter

        var isJSON: Bool { ![.gguf, .safetensors, .sentencePiece].contains(self) }
    }

    private static let environment = ProcessInfo.processInfo.environment
    private static let seconds = environment["KINDRED_FUZZ_SECONDS"].flatMap(Double.init) ?? 0

    @Test(arguments: Reader.allCases)
    func `a damaged file is refused or read`(reader: Reader) throws {
        guard Self.environment["KINDRED_FUZZ_READER"].map({ $0 == reader.rawValue }) ?? true else { return }
        let temporary = try TemporaryDirectory()
        let directory =
            Self.environment["KINDRED_FUZZ_DIRECTORY"].map { FilePath($0).appending(reader.rawValue) }
            ?? temporary.path
        // Long runs take other damage each time.
        let seed = Self.seconds > 0 ? UInt64(Date().timeIntervalSince1970) : 7
        var mutations = Mutations(seed: seed, isJSON: reader.isJSON)
        let seeds = try Self.seeds(of: reader)
        let start = ContinuousClock.now
        var (rounds, read, slowest) = (0, 0, Duration.zero)
        while rounds < 40 || (ContinuousClock.now - start) / .seconds(1) < Self.seconds {
            try? FileManager.default.removeItem(atPath: directory.string)
            let seed = seeds[rounds % seeds.count]
            try FileManager.default.createDirectory(
                atPath: directory.string, withIntermediateDirectories: true)
            for (name, bytes) in seed.files {
                let file = directory.appending(name)
                let content = name == seed.damaged ? mutations.damage(bytes) : bytes
                try Data(content).write(to: URL(fileURLWithPath: file.string))
            }
            let begun = ContinuousClock.now
            do {
                try Self.open(reader, directory, damaged: seed.damaged)
                read += 1
            } catch let error as KindredError {
                #expect(!error.message.isEmpty)
            }
            slowest = max(slowest, ContinuousClock.now - begun)
            rounds += 1
        }
        // Damage to weights is often only another weight; damage to a structure never is.
        #expect(read < rounds)
        if Self.seconds > 0 {
            print(
                "\(reader.rawValue): \(rounds) files, \(read) read, \(rounds - read) refused, slowest \(slowest)"
            )
        }
    }

    private static func open(_ reader: Reader, _ directory: FilePath, damaged: String) throws {
        switch reader {
        case .configuration, .adapter:
            // The tiny models of the families have no tokenizer.
            let base = Fixtures.directory().appending("families/qwen3")
            let model =
                try reader == .adapter
                ? ModelDirectory(base, stacked: [directory]) : ModelDirectory(directory)
            _ = try Decoder(model).hiddenStates([[1, 0, 1]], causal: false)
        default:
            let path = reader == .gguf ? directory.appending(damaged) : directory
            _ = try TextEncoder(directory: path).encode(["the tide is high 42", ""], threads: 1)
        }
    }

    private struct Seed {
        /// Name and content of each file of the directory.
        var files: [(name: String, bytes: [UInt8])]
        var damaged: String
    }

    private static func seeds(of reader: Reader) throws -> [Seed] {
        let fixtures = Fixtures.directory()
        func bytes(_ path: FilePath) throws -> [UInt8] {
            try [UInt8](Data(contentsOf: URL(fileURLWithPath: path.string)))
        }
        func model(_ name: String, damaged: String) throws -> Seed {
            let directory = fixtures.appending(name)
            var files = try ["config.json", "model.safetensors"].map {
                (name: $0, bytes: try bytes(directory.appending($0)))
            }
            files.append(("tokenizer.json", try bytes(fixtures.appending("tokenizer.json"))))
            return Seed(files: files, damaged: damaged)
        }
        let tokenizers = fixtures.removingLastComponent().removingLastComponent()
            .appending("KindredTokenizersTests").appending("Fixtures")
        /// The vocabularies of these are smaller than the model's.
        func tokenizer(_ file: String, as name: String) throws -> Seed {
            var seed = try model("llama", damaged: name)
            seed.files[2] = (name, try bytes(tokenizers.appending(file)))
            return seed
        }
        switch reader {
        case .gguf:
            return try ["llama", "gemma2", "gpt2", "gptneox"].map {
                let name = $0 + ".gguf"
                return Seed(
                    files: [(name, try bytes(fixtures.appending("gguf").appending(name)))], damaged: name)
            }
        case .safetensors:
            return [try model("llama", damaged: "model.safetensors")]
        case .configuration:
            return try [
                "llama", "llama-scaled", "mistral", "qwen2", "families/gemma2", "families/gemma3",
                "families/phi3",
                "families/gpt2", "families/gpt_neox", "families/bert", "families/smollm3",
            ].map { try model($0, damaged: "config.json") }
        case .tokenizer:
            return try [
                "added", "byte-fallback", "cased", "digits", "gpt2", "llama3", "prefix-space", "suffixes",
                "uncased",
                "unigram", "word-level",
            ].map { try tokenizer("\($0).json", as: "tokenizer.json") }
        case .sentencePiece:
            return try ["bpe.model", "unigram.model"].map { try tokenizer($0, as: "tokenizer.model") }
        case .adapter:
            return try ["adapter_config.json", "adapter_model.safetensors"].map { damaged in
                let adapter = fixtures.appending("adapters/patterns")
                let files = try ["adapter_config.json", "adapter_model.safetensors"].map {
                    (name: $0, bytes: try bytes(adapter.appending($0)))
                }
                return Seed(files: files, damaged: damaged)
            }
        }
    }
}
