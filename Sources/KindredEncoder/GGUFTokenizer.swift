import Foundation
import KindredSystem
import KindredTensors
import KindredTokenizers
import SystemPackage

/// The tokenizer of a GGUF file as the `tokenizer.json` that transformers makes of it
/// (transformers, integrations/ggml.py; llama.cpp, src/llama-vocab.cpp for the kinds of "pre").
extension GGUFCheckpoint {
    /// - Throws: `invalidData` for a kind of tokenizer that is not supported, by name.
    func tokenizerJSON() throws -> [UInt8] {
        func invalid(_ message: String) -> KindredError {
            KindredError(.invalidData, message, at: .init(path: path.string))
        }
        let kind = file.text("tokenizer.ggml.model") ?? "none"
        guard let list = file.array("tokenizer.ggml.tokens"), !list.isEmpty else {
            throw invalid("has no \"tokenizer.ggml.tokens\": it holds no tokenizer")
        }
        let tokens = try list.enumerated().map { id, value in
            guard let bytes = value.bytes else { throw invalid("token \(id) of the tokenizer is not text") }
            return bytes
        }
        func name(_ id: Int) -> String { String(decoding: tokens[id], as: UTF8.self) }
        let types = file.array("tokenizer.ggml.token_type")?.map { $0.integer ?? 1 } ?? []
        var json: [String: Any] = ["version": "1.0", "truncation": NSNull(), "padding": NSNull()]
        // Control tokens are special; those that users defined are found in the text as they stand.
        json["added_tokens"] = tokens.indices.filter { id in
            types.indices.contains(id)
                && (types[id] == 3 || types[id] == 4 || (types[id] == 2 && kind == "llama"))
        }.map { id -> [String: Any] in
            [
                "id": id, "content": name(id), "special": types[id] != 4, "normalized": false,
                "lstrip": false,
                "rstrip": false, "single_word": false,
            ]
        }
        json["post_processor"] =
            kind == "bert" ? pair(tokens: tokens) : template(tokens: tokens, addsStart: kind == "llama")
        let model: TokenizerModelFields
        switch kind {
        case "gpt2":
            let pre = file.text("tokenizer.ggml.pre") ?? "default"
            guard let steps = Self.preTokenizers[pre] else {
                throw invalid(
                    "splits texts in the way \"\(pre.prefix(40))\" (tokenizer.ggml.pre), which is not supported; Kindred has "
                        + Self.preTokenizers.keys.sorted().joined(separator: ", "))
            }
            guard let list = file.array("tokenizer.ggml.merges") else {
                throw invalid("has no \"tokenizer.ggml.merges\"")
            }
            let merges = try list.enumerated().map { rank, value in
                guard let pair = value.bytes, let space = pair.firstIndex(of: 0x20) else {
                    throw invalid("merge \(rank) of the tokenizer is no pair")
                }
                return (left: Array(pair[..<space]), right: Array(pair[(space + 1)...]))
            }
            json["pre_tokenizer"] = steps.json
            json["normalizer"] = steps.normalizer.map { ["type": $0] as Any } ?? NSNull()
            model = TokenizerModelFields(
                ["type": "BPE", "ignore_merges": steps.ignoresMerges], tokens: tokens, merges: merges)
        case "llama":
            guard let scores = file.array("tokenizer.ggml.scores")?.compactMap(\.real),
                scores.count == tokens.count
            else { throw invalid("has no \"tokenizer.ggml.scores\" for each token") }
            let addsSpace = file.flag("tokenizer.ggml.add_space_prefix") ?? true
            var normalizers: [[String: Any]] = [
                ["type": "Replace", "pattern": ["String": " "], "content": "▁"]
            ]
            if addsSpace { normalizers.insert(["type": "Prepend", "prepend": "▁"], at: 0) }
            json["normalizer"] = ["type": "Sequence", "normalizers": normalizers]
            json["pre_tokenizer"] = NSNull()
            let unknown = min(max(file.integer("tokenizer.ggml.unknown_token_id") ?? 0, 0), tokens.count - 1)
            model = TokenizerModelFields(
                ["type": "BPE", "unk_token": name(unknown), "byte_fallback": true, "fuse_unk": true],
                tokens: tokens, merges: TokenizerModelFields.merges(tokens, scores: scores))
        case "bert":
            // The converter turns "##ing" into "ing" and "sing" into "▁sing" (convert_hf_to_gguf.py, `BertModel`).
            let lead = Array("▁".utf8)
            let pieces = tokens.enumerated().map { id, token in
                if types.indices.contains(id), types[id] == 3 { return token }
                return token.starts(with: lead)
                    ? Array(token.dropFirst(lead.count)) : Array("##".utf8) + token
            }
            // The file does not say whether case is kept; a vocabulary without capitals cannot keep it.
            let isCased = tokens.enumerated().contains { id, token in
                !(types.indices.contains(id) && types[id] == 3)
                    && token.contains { (0x41...0x5A).contains($0) }
            }
            json["normalizer"] = [
                "type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
                "strip_accents": NSNull(),
                "lowercase": !isCased,
            ]
            json["pre_tokenizer"] = ["type": "BertPreTokenizer"]
            let unknown = special(["unknown"], or: "[UNK]", tokens: tokens)
            model = TokenizerModelFields(
                [
                    "type": "WordPiece", "unk_token": unknown.map { name($0) } ?? "[UNK]",
                    "continuing_subword_prefix": "##", "max_input_chars_per_word": 100,
                ], tokens: pieces)
        default:
            throw invalid(
                "has a tokenizer of the kind \"\(kind.prefix(40))\", which is not supported; Kindred reads gpt2, llama and bert"
            )
        }
        return try model.tokenizer(json, path: path)
    }

