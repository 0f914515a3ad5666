import Foundation
import KindredSystem
import SystemPackage

/// A SentencePiece `tokenizer.model`: a protocol buffer of pieces, of how they were trained, and of how text is normalised
/// (google/sentencepiece, src/sentencepiece_model.proto).
struct SentencePieceFile {
    enum Kind: UInt64 {
        case normal = 1
        case unknown, control, userDefined, unused, byte
    }

    private(set) var pieces: [(text: [UInt8], score: Float, kind: Kind)] = []
    /// 1 Unigram, 2 BPE, 3 words, 4 characters.
    private var modelType: UInt64 = 1
    private var charactersMap: [UInt8] = []
    private var addsPrefix = true
    private var removesExtraSpaces = true
    private let path: FilePath

    /// - Throws: `invalidData` with the byte where the file stops being such a buffer.
    init(_ bytes: [UInt8], path: FilePath) throws {
        self.path = path
        var reader = ProtocolBuffer(bytes[...], path: path)
        while let (field, value) = try reader.next() {
            switch (field, value) {
            case (1, .bytes(let piece)): try take(piece: piece)
            case (2, .bytes(let trainer)):
                var fields = ProtocolBuffer(trainer, path: path)
                while let (field, value) = try fields.next() {
                    if field == 3, case .number(let type) = value { modelType = type }
                }
            case (3, .bytes(let normalizer)):
                var fields = ProtocolBuffer(normalizer, path: path)
                while let (field, value) = try fields.next() {
                    switch (field, value) {
                    case (2, .bytes(let map)): charactersMap = Array(map)
                    case (3, .number(let flag)): addsPrefix = flag != 0
                    case (4, .number(let flag)): removesExtraSpaces = flag != 0
                    default: break
                    }
                }
            default: break
            }
        }
        guard !pieces.isEmpty else {
            throw KindredError(
                .invalidData, "is no SentencePiece model: it has no pieces", at: .init(path: path.string))
        }
    }

    private mutating func take(piece: ArraySlice<UInt8>) throws {
        var fields = ProtocolBuffer(piece, path: path)
        var (text, score, kind): ([UInt8], Float, Kind) = ([], 0, .normal)
        while let (field, value) = try fields.next() {
            switch (field, value) {
            case (1, .bytes(let bytes)): text = Array(bytes)
            case (2, .word(let bits)): score = Float(bitPattern: bits)
            case (3, .number(let number)): kind = Kind(rawValue: number) ?? .normal
            default: break
            }
        }
        guard score.isFinite, String(validating: text, as: UTF8.self) != nil else {
            throw KindredError(
                .invalidData, "piece \(pieces.count) is no text with a score",
                at: .init(path: path.string, byte: piece.startIndex))
        }
        pieces.append((text, score, kind))
    }

