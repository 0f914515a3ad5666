/// `-{…}-`: text that a wiki shows in one of the variants of its language (mediawiki.org, Writing systems/Syntax;
/// MediaWiki's ConverterRule.php).
enum LanguageVariants {
    /// Languages whose wikis convert between variants (MediaWiki's LanguageConverterFactory).
    private static let languages: Set<String> = [
        "ban", "crh", "gan", "iu", "ku", "mni", "sh", "shi", "sr", "tg", "tly", "uz", "wuu", "zgh", "zh",
        "kk", "tt",
    ]

    static func areUsed(in language: String?) -> Bool {
        guard let base = language?.split(separator: "-").first else { return false }
        return languages.contains(base.lowercased())
    }

    /// Whether a text has rules of variants, whatever its dump says of its language.
    static func areWritten(in text: [UInt8]) -> Bool {
        var position = 1
        while position < text.count {
            if text[position] == UInt8(ascii: "{"), text[position - 1] == UInt8(ascii: "-") {
                let rest = text[(position + 1)...].prefix(4).map(Bytes.lower)
                if ["zh", "sr-", "h|zh"].contains(where: { rest.starts(with: $0.utf8) }) { return true }
            }
            position += 1
        }
        return false
    }

    /// The range of the text that is shown; nil where nothing is.
    ///
    /// - Parameters:
    ///   - parts: flags and rules, or the rules alone.
    ///   - rules: divides rules at the semicolons that are outside of brackets.
    static func shown(
        _ parts: [Range<Int>], _ text: [UInt8], language: String?, rules: (Range<Int>) -> [Range<Int>]
    ) -> Range<Int>? {
        var body = parts[0].lowerBound..<parts[parts.count - 1].upperBound
        if parts.count > 1 {
            let flags = String(decoding: text[parts[0]], as: UTF8.self).split(separator: ";").map {
                $0.filter { !$0.isWhitespace }
            }
            body = parts[1].lowerBound..<body.upperBound
            if flags.contains("R") || flags.contains("N") { return body }
            if flags.contains("H") || flags.contains("-") || flags == ["T"] { return nil }
        }
        return choice(rules(body), text, language: language) ?? body
    }

    /// Of `zh-hans:…;zh-hant:…` the rule of the wiki's own language, else the first; nil where the text has no rules.
    private static func choice(_ pieces: [Range<Int>], _ text: [UInt8], language: String?) -> Range<Int>? {
        var rules: [(variant: String, value: Range<Int>)] = []
        for piece in pieces {
            if let rule = rule(piece, text) {
                rules.append(rule)
            } else if let last = rules.indices.last {
                // A semicolon within a rule's text, or after the last rule.
                let isBlank = Bytes.trimmed(text[piece]).isEmpty
                if !isBlank { rules[last].value = rules[last].value.lowerBound..<piece.upperBound }
            } else {
                return nil
            }
        }
        return (rules.first { $0.variant == language?.lowercased() } ?? rules.first)?.value
    }

    /// Bytes before the text of a rule, at most; looking further in nested text would take long.
    private static let longestHead = 400

    /// `variant:text` or `from=>variant:text`.
    private static func rule(_ piece: Range<Int>, _ text: [UInt8]) -> (variant: String, value: Range<Int>)? {
        var start = piece.lowerBound
        let head = piece.lowerBound..<min(piece.upperBound, piece.lowerBound + longestHead)
        if let arrow = Bytes.find("=>", in: text, from: start, until: head.upperBound) { start = arrow + 2 }
        guard let colon = text[start..<head.upperBound].firstIndex(of: UInt8(ascii: ":")) else { return nil }
        let variant = Bytes.trimmed(text[start..<colon])
        guard (2...16).contains(variant.count),
            variant.allSatisfy({ Bytes.isLetter($0) || $0 == UInt8(ascii: "-") })
        else { return nil }
        return (String(decoding: variant, as: UTF8.self).lowercased(), colon + 1..<piece.upperBound)
    }
}