    /// The tokens that are put around a text.
    private func template(tokens: [[UInt8]], addsStart: Bool) -> Any {
        func id(_ name: String, adds: Bool) -> Int? {
            guard file.flag("tokenizer.ggml.add_\(name)_token") ?? adds,
                let id = file.integer("tokenizer.ggml.\(name)_token_id"), tokens.indices.contains(id)
            else { return nil }
            return id
        }
        return TokenizerModelFields.template(
            start: id("bos", adds: addsStart).map { (String(decoding: tokens[$0], as: UTF8.self), $0) },
            end: id("eos", adds: false).map { (String(decoding: tokens[$0], as: UTF8.self), $0) })
    }

    /// BERT's tokens around a text. "seperator" is how the format spells it.
    private func pair(tokens: [[UInt8]]) -> Any {
        func token(_ keys: [String], _ usual: String) -> (String, Int)? {
            special(keys, or: usual, tokens: tokens).map { (String(decoding: tokens[$0], as: UTF8.self), $0) }
        }
        return TokenizerModelFields.template(
            start: token(["cls", "bos"], "[CLS]"), end: token(["seperator", "eos"], "[SEP]"))
    }

    /// The id of a token that the file names, or that has the usual name.
    private func special(_ keys: [String], or usual: String, tokens: [[UInt8]]) -> Int? {
        for key in keys {
            if let id = file.integer("tokenizer.ggml.\(key)_token_id"), tokens.indices.contains(id) {
                return id
            }
        }
        return tokens.firstIndex(of: Array(usual.utf8))
    }

    /// How a kind of "pre" cuts texts into words.
    private struct PreTokenizer {
        var split: String?
        var digits = false
        var normalizer: String?
        var ignoresMerges = false

        var json: [String: Any] {
            var steps: [[String: Any]] = []
            if digits { steps.append(["type": "Digits", "individual_digits": true]) }
            if let split {
                steps.append([
                    "type": "Split", "pattern": ["Regex": split], "behavior": "Isolated", "invert": false,
                ])
            }
            steps.append([
                "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true,
                "use_regex": split == nil,
            ])
            return steps.count == 1 ? steps[0] : ["type": "Sequence", "pretokenizers": steps]
        }
    }

    private static let llama3 =
        "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
    private static let qwen2 = llama3.replacingOccurrences(of: "\\p{N}{1,3}", with: "\\p{N}")

    private static let preTokenizers: [String: PreTokenizer] = {
        let plain = PreTokenizer()
        let digits = PreTokenizer(digits: true)
        let llama = PreTokenizer(split: llama3, ignoresMerges: true)
        let qwen = PreTokenizer(split: qwen2, normalizer: "NFC")
        return [
            "default": plain, "gpt-2": plain, "phi-2": plain, "mpt": plain, "olmo": plain, "jais": plain,
            "smollm": digits, "starcoder": digits, "refact": digits, "command-r": digits, "codeshell": digits,
            "llama-bpe": llama, "llama3": llama, "llama-v3": llama, "smaug-bpe": llama,
            "dbrx": PreTokenizer(split: llama3),
            "qwen2": qwen, "deepseek-r1-qwen": qwen, "stablelm2": PreTokenizer(split: qwen2),
        ]
    }()
}
