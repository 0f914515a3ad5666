import Foundation

/// A change of the text before it is cut (tokenizers, normalizers).
enum Normalizer: Sendable {
    case nfc
    case nfd
    case nfkc
    case nfkd
    case lowercase
    /// Takes out combining marks.
    case stripAccents
    /// Takes out white space at the ends.
    case strip(left: Bool, right: Bool)
    case prepend(String)
    case replace(TextPattern, with: String)
    case nmt
    case bert(BERTNormalizer)
    case precompiled(PrecompiledCharacters)

    func apply(to text: String) -> String {
        switch self {
        case .nfc: text.precomposedStringWithCanonicalMapping
        case .nfd: text.decomposedStringWithCanonicalMapping
        case .nfkc: text.precomposedStringWithCompatibilityMapping
        case .nfkd: text.decomposedStringWithCompatibilityMapping
        case .lowercase: text.lowercased()
        case .stripAccents:
            String(String.UnicodeScalarView(text.unicodeScalars.filter { !Self.isCombiningMark($0) }))
        case .strip(let left, let right): Self.strip(text, left: left, right: right)
        case .prepend(let prefix): text.isEmpty ? text : prefix + text
        // Of bytes, not of characters: a line break is replaced in "\r\n" too.
        case .replace(let pattern, let replacement): pattern.replacing(in: text, with: replacement)
        case .nmt: Self.nmt(text)
        case .bert(let normalizer): normalizer.apply(to: text)
        case .precompiled(let characters): characters.apply(to: text)
        }
    }

    private static func strip(_ text: String, left: Bool, right: Bool) -> String {
        var scalars = text.unicodeScalars[...]
        if left { scalars = scalars.drop { $0.properties.isWhitespace } }
        if right { while let last = scalars.last, last.properties.isWhitespace { scalars.removeLast() } }
        return String(scalars)
    }

    /// What normalizers/unicode.rs does for SentencePiece's rules called "nmt": control characters go, odd spaces become
    /// spaces.
    private static func nmt(_ text: String) -> String {
        var result = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            switch scalar.value {
            case 0x0001...0x0008, 0x000B, 0x000E...0x001F, 0x007F, 0x008F, 0x009F: continue
            case 0x0009, 0x000A, 0x000C, 0x000D, 0x1680, 0x200B...0x200F, 0x2028, 0x2029, 0x2581, 0xFEFF,
                0xFFFD:
                result.append(" ")
            default: result.append(scalar)
            }
        }
        return String(result)
    }

    /// `is_combining_mark` of unicode-normalization-alignments, which normalizers/strip.rs asks: the categories Mn, Mc and
    /// Me in Unicode 9.0. Two marks of then are letters now.
    static func isCombiningMark(_ scalar: Unicode.Scalar) -> Bool {
        guard scalar.value >= 0x300 else { return false }
        switch scalar.properties.generalCategory {
        case .nonspacingMark, .spacingMark, .enclosingMark:
            return scalar.isOld(as: 9)
        default: return scalar.value == 0x1CF2 || scalar.value == 0x1CF3
        }
    }
}

extension [Normalizer] {
    /// UTF-8 after each normalizer in order.
    func normalized(_ bytes: [UInt8]) -> [UInt8] {
        guard !isEmpty else { return bytes }
        let text = reduce(String(decoding: bytes, as: UTF8.self)) { $1.apply(to: $0) }
        return [UInt8](text.utf8)
    }
}

/// BERT's own cleaning of texts (tokenizers, normalizers/bert.rs).
struct BERTNormalizer: Sendable {
    /// Whether control characters go and white space becomes spaces.
    let cleans: Bool
    /// Whether spaces are put around Chinese characters.
    let separatesChinese: Bool
    let stripsAccents: Bool
    let lowercases: Bool

