/// Templates that are known by nothing but where they stand.
///
/// No dump says what a template shows without running it. But one that stands in a sentence as a word does, with
/// spaces or brackets around it and short positional parameters, shows these in almost every language: a date, a
/// measure, a quotation, a person's title. Notes follow a word or a full stop without a space, boxes and hatnotes stand
/// on lines of their own: they are left out.
enum InlineTemplate {
    /// Bytes of a parameter that is shown, at most, but for a single one, which may be a quotation.
    private static let longest = 80
    private static let longestAlone = 1000

    /// - Parameters:
    ///   - start: where the template opens.
    ///   - end: past its closing braces.
    /// - Returns: nil where it is left out.
    static func pieces(
        _ call: TemplateCall, from start: Int, until end: Int, in parser: WikitextParser
    ) -> [TemplatePiece]? {
        guard standsAsWord(start, end, parser.text) else { return nil }
        let values = call.positional.filter { !$0.isEmpty }
        if values.isEmpty, call.named.isEmpty { return isItsText(call.written) ? [.text(call.written)] : nil }
        guard (1...4).contains(values.count), call.named.count <= 2, !call.name.contains(":") else {
            return nil
        }
        let strings = values.map { parser.string($0) }
        let limit = values.count == 1 ? longestAlone : longest
        guard strings.allSatisfy({ $0.utf8.count <= limit && isText($0) }) else { return nil }
        if strings[0].first?.isNumber == true {
            // "{{US$|5}}" and "{{€|5}}" begin with their sign.
            let isMoney = call.written.contains { $0.isCurrencySymbol }
            return KnownTemplate.joined(values, " ", before: isMoney ? call.written : "")
        }
        // After a language's code comes what is in that language.
        let skipsCode = values.count > 1 && LinkPrefix.isLanguage(strings[0])
        return [.value(values[skipsCode ? 1 : 0])]
    }

    /// Whether a template without parameters shows its name, as "{{1er}}" and "{{XXe siècle}}" do: it begins with a
    /// number, in Roman digits perhaps, or a sign.
    private static func isItsText(_ name: String) -> Bool {
        guard let first = name.first, name.contains(where: { $0.isLetter }) else { return false }
        guard first.isLetter else { return first != "#" }
        let roman = name.prefix { "IVXLCDM".contains($0) }
        return !roman.isEmpty && name.dropFirst(roman.count).first?.isLowercase == true && name.contains(" ")
            && name.dropFirst(roman.count).prefix { $0 != " " }.count <= 3
    }

    /// No address, no name of a file, no lines of a box.
    private static func isText(_ string: String) -> Bool {
        !string.contains("\n") && !string.contains("://") && !LinkPrefix.namesFile(string[...])
    }

    private static func standsAsWord(_ start: Int, _ end: Int, _ text: [UInt8]) -> Bool {
        let after = end < text.count ? text[end] : 0x0A
        var lineStart = start
        while lineStart > 0, start - lineStart < 64, text[lineStart - 1] != 0x0A { lineStart -= 1 }
        let line = text[lineStart..<start].drop { $0 == 0x20 || listMarks.contains($0) }
        if line.isEmpty { return after == 0x20 && end + 1 < text.count && goesOn(text, end + 1) }
        if "{<[".utf8.contains(after) || Bytes.isLetter(after) { return false }
        guard let before = scalar(before: start, text) else { return false }
        if before.properties.isWhitespace { return line.contains(where: Bytes.isWord) }
        if isUnspaced(before) { return goesOn(text, end) && after >= 0x80 }
        return openings.contains(before)
    }

    private static let listMarks: Set<UInt8> = Set("*#:;".utf8)

    /// What a word may follow without a space.
    private static let openings: Set<Unicode.Scalar> = Set("('\"’‘“„«‹—–-/".unicodeScalars)

    private static func scalar(before position: Int, _ text: [UInt8]) -> Unicode.Scalar? {
        var start = position - 1
        while start > 0, position - start < 4, text[start] & 0xC0 == 0x80 { start -= 1 }
        return start >= 0 ? Bytes.scalar(text, at: start) : nil
    }

    /// Whether a sentence goes on at `position`.
    private static func goesOn(_ text: [UInt8], _ position: Int) -> Bool {
        guard position < text.count else { return false }
        let byte = text[position]
        return Bytes.isWord(byte) || byte == UInt8(ascii: "'") || byte == UInt8(ascii: "[")
            || byte == UInt8(ascii: "(")
    }

    /// A letter of a script that writes no spaces, Chinese, Japanese or Thai, or a comma or an opening bracket there.
    private static func isUnspaced(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x0E00...0x0EFF, 0x3041...0x30FF, 0x3400...0x9FFF: true
        default: "、，「『（・《".unicodeScalars.contains(scalar)
        }
    }
}
