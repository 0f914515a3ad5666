import ArgumentParser
import Foundation
import Kindred
import KindredEncoder
import KindredSystem
import KindredTensors
import SystemPackage

extension ModelCommand {
    struct Check: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Compare a model's vectors with those that Python computed.",
            discussion: """
                The file holds texts and the vectors that transformers or sentence-transformers gives them; \
                Tools/parity/golden_vectors.py writes one. Exits with 65 where a vector differs.

                  kindred model check
                  kindred model check models/decoder --against golden.json
                """)

        @Argument(
            help: ArgumentHelp(
                "A model directory or a GGUF file (default: the embedded model).", valueName: "model"),
            completion: .file(extensions: ["gguf"]))
        var model: String?
        @Option(
            help: ArgumentHelp(
                "The file of vectors (default: golden.json in the model's directory).", valueName: "file"),
            completion: .file(extensions: ["json"]))
        var against: String?
        @Option(
            help: ArgumentHelp(
                "The least cosine that passes (default: 0.99999 with fp32, 0.999 with bf16, 0.995 with int8).",
                valueName: "cosine"))
        var least: Double?
        @Flag(help: "Print one JSON object.") var json = false

        /// The file of vectors.
        private struct Golden: Decodable {
            let texts: [String]
            let vectors: [[Float]]
            let pooling: String?
            let attention: String?
            let instruction: String?
            let maximumTokens: Int?

            enum CodingKeys: String, CodingKey {
                case texts, vectors, pooling, attention, instruction
                case maximumTokens = "max_length"
            }
        }

        private struct Output: Encodable {
            let model, precision: String
            let texts: Int
            let meanCosine, worstCosine, leastCosine: Double
            let worstText: String
            let passes: Bool
        }

        func run() throws {
            var directory = try ModelDirectory(model.map { FilePath($0) } ?? Resources.embeddedModel())
            let path = against.map { FilePath($0) } ?? directory.path.appending("golden.json")
            let golden = try golden(path)
            func choice<Value: RawRepresentable>(_ name: String?, _ field: String) throws -> Value?
            where Value.RawValue == String {
                guard let name else { return nil }
                guard let value = Value(rawValue: name) else {
                    throw KindredError(
                        .invalidData, "\"\(field)\" is \"\(name.prefix(40))\", which is not known",
                        at: .init(path: path.string))
                }
                return value
            }
            directory.usage.pooling = try choice(golden.pooling, "pooling") ?? directory.usage.pooling
            directory.usage.attention = try choice(golden.attention, "attention") ?? directory.usage.attention
            directory.usage.maximumTokens = golden.maximumTokens ?? directory.usage.maximumTokens
            let encoder = try TextEncoder(directory)
            guard golden.vectors.allSatisfy({ $0.count == encoder.dimensions }) else {
                throw KindredError(
                    .invalidData,
                    "its vectors do not have the \(encoder.dimensions) dimensions of the model's",
                    at: .init(path: path.string))
            }
            let found = try encoder.encode(golden.texts, instruction: golden.instruction ?? "")
            let cosines = golden.vectors.enumerated().map { $1.cosine(with: found.row($0)) }
            let worst = cosines.indices.min { cosines[$0] < cosines[$1] } ?? 0
            let least = least ?? Self.least(encoder.precision)
            let output = Output(
                model: model ?? "embedded", precision: encoder.precisionLabel, texts: cosines.count,
                meanCosine: cosines.reduce(0, +) / Double(cosines.count), worstCosine: cosines[worst],
                leastCosine: least, worstText: golden.texts[worst], passes: cosines[worst] >= least)
            if json {
                try CommandOutput.json(output)
            } else {
                CommandOutput.line("  texts       \(output.texts)")
                CommandOutput.line("  precision   \(output.precision)")
                CommandOutput.line("  cosine      \(Format.decimals(output.meanCosine, 7)) on average")
                CommandOutput.line(
                    "  worst       \(Format.decimals(output.worstCosine, 7)): "
                        + Terminal.sanitized(String(output.worstText.prefix(60))))
            }
            guard output.passes else {
                throw KindredError(
                    .invalidData,
                    "a vector differs from the one that Python computed: its cosine is "
                        + "\(Format.decimals(output.worstCosine, 6)), and must be at least \(least); the model, its "
                        + "tokenizer or this program is not the one that the file was made with",
                    at: .init(path: path.string))
            }
        }

        private func golden(_ path: FilePath) throws -> Golden {
            guard FileKind(path.string) == .regular else {
                throw KindredError(
                    .notFound,
                    "no such file; make one with Tools/parity/golden_vectors.py and name it with --against",
                    at: .init(path: path.string))
            }
            let file = try MappedFile(path)
            guard let golden = try? JSONDecoder().decode(Golden.self, from: Data(file.bytes(0..<file.count))),
                !golden.texts.isEmpty, golden.texts.count == golden.vectors.count
            else {
                throw KindredError(
                    .invalidData, "is not a JSON object with \"texts\" and as many \"vectors\"",
                    at: .init(path: path.string))
            }
            return golden
        }

        private static func least(_ precision: Precision) -> Double {
            switch precision {
            case .float32: 0.99999
            case .bfloat16: 0.999
            case .int8: 0.995
            }
        }
    }
}