    func apply(to text: String) -> String {
        var scalars = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            if cleans {
                if scalar.value == 0 || scalar.value == 0xFFFD || Self.isControl(scalar) { continue }
                if scalar.properties.isWhitespace {
                    scalars.append(" ")
                    continue
                }
            }
            if separatesChinese, Self.isChinese(scalar) {
                scalars.append(" ")
                scalars.append(scalar)
                scalars.append(" ")
            } else {
                scalars.append(scalar)
            }
        }
        var result = String(scalars)
        if stripsAccents {
            let decomposed = result.decomposedStringWithCanonicalMapping.unicodeScalars
            result = String(
                String.UnicodeScalarView(decomposed.filter { !Self.isMark($0) }))
        }
        // Scalar by scalar, as the reference does: a final sigma is a sigma.
        guard lowercases else { return result }
        return result.unicodeScalars.reduce(into: "") { $0 += $1.properties.lowercaseMapping }
    }

    /// Categories are those of Unicode 8.0, whose tables the reference has (the crate unicode_categories). One mark of today
    /// was punctuation.
    private static func isMark(_ scalar: Unicode.Scalar) -> Bool {
        scalar.properties.generalCategory == .nonspacingMark && scalar.isOld(as: 8) && scalar.value != 0x111C9
    }

    /// Tab and line breaks are white space here.
    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        if scalar == "\t" || scalar == "\n" || scalar == "\r" { return false }
        switch scalar.properties.generalCategory {
        case .control, .privateUse, .surrogate: return true
        case .format: return scalar.isOld(as: 8)
        default: return false
        }
    }

    private static func isChinese(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x4E00...0x9FFF, 0x3400...0x4DBF, 0x20000...0x2A6DF, 0x2A700...0x2B73F, 0x2B740...0x2B81F,
            0x2B920...0x2CEAF, 0xF900...0xFAFF, 0x2F800...0x2FA1F:
            return true
        default: return false
        }
    }
}

/// SentencePiece's rules of normalisation, compiled: a double-array trie from texts to what replaces them
/// (google/sentencepiece, src/normalizer.cc; s-yata/darts-clone for the array; tokenizers' spm_precompiled).
struct PrecompiledCharacters: Sendable {
    private let units: [UInt32]
    private let texts: [UInt8]

    /// - Parameter map: u32 bytes of the trie, the trie, then texts that end in 0.
    /// - Returns: nil where that is malformed.
    init?(_ map: [UInt8]) {
        func word(_ index: Int) -> UInt32 {
            (0..<4).reduce(0) { $0 | UInt32(map[index + $1]) << (8 * UInt32($1)) }
        }
        guard map.count >= 4 else { return nil }
        let size = Int(word(0))
        guard size > 0, size % 4 == 0, size <= map.count - 4 else { return nil }
        units = (0..<size / 4).map { word(4 + 4 * $0) }
        texts = Array(map[(4 + size)...])
    }

    func apply(to text: String) -> String {
        var result: [UInt8] = []
        result.reserveCapacity(text.utf8.count)
        for character in text {
            let bytes = Array(character.utf8)
            if bytes.count < 6, let replacement = replacement(of: bytes) {
                result += replacement
                continue
            }
            for scalar in character.unicodeScalars {
                let bytes = Array(String(scalar).utf8)
                result += replacement(of: bytes) ?? bytes[...]
            }
        }
        return String(decoding: result, as: UTF8.self)
    }

    /// What replaces the shortest text of the trie that `key` begins with; nil for none.
    private func replacement(of key: [UInt8]) -> ArraySlice<UInt8>? {
        func offset(_ unit: UInt32) -> Int { Int((unit >> 10) << ((unit & (1 << 9)) >> 6)) }
        var node = offset(units[0])
        for byte in key {
            guard byte != 0 else { return nil }
            node ^= Int(byte)
            guard units.indices.contains(node) else { return nil }
            let unit = units[node]
            guard unit & (1 << 31 | 0xFF) == UInt32(byte) else { return nil }
            node ^= offset(unit)
            guard units.indices.contains(node) else { return nil }
            if unit >> 8 & 1 == 1 {
                let start = Int(units[node] & (1 << 31 - 1))
                guard start < texts.count else { return nil }
                return texts[start...].prefix { $0 != 0 }
            }
        }
        return nil
    }
}
