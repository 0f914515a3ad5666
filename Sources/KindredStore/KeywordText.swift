import Foundation

/// Text as the full-text index has it, in which SQLite's tokenizer finds the words of every script.
///
/// Compatibility forms (ligatures, full width) are their letters, ß is ss, and vowel signs that a script may leave out
/// (Arabic, Hebrew) are gone. Scripts that write no spaces between words (Chinese, Japanese, Thai and its neighbours), and
/// Korean, which writes particles to its nouns, are written as pairs of characters that overlap, and the last character
/// of a run alone; as in Lucene's CJKBigramFilter. Words of other scripts within such text stand alone.
package enum KeywordText {
    /// What the full-text index is given for a text.
    package static func indexed(_ text: String) -> String {
        guard needsWork(text) else { return text }
        var result = ""
        for piece in pieces(folded(text)) {
            switch piece {
            case .other(let part): result.unicodeScalars.append(contentsOf: part)
            case .run(let characters): result += " " + grams(characters).joined(separator: " ") + " "
            }
        }
        return result
    }

    /// The words of a question, in order: those of `indexed`, but that of a single character, which may begin any pair.
    static func words(_ query: String) -> [(word: String, isPrefix: Bool)] {
        var words: [(String, Bool)] = []
        for piece in pieces(folded(query.lowercased())) {
            switch piece {
            case .other(let part):
                words += String(String.UnicodeScalarView(part)).split { !isWord($0) }.map {
                    (String($0), false)
                }
            case .run(let characters):
                if characters.count == 1 {
                    words.append((characters[0], true))
                } else {
                    words += grams(characters).dropLast().map { ($0, false) }
                }
            }
        }
        return words
    }

    private static func isWord(_ character: Character) -> Bool { character.isLetter || character.isNumber }

    private enum Piece {
        case other([Unicode.Scalar])
        /// Characters as a reader sees them.
        case run([String])
    }

    private static func grams(_ characters: [String]) -> [String] {
        zip(characters, characters.dropFirst()).map { $0 + $1 } + characters.suffix(1)
    }

    private static func needsWork(_ text: String) -> Bool { text.unicodeScalars.contains(where: needsWork) }

    /// Whether a character may be written in another way than it stands. Letters of Europe are not, but for a few, nor are
    /// dashes and quotation marks: most text stays as it is, and is quickly told.
    private static func needsWork(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0..<0xAA: false
        case 0xAA, 0xAD, 0xB2, 0xB3, 0xB9, 0xBA, 0xBC...0xBE, 0xC6, 0xDF, 0xE6, 0x152, 0x153: true
        case 0..<0x250, 0x370..<0x530, 0x2010...0x205F: false
        default: true
        }
    }

    private static func folded(_ text: String) -> String {
        guard needsWork(text) else { return text }
        var result = String.UnicodeScalarView()
        for scalar in text.precomposedStringWithCompatibilityMapping.unicodeScalars {
            if isOptionalMark(scalar) { continue }
            if let other = substitute(scalar) {
                result.append(contentsOf: other.unicodeScalars)
            } else {
                result.append(scalar)
            }
        }
        return String(result)
    }

    private static func substitute(_ scalar: Unicode.Scalar) -> String? {
        switch scalar {
        case "ß": "ss"
        case "ẞ": "SS"
        case "æ": "ae"
        case "Æ": "AE"
        case "œ": "oe"
        case "Œ": "OE"
        // Letters of Arabic that are written one for another: alef with a sign, final yeh, teh marbuta, and those of
        // Persian and Urdu (Lucene's ArabicNormalizer and PersianNormalizer).
        case "أ", "إ", "آ", "ٱ": "ا"
        case "ى", "ی": "ي"
        case "ة": "ه"
        case "ک": "ك"
        default: nil
        }
    }

    /// Combining marks of Latin letters, vowel signs of Arabic and Hebrew, the Arabic stroke that lengthens a word, and characters that show nothing.
    private static func isOptionalMark(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x0300...0x036F, 0x0591...0x05BD, 0x05BF, 0x05C1, 0x05C2, 0x05C4, 0x05C5, 0x05C7: true
        case 0x0610...0x061A, 0x0640, 0x064B...0x065F, 0x0670, 0x06D6...0x06DC, 0x06DF...0x06E8,
            0x06EA...0x06ED:
            true
        case 0x00AD, 0x200B...0x200F, 0x2060, 0xFE00...0xFE0F, 0xFEFF: true
        default: false
        }
    }

    /// Divides text into runs of scripts that are written as pairs, and the rest.
    private static func pieces(_ text: String) -> [Piece] {
        guard text.unicodeScalars.contains(where: isPaired) else {
            return [.other(Array(text.unicodeScalars))]
        }
        var pieces: [Piece] = []
        var other: [Unicode.Scalar] = []
        var run: [String] = []
        for character in text {
            if character.unicodeScalars.first.map(isPaired) == true {
                if !other.isEmpty { pieces.append(.other(other)) }
                other = []
                run.append(String(character))
            } else {
                if !run.isEmpty { pieces.append(.run(run)) }
                run = []
                other += character.unicodeScalars
            }
        }
        if !other.isEmpty { pieces.append(.other(other)) }
        if !run.isEmpty { pieces.append(.run(run)) }
        return pieces
    }

    /// Whether a letter is of a script that is written as pairs.
    private static func isPaired(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x0E01...0x0E3A, 0x0E40...0x0E4E, 0x0E81...0x0ECE, 0x1000...0x103F, 0x1050...0x108F,
            0x1780...0x17D3:
            true
        case 0x1100...0x11FF, 0xAC00...0xD7A3: true
        case 0x3005...0x3007, 0x3041...0x3096, 0x309D...0x30FA, 0x30FC...0x30FF, 0x3105...0x312F: true
        case 0x3400...0x4DBF, 0x4E00...0x9FFF, 0xF900...0xFAFF, 0x20000...0x323AF: true
        default: false
        }
    }
}
