import Foundation

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
        if call.traits.contains(.aside) { return nil }
        if call.traits.contains(.flag), isPicture(call, until: end, in: parser) { return nil }
        if let lists = lists(call, in: parser) { return lists }
        let values = call.positional.filter { !$0.isEmpty }
        if values.isEmpty, call.named.isEmpty {
            if partsMeasure(start, end, parser.text) { return [.text(" ")] }
            guard standsAsWord(start, end, parser.text) else { return nil }
            return call.traits.contains(.showsName) ? [.text(call.written)] : nil
        }
        guard standsAsWord(start, end, parser.text) else { return prose(values, call, start, parser) }
        guard (1...4).contains(values.count), call.named.count <= 2, !call.name.contains(":") else {
            return nil
        }
        let strings = values.map { parser.string($0) }
        let limit = values.count == 1 ? longestAlone : longest
        guard strings.allSatisfy({ $0.utf8.count <= limit && isText($0) }) else { return nil }
        // A template with a value that is the article's title looks up something of it.
        if values.count > 1, strings.contains(parser.title) { return nil }
        if strings[0].first?.isNumber == true { return measure(values, strings, call) }
        // After a language's code comes what is in that language.
        let skipsCode = values.count > 1 && isLanguageCode(strings[0])
        return [.value(values[skipsCode ? 1 : 0])]
    }

    /// A number with what follows it: a unit with its exponent, months, words.
    private static func measure(
        _ values: [Range<Int>], _ strings: [String], _ call: TemplateCall
    ) -> [TemplatePiece]? {
        // "{{US$|5}}" and "{{€|5}}" begin with their sign, "{{INR|5}}" with its code.
        let isCode = currencies.contains(call.written)
        let isMoney = call.written.contains { $0.isCurrencySymbol }
        var pieces: [TemplatePiece] = isMoney || isCode ? [.text(call.written + (isCode ? " " : ""))] : []
        for (index, value) in values.enumerated() {
            let exponent = exponents[strings[index]]
            if index > 1, let exponent, strings[index - 1].first?.isLetter == true {
                pieces.append(.text(exponent))
            } else {
                if index > 0 { pieces.append(.text(" ")) }
                pieces.append(.value(value))
            }
        }
        return pieces
    }

    private static let currencies = Set(Locale.commonISOCurrencyCodes)

    private static let exponents = ["2": "²", "3": "³", "4": "⁴", "-1": "⁻¹", "-2": "⁻²", "-3": "⁻³"]

    /// The code of a language, "de" or "grc" (ISO 639), perhaps with a script or a country.
    private static func isLanguageCode(_ string: String) -> Bool {
        if LinkPrefix.isLanguage(string) { return true }
        let parts = string.split(separator: "-", omittingEmptySubsequences: false)
        guard let first = parts.first, (2...3).contains(first.count), parts.count <= 3 else { return false }
        return first.allSatisfy { $0.isASCII && $0.isLowercase }
            && parts.allSatisfy { !$0.isEmpty && $0.count <= 8 }
    }

    /// The values of a template whose one purpose is to arrange lists in columns or without marks.
    private static func lists(_ call: TemplateCall, in parser: WikitextParser) -> [TemplatePiece]? {
        guard call.parameters.count + call.numbered.count <= 12, !call.traits.contains(.box),
            !call.traits.contains(.navigation),
            !call.parameters.contains(where: { isNavigationKey($0.name) })
        else { return nil }
        let values = call.numbered.sorted { $0.key < $1.key }.map(\.value) + call.parameters.map(\.value)
        let lists = values.filter { isList(parser.text[$0]) }
        // Boxes and navigation have more that is no list: titles, groups, pictures.
        guard !lists.isEmpty, values.count - lists.count <= 4 else { return nil }
        return lists.flatMap { [.value($0), .text("\n")] }
    }

    /// Whether a name says that its template is a box of links.
    static func isNavigation(_ name: String) -> Bool { navigation.isPart(of: name.utf8) }

    private static let navigation: WordParts = [
        "nav", "sidebar", "portal", "palette", "succession", "ناو", "נוו", "ナビ", "导航", "導航",
    ]

    /// Whether a parameter's name is one of a navigation box, "list1" or "group2".
    private static func isNavigationKey(_ name: String) -> Bool {
        let word = name.lowercased().prefix { $0.isLetter }
        let isNumbered = word.count < name.count && name.dropFirst(word.count).allSatisfy(\.isNumber)
        return isNumbered && navigationKeys.contains(word)
    }

    private static let navigationKeys: Set<Substring> = [
        "list", "group", "liste", "lista", "grupo", "groupe", "gruppe", "gruppo", "группа", "список",
    ]

    /// Whether a value is two items at least, and nothing before.
    private static func isList(_ value: ArraySlice<UInt8>) -> Bool {
        guard let first = value.first, first == UInt8(ascii: "*") || first == UInt8(ascii: "#") else {
            return false
        }
        guard let end = value.firstIndex(of: 0x0A), end + 1 < value.endIndex else { return false }
        return value[end + 1] == first || value[(end + 1)...].firstRange(of: [0x0A, first]) != nil
    }

    /// Letters of a text, at least, that is shown although its template stands on a line of its own: a paragraph that a
    /// template marks as doubtful, or frames. Hatnotes are shorter.
    private static let lettersOfProse = 150

    private static func prose(
        _ values: [Range<Int>], _ call: TemplateCall, _ start: Int, _ parser: WikitextParser
    ) -> [TemplatePiece]? {
        guard values.count == 1, call.parameters.count <= 2, isBlockStart(start, parser.text) else {
            return nil
        }
        let value = parser.text[values[0]]
        guard value.count >= lettersOfProse, !value.contains(0x0A) || value.first != UInt8(ascii: "{") else {
            return nil
        }
        let letters = value.prefix(4_000).count { Bytes.isWord($0) }
        let marks = value.prefix(4_000).count { "{}=|".utf8.contains($0) }
        return letters >= lettersOfProse && marks * 20 < letters ? [.value(values[0])] : nil
    }

    private static func isBlockStart(_ start: Int, _ text: [UInt8]) -> Bool {
        start == 0 || text[start - 1] == 0x0A
    }

    /// Whether a template without parameters stands between a number and its unit, as those for spaces do.
    private static func partsMeasure(_ start: Int, _ end: Int, _ text: [UInt8]) -> Bool {
        start > 0 && Bytes.isDigit(text[start - 1]) && end < text.count
            && (Bytes.isLetter(text[end]) || text[end] == UInt8(ascii: "%"))
    }

    /// Whether a flag stands before the name that belongs to it.
    private static func isPicture(_ call: TemplateCall, until end: Int, in parser: WikitextParser) -> Bool {
        if AsideTemplate.isIcon(call.name) { return true }
        // "{{USA}}" alone is a flag, "{{USD|5}}" is none.
        if !call.numbered.isEmpty, call.written.utf8.count == 3 { return false }
        if isBeforeLink(end, parser.text) { return true }
        let value = call.positional.first.map { parser.string($0) } ?? ""
        let isCode =
            (2...3).contains(value.utf8.count) && value.utf8.allSatisfy { (0x41...0x5A).contains($0) }
        return isCode && goesOn(parser.text, end + 1)
    }

    private static func isBeforeLink(_ end: Int, _ text: [UInt8]) -> Bool {
        var position = end
        while position < text.count, text[position] == 0x20 || text[position] == UInt8(ascii: "'") {
            position += 1
        }
        return position < text.count && text[position] == UInt8(ascii: "[")
    }

    /// Whether a template without parameters shows its name, as "{{1er}}" and "{{XXe siècle}}" do: it begins with a
    /// number, in Roman digits perhaps, or a sign.
    static func isItsText(_ name: String) -> Bool {
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
        if line.isEmpty {
            if after >= 0x80, let next = Bytes.scalar(text, at: end), isUnspaced(next) { return true }
            return after == 0x20 && end + 1 < text.count && goesOn(text, end + 1)
        }
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
