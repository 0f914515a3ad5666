import Foundation
import KindredSystem
import SystemPackage

/// The files in which models keep their tokenizers, each as the `tokenizer.json` that transformers makes of it.
package enum TokenizerSource {
    /// In the order in which they are looked for.
    private static let files = ["tokenizer.json", "tokenizer.model", "vocab.txt", "vocab.json"]

    /// The file of a model directory; `tokenizer.json` where there is none.
    package static func file(in directory: FilePath) -> FilePath {
        let found = files.first { FileKind(directory.appending($0).string) == .regular }
        return directory.appending(found ?? files[0])
    }

    /// What a `tokenizer.json` would hold.
    ///
    /// - Parameter path: a `tokenizer.json`, a SentencePiece `.model`, BERT's `vocab.txt`, or GPT-2's `vocab.json` with
    ///   `merges.txt` beside it. `tokenizer_config.json` beside the last three says what is put around texts.
    /// - Throws: `notFound`; `invalidData` naming what is malformed or not supported.
    package static func json(_ path: FilePath) throws -> [UInt8] {
        let file = try MappedFile(path)
        let bytes = file.bytes(0..<file.count)
        let directory = path.removingLastComponent()
        let name = path.lastComponent?.string ?? ""
        switch name {
        case "vocab.txt": return try wordPiece(bytes, settings(directory), path: path)
        case "vocab.json": return try bytePairs(bytes, settings(directory), path: path)
        default:
            guard path.extension == "model" else { return bytes }
            return try SentencePieceFile(bytes, path: path).json(settings(directory))
        }
    }

    /// `tokenizer_config.json`; empty where there is none.
    private static func settings(_ directory: FilePath) throws -> [String: Any] {
        let path = directory.appending("tokenizer_config.json")
        guard let data = FileManager.default.contents(atPath: path.string) else { return [:] }
        guard let json = try? JSONSerialization.jsonObject(with: data) as? [String: Any] else {
            throw KindredError(
                .invalidData, "is not a JSON object; get the file again", at: .init(path: path.string))
        }
        return json
    }

    private static func token(_ settings: [String: Any], _ field: String, _ name: String) -> String {
        settings[field] as? String ?? (settings[field] as? [String: Any])?["content"] as? String ?? name
    }

    private static func special(_ token: String, _ id: Int) -> [String: Any] {
        [
            "id": id, "content": token, "special": true, "normalized": false, "lstrip": false,
            "rstrip": false,
            "single_word": false,
        ]
    }

    private static func lines(_ bytes: [UInt8], path: FilePath) throws -> [String] {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw KindredError(.invalidData, "is not UTF-8; get the file again", at: .init(path: path.string))
        }
        var lines = text.split(separator: /\r?\n/, omittingEmptySubsequences: false).map(String.init)
        if lines.last == "" { lines.removeLast() }
        return lines
    }

    /// BERT's (transformers, convert_slow_tokenizer.py, `BertConverter`).
    private static func wordPiece(_ bytes: [UInt8], _ settings: [String: Any], path: FilePath) throws
        -> [UInt8]
    {
        let tokens = try lines(bytes, path: path)
        let ids = Dictionary(tokens.enumerated().map { ($1, $0) }, uniquingKeysWith: { $1 })
        let names = [
            ("unk_token", "[UNK]"), ("cls_token", "[CLS]"), ("sep_token", "[SEP]"), ("pad_token", "[PAD]"),
            ("mask_token", "[MASK]"),
        ]
        .map { token(settings, $0, $1) }
        for name in names.prefix(3) where ids[name] == nil {
            throw KindredError(
                .invalidData, "has no token \"\(name.prefix(40))\"; it is no vocabulary of BERT's",
                at: .init(path: path.string))
        }
        let lowercases = settings["do_lower_case"] as? Bool ?? true
        var normalizer: [String: Any] = [
            "type": "BertNormalizer", "clean_text": true, "lowercase": lowercases,
            "handle_chinese_chars": settings["tokenize_chinese_chars"] as? Bool ?? true,
        ]
        if let strips = settings["strip_accents"] as? Bool { normalizer["strip_accents"] = strips }
        let json: [String: Any] = [
            "added_tokens": names.compactMap { name in ids[name].map { special(name, $0) } },
            "normalizer": normalizer, "pre_tokenizer": ["type": "BertPreTokenizer"],
            "post_processor": [
                "type": "BertProcessing", "cls": [names[1], ids[names[1]] ?? 0] as [Any],
                "sep": [names[2], ids[names[2]] ?? 0] as [Any],
            ],
        ]
        let fields: [String: Any] = [
            "type": "WordPiece", "unk_token": names[0], "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
        ]
        return try TokenizerModelFields(fields, tokens: tokens.map(\.bytes)).tokenizer(json, path: path)
    }

    /// GPT-2's and RoBERTa's. The vocabulary is put in as it stands: keys are bytes to the tokenizer.
    private static func bytePairs(_ bytes: [UInt8], _ settings: [String: Any], path: FilePath) throws
        -> [UInt8]
    {
        let vocabulary = try JSONBytes(parsing: bytes, path: path.string)
        let merges = path.removingLastComponent().appending("merges.txt")
        let file = try MappedFile(merges)
        let pairs = try lines(file.bytes(0..<file.count), path: merges).filter {
            !$0.hasPrefix("#version") && !$0.isEmpty
        }
        let isRoberta = (settings["tokenizer_class"] as? String ?? "").hasPrefix("Roberta")
        let names = isRoberta ? ["<s>", "</s>", "<unk>", "<pad>", "<mask>"] : ["<|endoftext|>"]
        let added = names.compactMap { name in vocabulary[name]?.tokenID.map { special(name, Int($0)) } }
        var rest: [String: Any] = [
            "added_tokens": added,
            "pre_tokenizer": [
                "type": "ByteLevel", "add_prefix_space": settings["add_prefix_space"] as? Bool ?? false,
                "use_regex": true,
            ],
        ]
        if isRoberta, let first = vocabulary["<s>"]?.tokenID, let last = vocabulary["</s>"]?.tokenID {
            rest["post_processor"] = [
                "type": "RobertaProcessing", "cls": ["<s>", Int(first)] as [Any],
                "sep": ["</s>", Int(last)] as [Any],
            ]
        }
        let json = try JSONBytes(
            parsing: Array(JSONSerialization.data(withJSONObject: rest)), path: path.string)
        guard case .object(let members) = json else { return [] }
        let model = JSONBytes.object([
            ("type".bytes, .string("BPE".bytes)), ("vocab".bytes, vocabulary),
            ("merges".bytes, .array(pairs.map { .string($0.bytes) })),
        ])
        return JSONBytes.object(members + [("model".bytes, model)]).serialized
    }
}

extension String {
    fileprivate var bytes: [UInt8] { Array(utf8) }
}
