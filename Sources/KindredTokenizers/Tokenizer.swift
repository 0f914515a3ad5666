import Foundation
import KindredSystem
import SystemPackage

/// Text → token ids by a Hugging Face `tokenizer.json`: byte-level byte-pair encoding, with the results of the
/// `tokenizers` library (github.com/huggingface/tokenizers).
///
/// Supported: model `BPE`; pre-tokenizer `ByteLevel`, before which may stand `Digits` and `Split` by a known pattern;
/// normalizers NFC, NFD, NFKC, NFKD, Lowercase, StripAccents and Replace of a string; post-processors
/// `TemplateProcessing` and `ByteLevel`; added tokens. Anything else is refused by name: ids that are nearly right are
/// worse than none.
///
/// A vocabulary may lack tokens for some of the 256 bytes, as SmolLM2's does. Such a byte becomes the model's
/// "unk_token"; without one it is dropped, and the symbols on both sides of it are neighbours that may be merged. Both
/// are what `tokenizers` does.
package final class Tokenizer: Sendable {
    /// Tokens, the added ones included: one more than the largest id.
    package let vocabularySize: Int

    private let ids: [[UInt8]: Int32]
    private let tokens: [Int32: [UInt8]]
    private let merges: BytePairMerges
    private let byteSymbols: ByteSymbols
    private let ignoreMerges: Bool
    private let preTokenizer: PreTokenizer
    private let normalizers: [Normalizer]
    private let addedTokens: AddedTokens
    private let prefix: [Int32]
    private let suffix: [Int32]

    /// - Throws: `notFound`; `invalidData` for a file that is malformed or uses what is not supported, which is named.
    package convenience init(path: FilePath) throws {
        let file = try MappedFile(path)
        try self.init(json: file.bytes(0..<file.count), path: path)
    }

    /// The tokenizer of a model directory.
    package static func file(in directory: FilePath) -> FilePath { directory.appending("tokenizer.json") }

    /// - Parameters:
    ///   - bytes: what a `tokenizer.json` holds.
    ///   - path: what errors name.
    /// - Throws: as `init(path:)`.
    package init(json bytes: [UInt8], path: FilePath) throws {
        let json = try JSONBytes(parsing: bytes, path: path.string)
        let parts = TokenizerFile(json: json, path: path)
        let vocabulary = try parts.vocabulary()
        let added = try parts.addedTokens()
        var ids = vocabulary
        for token in added { ids[token.content] = token.id }
        self.ids = ids
        let normalizers = try parts.normalizers()
        self.normalizers = normalizers
        let found = added.map { token in
            // Such a token is normalised like the text that it is looked for in, and is that text when it is decoded
            // (added_vocabulary.rs, `refresh_added_tokens`).
            token.isNormalized ? token.with(content: normalizers.normalized(token.content)) : token
        }
        addedTokens = AddedTokens(found)
        var tokens = Dictionary(ids.map { ($0.value, $0.key) }, uniquingKeysWith: { first, _ in first })
        for token in found { tokens[token.id] = token.content }
        self.tokens = tokens
        vocabularySize = Int(tokens.keys.max() ?? -1) + 1
        merges = BytePairMerges(try parts.merges(vocabulary))
        byteSymbols = try parts.byteSymbols(vocabulary)
        ignoreMerges = json["model"]?["ignore_merges"]?.bool ?? false
        preTokenizer = try parts.preTokenizer()
        (prefix, suffix) = try parts.template(ids)
    }

    /// The ids that the file's template puts before and after a text.
    package var template: (prefix: [Int32], suffix: [Int32]) { (prefix, suffix) }

    package func tokenID(_ token: String) -> Int32? { ids[Array(token.utf8)] }

    package func token(_ id: Int32) -> String? { tokens[id].map { String(decoding: $0, as: UTF8.self) } }

    /// The ids of `text`, between those that the file's template adds.
    package func encode(_ text: String, addSpecialTokens: Bool = true) -> [Int32] {
        var result = addSpecialTokens ? prefix : []
        for piece in addedTokens.split(Array(text.utf8), normalized: false) {
            switch piece {
            case .token(let id): result.append(id)
            case .text(let bytes): encode(normalizing: bytes, into: &result)
            }
        }
        if addSpecialTokens { result += suffix }
        return result
    }

    /// The text of `ids`; bytes that are no UTF-8 become U+FFFD.
    package func decode(_ ids: [Int32], skipSpecialTokens: Bool = true) -> String {
        var bytes: [UInt8] = []
        for id in ids {
            guard let token = tokens[id] else { continue }
            if let special = addedTokens.isSpecial(id) {
                if !(special && skipSpecialTokens) { bytes += token }
            } else {
                bytes += ByteAlphabet.bytes(of: token)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private func encode(normalizing bytes: ArraySlice<UInt8>, into result: inout [Int32]) {
        guard !bytes.isEmpty else { return }
        let bytes = normalizers.isEmpty ? bytes : normalizers.normalized(Array(bytes))[...]
        guard addedTokens.hasNormalized else { return encode(words: bytes, into: &result) }
        for piece in addedTokens.split(Array(bytes), normalized: true) {
            switch piece {
            case .token(let id): result.append(id)
            case .text(let bytes): encode(words: bytes, into: &result)
            }
        }
    }

    private func encode(words bytes: ArraySlice<UInt8>, into result: inout [Int32]) {
        var symbols: [Int32] = []
        preTokenizer.forEachWord(in: bytes) { word in
            if ignoreMerges, let whole = ids[ByteAlphabet.token(of: word)] {
                result.append(whole)
                return
            }
            symbols.removeAll(keepingCapacity: true)
            byteSymbols.append(word, to: &symbols)
            merges.apply(to: &symbols)
            result += symbols
        }
    }
}

/// The symbols that merges begin with: one for each byte, if the vocabulary has it.
struct ByteSymbols: Sendable {
    /// By byte; -1 for a byte without a token.
    private let ids: [Int32]
    private let isComplete: Bool
    private let unknown: Int32?
    /// Whether unknown bytes in a row are one symbol.
    private let fusesUnknown: Bool

    init(ids: [Int32?], unknown: Int32?, fusesUnknown: Bool) {
        self.ids = ids.map { $0 ?? -1 }
        isComplete = !ids.contains(nil)
        self.unknown = unknown
        self.fusesUnknown = fusesUnknown
    }

    func append(_ word: ArraySlice<UInt8>, to symbols: inout [Int32]) {
        if isComplete {
            for byte in word { symbols.append(ids[Int(byte)]) }
            return
        }
        var followsUnknown = false
        for byte in word {
            let id = ids[Int(byte)]
            if id >= 0 {
                symbols.append(id)
            } else if let unknown, !(fusesUnknown && followsUnknown) {
                symbols.append(unknown)
            }
            followsUnknown = id < 0
        }
    }
}

/// A Unicode normalisation that a tokenizer applies to text first.
enum Normalizer: Sendable {
    case nfc
    case nfd
    case nfkc
    case nfkd
    case lowercase
    /// Takes out combining marks.
    case stripAccents
    case replace(String, with: String)

    func apply(to text: String) -> String {
        switch self {
        case .nfc: text.precomposedStringWithCanonicalMapping
        case .nfd: text.decomposedStringWithCanonicalMapping
        case .nfkc: text.precomposedStringWithCompatibilityMapping
        case .nfkd: text.decomposedStringWithCompatibilityMapping
        case .lowercase: text.lowercased()
        case .stripAccents:
            String(String.UnicodeScalarView(text.unicodeScalars.filter { !Self.isCombiningMark($0) }))
        // Of bytes, not of characters: a line break is replaced in "\r\n" too.
        case .replace(let found, let replacement): text.replacingBytes(of: found, with: replacement)
        }
    }

    /// `is_combining_mark` of unicode-normalization-alignments, which normalizers/strip.rs asks: the categories Mn, Mc and
    /// Me in Unicode 9.0. Two marks of then are letters now.
    private static func isCombiningMark(_ scalar: Unicode.Scalar) -> Bool {
        guard scalar.value >= 0x300 else { return false }
        switch scalar.properties.generalCategory {
        case .nonspacingMark, .spacingMark, .enclosingMark:
            return scalar.properties.age.map { $0.major <= 9 } ?? false
        default: return scalar.value == 0x1CF2 || scalar.value == 0x1CF3
        }
    }
}

extension [Normalizer] {
    /// UTF-8 after each normalizer in order.
    fileprivate func normalized(_ bytes: [UInt8]) -> [UInt8] {
        guard !isEmpty else { return bytes }
        let text = reduce(String(decoding: bytes, as: UTF8.self)) { $1.apply(to: $0) }
        return [UInt8](text.utf8)
    }
}

extension String {
    fileprivate func replacingBytes(of found: String, with replacement: String) -> String {
        let pattern = Array(found.utf8)
        let bytes = Array(utf8)
        guard bytes.contains(pattern[0]) else { return self }
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count)
        var next = 0
        while next < bytes.count {
            if bytes[next...].starts(with: pattern) {
                result += replacement.utf8
                next += pattern.count
            } else {
                result.append(bytes[next])
                next += 1
            }
        }
        return String(decoding: result, as: UTF8.self)
    }
}

/// GPT-2's printable stand-ins for bytes: each byte is one character of the vocabulary's strings
/// (openai/gpt-2, src/encoder.py, `bytes_to_unicode`).
enum ByteAlphabet {
    /// The scalar for each byte.
    static let scalars: [Unicode.Scalar] = {
        var next: UInt32 = 256
        return (0..<256).map { byte in
            if (33...126).contains(byte) || (161...172).contains(byte) || (174...255).contains(byte) {
                return Unicode.Scalar(UInt8(byte))
            }
            defer { next += 1 }
            return Unicode.Scalar(next)!
        }
    }()

    private static let utf8: [[UInt8]] = scalars.map { Array(String(Character($0)).utf8) }

    private static let byteOfScalar: [Unicode.Scalar: UInt8] = Dictionary(
        uniqueKeysWithValues: scalars.enumerated().map { ($1, UInt8($0)) })

    /// The vocabulary's string for bytes of text.
    static func token(of bytes: ArraySlice<UInt8>) -> [UInt8] { bytes.flatMap { utf8[Int($0)] } }

    /// The bytes of text for a string of the vocabulary; a character outside the alphabet stands for itself.
    static func bytes(of token: [UInt8]) -> [UInt8] {
        String(decoding: token, as: UTF8.self).unicodeScalars.flatMap { scalar in
            byteOfScalar[scalar].map { [$0] } ?? Array(String(Character(scalar)).utf8)
        }
    }
}