    /// The same as a `tokenizer.json`, as transformers makes it of the slow tokenizer (convert_slow_tokenizer.py).
    ///
    /// - Parameter settings: what `tokenizer_config.json` holds.
    /// - Throws: `invalidData` for a kind of model that is not supported.
    func json(_ settings: [String: Any]) throws -> [UInt8] {
        guard modelType == 1 || modelType == 2 else {
            throw KindredError(
                .invalidData,
                "is a SentencePiece model of \(modelType == 3 ? "words" : "characters"), which is not supported; Kindred reads "
                    + "Unigram and BPE", at: .init(path: path.string))
        }
        let tokens = pieces.map { String(decoding: $0.text, as: UTF8.self) }
        let isByteFallback = pieces.contains { $0.kind == .byte }
        let unknown = pieces.firstIndex { $0.kind == .unknown }
        var json: [String: Any] = ["version": "1.0"]
        json["added_tokens"] = pieces.indices.filter {
            [.control, .unknown, .userDefined].contains(pieces[$0].kind)
        }
        .map { id -> [String: Any] in
            [
                "id": id, "content": tokens[id], "special": pieces[id].kind != .userDefined,
                "normalized": false, "lstrip": false, "rstrip": false, "single_word": false,
            ]
        }
        var normalizers: [[String: Any]] = []
        if !charactersMap.isEmpty {
            normalizers.append([
                "type": "Precompiled", "precompiled_charsmap": Data(charactersMap).base64EncodedString(),
            ])
        }
        let model: TokenizerModelFields
        let space: [String: Any] = ["type": "Replace", "pattern": ["String": " "], "content": "▁"]
        if modelType == 2 {
            if addsPrefix { normalizers.append(["type": "Prepend", "prepend": "▁"]) }
            normalizers.append(space)
            var fields: [String: Any] = ["type": "BPE", "byte_fallback": isByteFallback, "fuse_unk": true]
            if let unknown { fields["unk_token"] = tokens[unknown] }
            model = TokenizerModelFields(
                fields, tokens: pieces.map(\.text),
                merges: TokenizerModelFields.merges(
                    pieces.map(\.text), scores: pieces.map { Double($0.score) }))
        } else {
            if removesExtraSpaces {
                normalizers.append(["type": "Strip", "strip_left": false, "strip_right": true])
                normalizers.append(["type": "Replace", "pattern": ["Regex": " {2,}"], "content": "▁"])
            }
            json["pre_tokenizer"] = [
                "type": "Metaspace", "replacement": "▁", "prepend_scheme": addsPrefix ? "always" : "never",
                "split": true,
            ]
            var fields: [String: Any] = [
                "type": "Unigram", "vocab": zip(tokens, pieces).map { [$0, Double($1.score)] as [Any] },
                "byte_fallback": isByteFallback,
            ]
            if let unknown { fields["unk_id"] = unknown }
            model = TokenizerModelFields(fields)
        }
        if !normalizers.isEmpty { json["normalizer"] = ["type": "Sequence", "normalizers": normalizers] }
        json["post_processor"] = TokenizerModelFields.template(
            start: settings["add_bos_token"] as? Bool ?? (modelType == 2)
                ? control(settings, "bos_token", "<s>") : nil,
            end: settings["add_eos_token"] as? Bool ?? (modelType == 1)
                ? control(settings, "eos_token", "</s>") : nil)
        return try model.tokenizer(json, path: path)
    }

    /// A control piece that the settings name, or that is called `name`; nil where there is none.
    private func control(_ settings: [String: Any], _ field: String, _ name: String) -> (
        token: String, id: Int
    )? {
        let named =
            settings[field] as? String ?? (settings[field] as? [String: Any])?["content"] as? String ?? name
        return pieces.firstIndex { $0.kind == .control && $0.text == Array(named.utf8) }.map { (named, $0) }
    }
}

/// The fields of a protocol buffer, one after the other.
private struct ProtocolBuffer {
    enum Value {
        case number(UInt64)
        case word(UInt32)
        case bytes(ArraySlice<UInt8>)
    }

    private var bytes: ArraySlice<UInt8>
    private let path: FilePath

    init(_ bytes: ArraySlice<UInt8>, path: FilePath) {
        self.bytes = bytes
        self.path = path
    }

    private func malformed() -> KindredError {
        KindredError(
            .invalidData, "is no SentencePiece model, or is cut short; get the file again",
            at: .init(path: path.string, byte: bytes.startIndex))
    }

    /// - Throws: `invalidData`.
    mutating func next() throws -> (field: Int, value: Value)? {
        guard !bytes.isEmpty else { return nil }
        let tag = try variable()
        let field = Int(truncatingIfNeeded: tag >> 3)
        switch tag & 7 {
        case 0: return (field, .number(try variable()))
        case 1:
            _ = try take(8)
            return (field, .number(0))
        case 2:
            guard let size = Int(exactly: try variable()) else { throw malformed() }
            return (field, .bytes(try take(size)))
        case 5:
            let word = try take(4).reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
            return (field, .word(word))
        default: throw malformed()
        }
    }

    private mutating func take(_ count: Int) throws -> ArraySlice<UInt8> {
        guard count <= bytes.count else { throw malformed() }
        defer { bytes = bytes.dropFirst(count) }
        return bytes.prefix(count)
    }

    /// Seven bits a byte, the lowest first.
    private mutating func variable() throws -> UInt64 {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), through: 63, by: 7) {
            guard let byte = bytes.popFirst() else { throw malformed() }
            value |= UInt64(byte & 0x7F) << shift
            if byte & 0x80 == 0 { return value }
        }
        throw malformed()
    }
}
