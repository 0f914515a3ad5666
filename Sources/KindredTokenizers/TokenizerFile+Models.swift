import KindredSystem

extension TokenizerFile {
    /// "BPE", "Unigram", "WordPiece" or "WordLevel".
    func modelType() throws -> String {
        guard let model = json["model"] else { throw damaged("has no \"model\"") }
        // Files from before 2020 leave the type out.
        let guess =
            model["merges"] != nil
            ? "BPE"
            : model["vocab"]?.array != nil
                ? "Unigram" : model["continuing_subword_prefix"] != nil ? "WordPiece" : "none"
        let type = model["type"]?.string ?? guess
        guard ["BPE", "Unigram", "WordPiece", "WordLevel"].contains(type) else {
            throw refused("the model is of type \"\(type)\"")
        }
        return type
    }

    /// Tokens and their ids.
    func vocabulary() throws -> [[UInt8]: Int32] {
        if try modelType() == "Unigram" {
            let tokens = try pieces().map(\.token)
            return Dictionary(tokens.enumerated().map { ($1, Int32($0)) }, uniquingKeysWith: { $1 })
        }
        guard case .object(let members)? = json["model"]?["vocab"] else {
            throw damaged("the model has no \"vocab\"")
        }
        var vocabulary: [[UInt8]: Int32] = [:]
        vocabulary.reserveCapacity(members.count)
        for (key, value) in members {
            guard let id = value.tokenID else {
                throw damaged(
                    "the token \"\(String(decoding: key.prefix(80), as: UTF8.self))\" has no valid id")
            }
            vocabulary[key] = id
        }
        return vocabulary
    }

    /// A Unigram model's tokens and scores, by id.
    private func pieces() throws -> [(token: [UInt8], score: Double)] {
        guard let list = json["model"]?["vocab"]?.array else { throw damaged("the model has no \"vocab\"") }
        return try list.enumerated().map { id, entry in
            guard let pair = entry.array, pair.count == 2, case .string(let token) = pair[0],
                case .number(let score) = pair[1], score.isFinite
            else { throw damaged("token \(id) is no pair of a text and a score") }
            return (token, score)
        }
    }

    private func text(_ key: String) -> [UInt8] {
        if case .string(let bytes)? = json["model"]?[key] { return bytes }
        return []
    }

    /// The unknown token's id; nil where the model names none.
    private func unknown(_ vocabulary: [[UInt8]: Int32]) throws -> Int32? {
        guard case .string(let token)? = json["model"]?["unk_token"] else { return nil }
        guard let id = vocabulary[token] else {
            throw damaged(
                "the vocabulary lacks the unknown token \"\(String(decoding: token.prefix(80), as: UTF8.self))\""
            )
        }
        return id
    }

    /// Merges come as "left right", or as a pair.
    func merges(_ vocabulary: [[UInt8]: Int32]) throws -> [(left: Int32, right: Int32, result: Int32)] {
        guard try modelType() == "BPE" else { throw refused("the model is no BPE, and its words are bytes") }
        if case .number(let share)? = json["model"]?["dropout"], share > 0 {
            throw refused("the model leaves out merges at random (\"dropout\")")
        }
        guard let list = json["model"]?["merges"]?.array else { throw damaged("the model has no \"merges\"") }
        let prefix = text("continuing_subword_prefix")
        return try list.enumerated().map { rank, value in
            let pair: ([UInt8], [UInt8])
            switch value {
            case .string(let text):
                guard let space = text.firstIndex(of: 0x20) else { throw damaged("merge \(rank) is no pair") }
                pair = (Array(text[..<space]), Array(text[(space + 1)...]))
            case .array(let parts):
                guard parts.count == 2, case .string(let left) = parts[0], case .string(let right) = parts[1]
                else { throw damaged("merge \(rank) is no pair") }
                pair = (left, right)
            default: throw damaged("merge \(rank) is no pair")
            }
            let joined = pair.0 + (pair.1.starts(with: prefix) ? pair.1.dropFirst(prefix.count) : pair.1[...])
            guard let left = vocabulary[pair.0], let right = vocabulary[pair.1],
                let result = vocabulary[joined]
            else { throw damaged("merge \(rank) joins or makes a token that the vocabulary lacks") }
            return (left, right, result)
        }
    }

    /// The model of words that are not bytes.
    func wordModel(_ vocabulary: [[UInt8]: Int32]) throws -> WordModel {
        let model = json["model"]
        let fallback = model?["byte_fallback"]?.bool == true ? ByteFallback(vocabulary) : nil
        switch try modelType() {
        case "BPE":
            return .bytePair(
                CharacterPairs(
                    vocabulary: vocabulary, merges: BytePairMerges(try merges(vocabulary)),
                    unknown: try unknown(vocabulary), fusesUnknown: model?["fuse_unk"]?.bool ?? false,
                    fallback: fallback, prefix: text("continuing_subword_prefix"),
                    suffix: text("end_of_word_suffix"), ignoresMerges: model?["ignore_merges"]?.bool ?? false)
            )
        case "Unigram":
            let pieces = try pieces()
            let unknown = model?["unk_id"]?.tokenID
            if let unknown, Int(unknown) >= pieces.count {
                throw damaged("the unknown token's id is \(unknown), and there are \(pieces.count) tokens")
            }
            return .unigram(Unigram(pieces, unknown: unknown, fallback: fallback))
        case "WordPiece":
            guard let unknown = try unknown(vocabulary) else {
                throw damaged("the model has no \"unk_token\"")
            }
            var limit = 100
            if case .number(let number)? = model?["max_input_chars_per_word"], number >= 1, number <= 1e6 {
                limit = Int(number)
            }
            let prefix =
                model?["continuing_subword_prefix"] == nil
                ? Array("##".utf8) : text("continuing_subword_prefix")
            return .wordPiece(
                WordPiece(
                    vocabulary: vocabulary, unknown: unknown, prefix: prefix, maximumCharacters: limit,
                    longest: vocabulary.keys.map(\.count).max() ?? 0))
        default: return .wordLevel(WordLevel(vocabulary: vocabulary, unknown: try unknown(vocabulary)))
        }
    }
}
