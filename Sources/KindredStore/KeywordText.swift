import Foundation

/// Text as the full-text index has it: words without their inflection, a space between them.
///
/// Compatibility forms (ligatures, full width) are their letters, ß is ss, ё is е, and vowel signs that a script may leave
/// out (Arabic, Hebrew) are gone. Words are stemmed (`KeywordStems`). A word with an apostrophe is there in its parts and
/// then as one word, so that it is found as "l'eau", "l’eau", "eau" and "leau". Scripts that write no spaces between words
/// (Chinese, Japanese, Thai and its neighbours), and Korean, which writes particles to its nouns, are written as pairs of
/// characters that overlap, and the last character of a run alone; as in Lucene's CJKBigramFilter. Words of other scripts
/// within such text stand alone.
package enum KeywordText {
    /// A piece of a text.
    package enum Piece {
        /// A word, divided at its apostrophes.
        case word([String])
        /// Characters, as a reader sees them, of a script without spaces.
        case run([String])
    }

    /// What the full-text index is given for a text.
    static func indexed(_ text: String, _ stems: KeywordStems) -> String {
        var result = ""
        result.reserveCapacity(text.utf8.count)
        for piece in pieces(text) {
            for term in terms(of: piece, stems) {
                if !result.isEmpty { result += " " }
                result += term
            }
        }
        return result
    }

    /// Each word of the texts that differs from its term, once, as the column `exact` has it.
    static func exactForms(_ texts: [String], _ stems: KeywordStems) -> String {
        var seen: Set<String> = []
        var result = ""
        for text in texts {
            for case .word(let parts) in pieces(text) {
                for word in stems.withoutPossessive(parts) {
                    guard let form = exactForm(word, stems), seen.insert(form).inserted else { continue }
                    if !result.isEmpty { result += " " }
                    result += form
                }
            }
        }
        return result
    }

    /// A word as the column `exact` has it, with a mark that no other term begins with; nil where it is its own term.
    static func exactForm(_ word: String, _ stems: KeywordStems) -> String? {
        let form = stems.exact(word)
        return form == stems.term(word) ? nil : "\u{E000}" + form
    }

    /// The terms of the index for a piece.
    package static func terms(of piece: Piece, _ stems: KeywordStems) -> [String] {
        switch piece {
        case .word(let parts):
            let parts = stems.withoutPossessive(parts)
            return parts.map(stems.term) + (parts.count > 1 ? [stems.term(parts.joined())] : [])
        case .run(let characters): return grams(characters) + characters.suffix(1)
        }
    }

    /// Pairs of characters that follow each other.
    static func grams(_ characters: [String]) -> [String] {
        zip(characters, characters.dropFirst()).map { $0 + $1 }
    }

    /// Divides a text into words and runs; case and accents stay.
    package static func pieces(_ text: String) -> [Piece] {
        let text = folded(text)
        guard text.unicodeScalars.contains(where: isPaired) else { return words(text.unicodeScalars) }
        var pieces: [Piece] = []
        var other = String.UnicodeScalarView()
        var run: [String] = []
        for character in text {
            if character.unicodeScalars.first.map(isPaired) == true {
                if !other.isEmpty { pieces += words(other) }
                other = .init()
                run.append(String(character))
            } else {
                if !run.isEmpty { pieces.append(.run(run)) }
                run = []
                other.append(contentsOf: character.unicodeScalars)
            }
        }
        if !other.isEmpty { pieces += words(other) }
        if !run.isEmpty { pieces.append(.run(run)) }
        return pieces
    }

    private static func words(_ text: String.UnicodeScalarView) -> [Piece] {
        var words: [Piece] = []
        var parts: [String] = []
        var part = String.UnicodeScalarView()
        var isAfterApostrophe = false
        func endPart() {
            if !part.isEmpty { parts.append(String(part)) }
            part = .init()
        }
        func endWord() {
            endPart()
            if !parts.isEmpty { words.append(.word(parts)) }
            parts = []
        }
        for scalar in text {
            // In the scripts of India it tells how letters are drawn.
            if scalar.value == 0x200C, !isApostrophe(scalar, after: part.last) { continue }
            if isApostrophe(scalar, after: part.last) {
                isAfterApostrophe = true
                continue
            }
            let isInside = isWord(scalar)
            if isAfterApostrophe {
                // Only one that stands between two letters is part of the word.
                if isInside, isLetter(scalar), part.last.map(isLetter) == true {
                    endPart()
                } else {
                    endWord()
                }
                isAfterApostrophe = false
            }
            if isInside { part.append(scalar) } else { endWord() }
        }
        endWord()
        return words
    }

    /// Whether a character is part of words, by the categories of FTS5's unicode61: combining marks are, as vowels are in
    /// the scripts of India.
    package static func isWord(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.value < 0x80 {
            return switch scalar.value {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
            default: false
            }
        }
        return switch scalar.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter,
            .decimalNumber, .letterNumber, .otherNumber, .privateUse, .nonspacingMark, .spacingMark:
            true
        default: false
        }
    }

    private static func isLetter(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x30...0x39: false
        default: isWord(scalar)
        }
    }

    /// Whether a character after a letter may be an apostrophe: those of any keyboard, the letters that transliterations
    /// write so; in a Hebrew word also a quotation mark, which stands in abbreviations; and the mark that keeps the parts
    /// of a Persian word apart, which some leave out.
    package static func isApostrophe(_ scalar: Unicode.Scalar, after last: Unicode.Scalar?) -> Bool {
        switch scalar.value {
        case 0x27, 0x60, 0xB4, 0x2018, 0x2019, 0x201B, 0x2032, 0x02B9...0x02BF, 0x02C8, 0xA78C: true
        case 0x200C: last.map { (0x0620...0x06FF).contains($0.value) } ?? false
        case 0x05F3, 0x05F4, 0x22, 0x201D: last.map { (0x05D0...0x05EA).contains($0.value) } ?? false
        default: false
        }
    }

    private static func needsWork(_ text: String) -> Bool { text.unicodeScalars.contains(where: needsWork) }

    /// Whether a character may be written in another way than it stands. Letters of Europe are not, but for a few, nor are
    /// dashes and quotation marks: most text stays as it is, and is quickly told.
    private static func needsWork(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0..<0xAA: false
        case 0xAA, 0xAD, 0xB2, 0xB3, 0xB4, 0xB9, 0xBA, 0xBC...0xBE, 0xC6, 0xDF, 0xE6, 0x152, 0x153: true
        case 0x401, 0x451, 0x490, 0x491: true
        case 0..<0x250, 0x370..<0x530, 0x2010..<0x2060: false
        default: true
        }
    }

    private static func folded(_ text: String) -> String {
        guard needsWork(text) else { return text }
        var result = String.UnicodeScalarView()
        // The form of compatibility turns the acute accent, where it is an apostrophe, into a space and a mark.
        let text = text.replacingOccurrences(of: "\u{B4}", with: "'")
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
        case "ё": "е"
        case "Ё": "Е"
        case "ґ": "г"
        case "Ґ": "Г"
        // Letters of Arabic that are written one for another: alef with a sign, final yeh, and those of Persian and Urdu
        // (Lucene's ArabicNormalizer and PersianNormalizer).
        case "أ", "إ", "آ", "ٱ": "ا"
        case "ى", "ی": "ي"
        case "ک": "ك"
        default: nil
        }
    }

    /// Combining marks of Latin letters, vowel signs of Arabic and Hebrew, the Arabic stroke that lengthens a word, and
    /// characters that show nothing.
    package static func isOptionalMark(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x0300...0x036F, 0x0591...0x05BD, 0x05BF, 0x05C1, 0x05C2, 0x05C4, 0x05C5, 0x05C7: true
        case 0x0610...0x061A, 0x0640, 0x064B...0x065F, 0x0670, 0x06D6...0x06DC, 0x06DF...0x06E8,
            0x06EA...0x06ED:
            true
        case 0x00AD, 0x200B, 0x200D...0x200F, 0x2060, 0xFE00...0xFE0F, 0xFEFF: true
        default: false
        }
    }

    /// Whether a letter is of a script that is written as pairs.
    package static func isPaired(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0..<0xE01: false
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
