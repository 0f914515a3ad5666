import Foundation
import KindredSystem
import KindredTensors
import SystemPackage

/// The tokenizer of a GGUF file as the `tokenizer.json` that transformers makes of it
/// (transformers, integrations/ggml.py; llama.cpp, src/llama-vocab.cpp for the kinds of "pre").
extension GGUFCheckpoint {
    /// - Throws: `invalidData` for a kind of tokenizer that is not supported, by name.
    func tokenizerJSON() throws -> [UInt8] {
        func invalid(_ message: String) -> KindredError {
            KindredError(.invalidData, message, at: .init(path: path.string))
        }
        let model = file.text("tokenizer.ggml.model") ?? "none"
        guard let list = file.array("tokenizer.ggml.tokens"), !list.isEmpty else {
            throw invalid("has no \"tokenizer.ggml.tokens\": it holds no tokenizer")
        }
        let tokens = try list.enumerated().map { id, value in
            guard let bytes = value.bytes else { throw invalid("token \(id) of the tokenizer is no text") }
            return String(decoding: bytes, as: UTF8.self)
        }
        let types = file.array("tokenizer.ggml.token_type")?.map { $0.integer ?? 1 } ?? []
        var json: [String: Any] = ["version": "1.0", "truncation": NSNull(), "padding": NSNull()]
        // Control tokens are special; those that users defined are found in the text as they stand.
        json["added_tokens"] = tokens.indices.filter { id in
            types.indices.contains(id)
                && (types[id] == 3 || types[id] == 4 || (types[id] == 2 && model == "llama"))
        }.map { id -> [String: Any] in
            [
                "id": id, "content": tokens[id], "special": types[id] != 4, "normalized": false,
                "lstrip": false,
                "rstrip": false, "single_word": false,
            ]
        }
        json["post_processor"] = try template(tokens: tokens, addsStart: model == "llama")
        switch model {
        case "gpt2":
            let pre = file.text("tokenizer.ggml.pre") ?? "default"
            guard let steps = Self.preTokenizers[pre] else {
                throw invalid(
                    "splits texts in the way \"\(pre.prefix(40))\" (tokenizer.ggml.pre), which is not supported; Kindred has "
                        + Self.preTokenizers.keys.sorted().joined(separator: ", "))
            }
            let merges = file.array("tokenizer.ggml.merges")?.map {
                String(decoding: $0.bytes ?? [], as: UTF8.self)
            }
            guard let merges else { throw invalid("has no \"tokenizer.ggml.merges\"") }
            json["pre_tokenizer"] = steps.json
            json["normalizer"] = steps.normalizer.map { ["type": $0] as Any } ?? NSNull()
            json["model"] = [
                "type": "BPE", "vocab": Self.vocabulary(tokens), "merges": merges, "byte_fallback": false,
                "fuse_unk": false, "ignore_merges": steps.ignoresMerges,
            ]
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
            json["model"] = [
                "type": "BPE", "vocab": Self.vocabulary(tokens), "merges": Self.merges(tokens, scores),
                "unk_token": tokens[
                    min(max(file.integer("tokenizer.ggml.unknown_token_id") ?? 0, 0), tokens.count - 1)],
                "byte_fallback": true, "fuse_unk": true, "ignore_merges": false,
            ]
        default:
            throw invalid(
                "has a tokenizer of the kind \"\(model.prefix(40))\", which is not supported; Kindred reads gpt2 and llama"
            )
        }
        return Array(try JSONSerialization.data(withJSONObject: json, options: [.sortedKeys]))
    }

    private static func vocabulary(_ tokens: [String]) -> [String: Int] {
        Dictionary(tokens.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// The tokens that are put around a text.
    private func template(tokens: [String], addsStart: Bool) throws -> Any {
        func id(_ name: String, adds: Bool) -> Int? {
            guard file.flag("tokenizer.ggml.add_\(name)_token") ?? adds,
                let id = file.integer("tokenizer.ggml.\(name)_token_id"), tokens.indices.contains(id)
            else { return nil }
            return id
        }
        let (start, end) = (id("bos", adds: addsStart), id("eos", adds: false))
        guard start != nil || end != nil else { return NSNull() }
        func special(_ id: Int) -> [String: Any] { ["SpecialToken": ["id": tokens[id], "type_id": 0]] }
        let text: [String: Any] = ["Sequence": ["id": "A", "type_id": 0]]
        var names: [String: Any] = [:]
        for id in [start, end].compactMap({ $0 }) {
            names[tokens[id]] = ["id": tokens[id], "ids": [id], "tokens": [tokens[id]]]
        }
        return [
            "type": "TemplateProcessing",
            "single": [start.map(special), text, end.map(special)].compactMap { $0 },
            "pair": [text, ["Sequence": ["id": "B", "type_id": 1]]], "special_tokens": names,
        ]
    }

    /// Merges of a SentencePiece vocabulary, which has scores: each token is a merge of every pair of tokens that make it,
    /// those of the highest score first (transformers, convert_slow_tokenizer.py, `generate_merges`).
    private static func merges(_ tokens: [String], _ scores: [Double]) -> [[String]] {
        let ids = vocabulary(tokens)
        var merges: [(left: String, right: String, score: Double)] = []
        for (id, token) in tokens.enumerated() where ids[token] == id {
            let scalars = Array(token.unicodeScalars)
            guard scalars.count > 1 else { continue }
            var own: [(left: Int, right: Int)] = []
            for cut in 1..<scalars.count {
                var (left, right) = (String.UnicodeScalarView(), String.UnicodeScalarView())
                left.append(contentsOf: scalars[..<cut])
                right.append(contentsOf: scalars[cut...])
                if let left = ids[String(left)], let right = ids[String(right)] { own.append((left, right)) }
            }
            own.sort { $0 < $1 }
            merges += own.map { (tokens[$0.left], tokens[$0.right], scores[id]) }
        }
        // A stable sort: equals stay in the order of their tokens.
        let order = merges.indices.sorted { (-merges[$0].score, $0) < (-merges[$1].score, $1) }
        return order.map { [merges[$0].left, merges[$0].right] }
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
