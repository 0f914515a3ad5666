import Foundation
import KindredEncoder
import KindredSystem
import KindredTensors
import KindredTokenizers
import SystemPackage

/// A smaller model made of a part of another: the first layers of its decoder, which are enough for a text encoder that is
/// trained after the cut (Thennal D K, Fischer and Biemann 2024, "Large Language Models Are Overparameterized Text
/// Encoders", arXiv 2410.14578),
/// and the tokens that texts use.
package struct CutModel {
    private let model: ModelDirectory
    private let tokenizer: Tokenizer
    /// How often texts use each token.
    private var uses: [Int32: Int] = [:]

    /// - Throws: as `Tokenizer(path:)`.
    package init(_ model: ModelDirectory) throws {
        self.model = model
        tokenizer = try model.checkpoint.tokenizer()
    }

    /// Counts the tokens of a text.
    package mutating func take(_ text: String) {
        for id in tokenizer.encode(text, addSpecialTokens: false) { uses[id, default: 0] += 1 }
    }

    /// What a cut kept.
    package struct Report: Sendable {
        package let layers, tokens: Int
        /// Tokens of the texts, and those of them that are still one token.
        package let textTokens, keptTextTokens: Int
    }

    /// Writes a model directory, with adapters merged in and its linear map.
    ///
    /// - Parameters:
    ///   - layers: how many of the first are kept.
    ///   - minimumUses: how often the texts must use a token for it to be kept; nil: all tokens are.
    /// - Throws: `invalidRequest` for layers that the model does not have; `invalidData` where its files do not fit each other;
    ///   `cannotCreate`, `inputOutput`.
    package func write(
        layers: Int, minimumUses: Int?, as precision: NumberFormat, to directory: FilePath
    ) throws -> Report {
        guard (1...model.shape.layers).contains(layers) else {
            throw KindredError(
                .invalidRequest, "the model has \(model.shape.layers) layers; keep 1 to \(model.shape.layers)"
            )
        }
        var configuration = try model.checkpoint.configuration()
        var kept = (0..<model.shape.vocabularySize).map(Int32.init)
        var files = ["tokenizer_config.json", "special_tokens_map.json"].compactMap { name in
            FileManager.default.contents(atPath: model.base.appending(name).string).map {
                (name, [UInt8]($0))
            }
        }
        if let minimumUses {
            var wanted = Set(uses.filter { $0.value >= minimumUses }.keys)
            // The ids that the configuration names.
            for id in Self.specialIDs(configuration) { wanted.insert(id) }
            let trimmed = try TrimmedTokenizer(
                json: model.checkpoint.tokenizerJSON(), path: model.checkpoint.tokenizerPath, keeping: wanted)
            guard let last = trimmed.kept.last, Int(last) < model.shape.vocabularySize else {
                throw KindredError(
                    .invalidData, "has ids that the model does not embed; they do not belong together",
                    at: .init(path: model.checkpoint.tokenizerPath.string))
            }
            kept = trimmed.kept
            files = try files.map { ($0, try Self.renumber($0, $1, kept)) }
            files.append(("tokenizer.json", trimmed.bytes))
            Self.renumber(&configuration, kept)
        } else {
            files.append(("tokenizer.json", try model.checkpoint.tokenizerJSON()))
        }
        let shape = model.shape.cut(layers: layers, tokens: kept)
        configuration["num_hidden_layers"] = layers
        configuration["vocab_size"] = kept.count
        if let types = configuration["layer_types"] as? [Any] {
            configuration["layer_types"] = Array(types.prefix(layers))
        }
        try MergedModel.write(
            weights(shape, kept), shape: shape, dense: model.dense?.shape, usage: model.usage,
            configuration: configuration, files: files, as: precision, to: directory)
        let places = Set(kept)
        return Report(
            layers: layers, tokens: kept.count, textTokens: uses.values.reduce(0, +),
            keptTextTokens: uses.reduce(0) { $0 + (places.contains($1.key) ? $1.value : 0) })
    }

    /// The weights of the part.
    private func weights(_ shape: DecoderConfiguration, _ kept: [Int32]) throws -> AlignedBuffer<Float> {
        let whole = try DecoderWeights.load(model)
        let from = ParameterLayout.decoder(model.shape, dense: model.dense?.shape)
        let layout = ParameterLayout.decoder(shape, dense: model.dense?.shape)
        let part = AlignedBuffer<Float>(repeating: 0, count: layout.count)
        for entry in layout.entries {
            if ["embed_tokens.weight", "lm_head.weight"].contains(entry.name) {
                layout.operand(entry.name, in: part).gather(
                    kept.map(Int.init), from: from.operand(entry.name, in: whole))
            } else {
                part.copy(whole, from: from[entry.name].range, at: entry.offset)
            }
        }
        return part
    }

    private static let idFields = ["bos_token_id", "eos_token_id", "pad_token_id"]

    private static func specialIDs(_ configuration: [String: Any]) -> [Int32] {
        idFields.flatMap { field -> [Int32] in
            let ids = configuration[field] as? [Int] ?? (configuration[field] as? Int).map { [$0] } ?? []
            return ids.compactMap { Int32(exactly: $0) }
        }
    }

    /// Ids of `config.json`; one whose token is not there is left out.
    private static func renumber(_ configuration: inout [String: Any], _ kept: [Int32]) {
        func number(_ id: Int) -> Int? { kept.firstIndex { Int($0) == id } }
        for field in idFields {
            if let id = configuration[field] as? Int { configuration[field] = number(id) ?? NSNull() }
            if let ids = configuration[field] as? [Int] { configuration[field] = ids.compactMap(number) }
        }
    }

    /// `tokenizer_config.json` has the ids of added tokens as keys.
    private static func renumber(_ name: String, _ bytes: [UInt8], _ kept: [Int32]) throws -> [UInt8] {
        guard var json = try? JSONSerialization.jsonObject(with: Data(bytes)) as? [String: Any],
            let tokens = json["added_tokens_decoder"] as? [String: Any]
        else { return bytes }
        json["added_tokens_decoder"] = Dictionary(
            uniqueKeysWithValues: tokens.compactMap { id, token in
                kept.firstIndex { String($0) == id }.map { (String($0), token) }
            })
        let data = try JSONSerialization.data(
            withJSONObject: json, options: [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes])
        return Array(data) + [0x0A]
    }
}
