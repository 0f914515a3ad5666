/// Templates whose text is part of the prose around them. All others are boxes, notes and layout, and are left out.
enum KnownTemplate {
    case text([UInt8])
    /// Parameters to show, by position, with what stands between, before and after them.
    case parts([Int], separator: [UInt8], before: [UInt8], after: [UInt8])

    /// Show the first parameter.
    private static let shown: Set<String> = [
        "nowrap", "nobr", "nobold", "noitalic", "small", "smaller", "big", "larger", "abbr", "smallcaps",
        "sc", "em",
        "strong", "ill", "interlanguage link", "math", "mvar", "var", "sup", "sub", "flag", "flagcountry",
        "flagu", "mono",
        "code", "tt", "kbd", "samp", "angbr", "angle bracket", "center", "centre", "visible anchor",
        "anchorlink", "anchored",
        "plainlist", "flatlist", "quote", "blockquote", "cquote", "quotation", "bquote", "quote box",
        "rquote", "poemquote",
        "ipa link", "keypress", "font color", "as written", "linktext", "no wrap", "nihongo2", "zh",
        "script/hebrew", "hebrew",
        "citation needed span", "clarify span", "ensp", "text", "nowraplinks", "resize", "color", "underline",
        "bibleverse", "verse",
    ]

    private static let fixed: [String: String] = [
        "ndash": "–", "en dash": "–", "mdash": "—", "em dash": "—", "spnd": " – ", "snd": " – ",
        "spaced ndash": " – ",
        "spaced en dash": " – ", "'": "'", "\"": "\"", "nbsp": " ", "sp": " ", "thinsp": " ", "space": " ",
        "okina": "ʻ",
        "hamza": "ʼ", "=": "=", "!": "|", "pi": "π", "minus": "−", "times": "×", "dot": "·", "middot": "·",
        "bull": "•", "ad": "AD", "bc": "BC",
    ]

    /// - Parameter parts: the name and the parameters, trimmed; named ones as "name=value".
    /// - Returns: nil for a template that is left out.
    init?(_ parts: [[UInt8]]) {
        guard let head = parts.first else { return nil }
        let name = String(decoding: head.prefix(80), as: UTF8.self).lowercased().replacing("_", with: " ")
        let arguments = parts.dropFirst().map { String(decoding: $0.prefix(400), as: UTF8.self) }
        func parameter(_ key: String) -> Int? {
            arguments.firstIndex {
                $0.lowercased().hasPrefix(key + "=") || $0.lowercased().hasPrefix(key + " =")
            }.map { $0 + 1 }
        }
        let positional = arguments.indices.filter { Self.isPositional(arguments[$0]) }.map { $0 + 1 }
        func show(_ indices: [Int], separator: String = " ", before: String = "", after: String = "") -> Self?
        {
            indices.isEmpty
                ? nil
                : .parts(
                    indices, separator: Array(separator.utf8), before: Array(before.utf8),
                    after: Array(after.utf8))
        }
        var result: Self?
        if let text = Self.fixed[name] {
            result = .text(Array(text.utf8))
        } else if name.hasPrefix("formatnum:") {
            result = .text(Array(name.dropFirst("formatnum:".count).utf8))
        } else if Self.shown.contains(name) {
            result = show(
                Array(
                    (parameter("text").map { [$0] } ?? parameter("quote").map { [$0] } ?? positional).prefix(
                        1)))
        } else if name == "lang" || name == "transl" || name == "transliteration" || name == "langx"
            || name == "rtl-lang"
        {
            result = show(Array(positional.dropFirst().suffix(1)))
        } else if name.hasPrefix("lang-") {
            result = show(Array(positional.prefix(1)))
        } else if name == "convert" || name == "cvt" {
            result = Self.conversion(arguments, positional)
        } else if name == "circa" || name == "c." || name == "ca." {
            result = show(Array(positional.prefix(1)), before: "c. ") ?? .text(Array("c.".utf8))
        } else if name == "as of" {
            result = show(Array(positional.prefix(1)), before: "As of ")
        } else if name == "frac" || name == "fraction" || name == "sfrac" {
            result = show(Array(positional.suffix(2)), separator: "/")
        } else if name == "val" {
            result = show(positional.prefix(1) + [parameter("u") ?? parameter("ul")].compactMap(\.self))
        } else if ["hms", "uss", "ss", "rms"].contains(name) {
            result = show(Array(positional.prefix(1)), before: name.uppercased() + " ")
        } else if ["hlist", "ubl", "unbulleted list", "cslist"].contains(name) {
            result = show(positional, separator: ", ")
        } else if name == "nihongo" {
            result = show(Array(positional.prefix(1)))
        }
        guard let result else { return nil }
        self = result
    }

    private static func isPositional(_ argument: String) -> Bool {
        guard let equals = argument.firstIndex(of: "=") else { return true }
        let key = argument[..<equals]
        return key.count > 24
            || key.contains { !$0.isLetter && !$0.isNumber && $0 != " " && $0 != "_" && $0 != "-" }
    }

    /// {{convert|3|to|5|km|mi}} → "3 to 5 km".
    private static func conversion(_ arguments: [String], _ positional: [Int]) -> Self? {
        let joins: Set<String> = ["to", "-", "–", "and", "x", "by", "or", "+/-", "±", "xx", "*"]
        guard positional.count >= 2 else { return nil }
        let take = joins.contains(arguments[positional[1] - 1]) ? 4 : 2
        return .parts(Array(positional.prefix(take)), separator: [0x20], before: [], after: [])
    }
}
