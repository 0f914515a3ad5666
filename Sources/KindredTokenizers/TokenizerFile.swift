import KindredSystem
import SystemPackage

/// The parts of a `tokenizer.json`, checked.
struct TokenizerFile {
    let json: JSONBytes
    let path: FilePath

    func refused(_ what: String) -> KindredError {
        KindredError(
            .invalidData, "\(what), which is not supported", at: .init(path: path.string))
    }

    func damaged(_ what: String) -> KindredError {
        KindredError(.invalidData, "\(what); get the file again", at: .init(path: path.string))
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

    /// The ids that are put before and after a text.
    func template(_ ids: [[UInt8]: Int32]) throws -> (prefix: [Int32], suffix: [Int32]) {
        var prefix: [Int32] = []
        var suffix: [Int32] = []
        for step in Self.steps(json["post_processor"], list: "processors") {
            let type = step["type"]?.string ?? "none"
            if type == "ByteLevel" { continue }
            if type == "BertProcessing" || type == "RobertaProcessing" {
                guard let first = step["cls"]?.array?.last?.tokenID,
                    let last = step["sep"]?.array?.last?.tokenID
                else {
                    throw damaged("the post-processor \"\(type)\" has no tokens")
                }
                prefix.append(first)
                suffix.append(last)
                continue
            }
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
    static func steps(_ value: JSONBytes?, list: String) -> [JSONBytes] {
        guard let value, !value.isNull else { return [] }
        return value["type"]?.string == "Sequence" ? value[list]?.array ?? [] : [value]
    }
}
