import KindredSystem
import SystemPackage

/// The parts of a `tokenizer.json`, checked.
struct TokenizerFile {
    let json: JSONBytes
    let path: FilePath

    func refused(_ what: String) -> KindredError {
        KindredError(
            .invalidData, "\(what); Kindred reads byte-level BPE tokenizers", at: .init(path: path.string))
    }

    private func damaged(_ what: String) -> KindredError {
        KindredError(.invalidData, "\(what); get the file again", at: .init(path: path.string))
    }

    func vocabulary() throws -> [[UInt8]: Int32] {
        guard let model = json["model"] else { throw damaged("has no \"model\"") }
        // Files from before 2020 leave the type out; a vocabulary with merges is BPE.
        let type = model["type"]?.string ?? (model["merges"] == nil ? "none" : "BPE")
        guard type == "BPE" else { throw refused("the model is of type \"\(type)\"") }
        for key in ["continuing_subword_prefix", "end_of_word_suffix"] {
            if let affix = model[key]?.string, !affix.isEmpty { throw refused("the model has \"\(key)\"") }
        }
        if model["byte_fallback"]?.bool == true { throw refused("the model falls back to bytes") }
        if case .number(let share)? = model["dropout"], share > 0 {
            throw refused("the model leaves out merges at random (\"dropout\")")
        }
        guard case .object(let members)? = model["vocab"] else { throw damaged("the model has no \"vocab\"") }
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

    /// Merges come as "left right", or as a pair.
    func merges(_ vocabulary: [[UInt8]: Int32]) throws -> [(left: Int32, right: Int32, result: Int32)] {
        guard let list = json["model"]?["merges"]?.array else { throw damaged("the model has no \"merges\"") }
        return try list.enumerated().map { rank, value in
            let pair: ([UInt8], [UInt8])
            switch value {
            case .string(let text):
                guard let space = text.firstIndex(of: 0x20) else { throw damaged("merge \(rank) is no pair") }
                pair = (Array(text[..<space]), Array(text[(space + 1)...]))
            case .array(let parts):
                guard parts.count == 2, case .string(let left) = parts[0], case .string(let right) = parts[1]
                else {
                    throw damaged("merge \(rank) is no pair")
                }
                pair = (left, right)
            default: throw damaged("merge \(rank) is no pair")
            }
            guard let left = vocabulary[pair.0], let right = vocabulary[pair.1],
                let result = vocabulary[pair.0 + pair.1]
            else { throw damaged("merge \(rank) joins or makes a token that the vocabulary lacks") }
            return (left, right, result)
        }
    }

    /// The symbol of each byte, and of a byte that has none (models/bpe/model.rs, `merge_word`).
    func byteSymbols(_ vocabulary: [[UInt8]: Int32]) throws -> ByteSymbols {
        let ids = ByteAlphabet.scalars.map { vocabulary[Array(String(Character($0)).utf8)] }
        guard ids.contains(where: { $0 != nil }) else {
            throw refused("the vocabulary has a token for none of the 256 bytes")
        }
        var unknown: Int32?
        if ids.contains(nil), let token = json["model"]?["unk_token"]?.string {
            guard let id = vocabulary[Array(token.utf8)] else {
                throw damaged("the vocabulary lacks the unknown token \"\(token.prefix(80))\"")
            }
            unknown = id
        }
        return ByteSymbols(
            ids: ids, unknown: unknown, fusesUnknown: json["model"]?["fuse_unk"]?.bool ?? false)
    }

    func addedTokens() throws -> [AddedToken] {
        try (json["added_tokens"]?.array ?? []).map { entry in
            guard let id = entry["id"]?.tokenID, case .string(let content)? = entry["content"] else {
                throw damaged("an added token has no id or no content")
            }
            return AddedToken(
                id: id, content: content, isSpecial: entry["special"]?.bool ?? false,
                isNormalized: entry["normalized"]?.bool ?? false, stripsLeft: entry["lstrip"]?.bool ?? false,
                stripsRight: entry["rstrip"]?.bool ?? false, isSingleWord: entry["single_word"]?.bool ?? false
            )
        }
    }

    func preTokenizer() throws -> PreTokenizer {
        var cuts: [PreTokenizer.Cut] = []
        var byteLevel: JSONBytes?
        for step in Self.steps(json["pre_tokenizer"], list: "pretokenizers") {
            let type = step["type"]?.string ?? "none"
            switch type {
            case "Digits" where byteLevel == nil:
                cuts.append(.digits(individual: step["individual_digits"]?.bool ?? false))
            case "Split" where byteLevel == nil:
                let text = step["pattern"]?["Regex"]?.string ?? step["pattern"]?["String"]?.string ?? ""
                guard let known = WordPattern(text), step["behavior"]?.string == "Isolated",
                    step["invert"]?.bool != true
                else { throw refused("the pre-tokenizer splits by the unknown pattern \(text.prefix(120))") }
                cuts.append(.words(known))
            case "ByteLevel" where byteLevel == nil: byteLevel = step
            default: throw refused("the pre-tokenizer has the step \"\(type)\"")
            }
        }
        guard let byteLevel else { throw refused("the pre-tokenizer is not byte-level") }
        // Each step is a call within the one before it.
        guard cuts.count <= 16 else {
            throw refused("the pre-tokenizer has \(cuts.count) steps before the last")
        }
        return PreTokenizer(
            cuts: cuts, addsPrefixSpace: byteLevel["add_prefix_space"]?.bool ?? false,
            lastCut: byteLevel["use_regex"]?.bool ?? true ? .words(.gpt2) : nil)
    }

    func normalizers() throws -> [Normalizer] {
        try Self.steps(json["normalizer"], list: "normalizers").map { step in
            switch step["type"]?.string ?? "none" {
            case "NFC": return .nfc
            case "NFD": return .nfd
            case "NFKC": return .nfkc
            case "NFKD": return .nfkd
            case "Lowercase": return .lowercase
            case "StripAccents": return .stripAccents
            case "Replace":
                guard let found = step["pattern"]?["String"]?.string, !found.isEmpty,
                    let replacement = step["content"]?.string
                else { throw refused("the normalizer replaces a pattern that is not a string") }
                return .replace(found, with: replacement)
            case let type: throw refused("the normalizer is \"\(type)\"")
            }
        }
    }

    /// The ids that are put before and after a text.
    func template(_ ids: [[UInt8]: Int32]) throws -> (prefix: [Int32], suffix: [Int32]) {
        var prefix: [Int32] = []
        var suffix: [Int32] = []
        for step in Self.steps(json["post_processor"], list: "processors") {
            let type = step["type"]?.string ?? "none"
            if type == "ByteLevel" { continue }
            guard type == "TemplateProcessing", let single = step["single"]?.array else {
                throw refused("the post-processor is \"\(type)\"")
            }
            var seen = false
            for part in single {
                if part["Sequence"] != nil {
                    seen = true
                } else if let name = part["SpecialToken"]?["id"]?.string {
                    let listed = step["special_tokens"]?[name]?["ids"]?.array?.compactMap(\.tokenID)
                    guard let added = listed ?? ids[Array(name.utf8)].map({ [$0] }) else {
                        throw damaged("the template's token \"\(name.prefix(80))\" has no id")
                    }
                    if seen { suffix += added } else { prefix += added }
                }
            }
        }
        return (prefix, suffix)
    }

    /// A step, or those of a `Sequence`, none where there is nothing.
    private static func steps(_ value: JSONBytes?, list: String) -> [JSONBytes] {
        guard let value, !value.isNull else { return [] }
        return value["type"]?.string == "Sequence" ? value[list]?.array ?? [] : [value]
    }
}
