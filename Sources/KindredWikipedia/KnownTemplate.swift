/// What a template shows: text, and values of its parameters, which are wikitext.
enum TemplatePiece {
    case text(String)
    case value(Range<Int>)
}

/// Templates whose text is part of the prose around them and follows a rule of its own, by the names that most
/// Wikipedias share. `InlineTemplate` takes the others.
enum KnownTemplate {
    /// Show one value.
    private static let shown: Set<String> = [
        "nowrap", "nobr", "no wrap", "nobold", "noitalic", "small", "smaller", "big", "larger", "abbr",
        "smallcaps",
        "sc", "em", "strong", "math", "mvar", "var", "sup", "sub", "flag",
        "flagcountry",
        "flagu", "mono", "code", "tt", "kbd", "samp", "angbr", "angle bracket", "center", "centre",
        "visible anchor",
        "vanchor", "anchorlink", "anchored", "plainlist", "flatlist", "quote", "blockquote", "cquote",
        "quotation",
        "bquote", "quote box", "rquote", "poemquote", "ipa link", "keypress", "font color", "as written",
        "linktext",
        "nihongo2", "script/hebrew", "hebrew", "citation needed span", "clarify span", "text",
        "nowraplinks",
        "resize", "color", "underline", "chem2", "tooltip", "overline",
        "sic", "citation needed span", "incise", "as written", "not a typo", "proper name", "name", "dfn",
        "term", "q", "qq",
        "zitat", "citation bloc", "citazione", "citaat", "citat", "cytat", "цитата", "цитата2",
        "початок цитати", "引用",
        "quote frame", "blockquote", "cita", "citação", "اقتباس", "نقل قول", "ציטוט", "alıntı", "trích dẫn",
        "인용문",
    ]

    /// Names that the parameter with the text has, where it has one.
    private static let textKeys = [
        "text", "quote", "1", "content", "zitat", "texte", "citation", "testo", "texto", "tekst", "citaat",
        "cytat", "цитата",
        "текст", "文", "引用文", "متن", "نص", "תוכן", "metin",
    ]

    private static let fixed: [String: String] = [
        "ndash": "–", "en dash": "–", "mdash": "—", "em dash": "—", "spnd": " – ", "snd": " – ", "-": "",
        "spaced ndash": " – ", "spaced en dash": " – ", "'": "'", "\"": "\"", "nbsp": " ", "sp": " ",
        "ensp": " ",
        "thinsp": " ", "space": " ", "okina": "ʻ", "hamza": "ʼ", "pi": "π", "minus": "−", "times": "×",
        "dot": "·",
        "middot": "·", "bull": "•", "ad": "AD", "bc": "BC", "(": "{", ")": "}", "((": "{{", "))": "}}",
        "!!": "||",
        "'s": "'s",
        // Cells of tables.
        "yes": "Yes", "no": "No", "n/a": "N/A", "won": "Won", "nom": "Nominated", "nominated": "Nominated",
        "pending": "Pending", "unknown": "Unknown", "tba": "TBA", "tbd": "TBD", "partial": "Partial",
        "some": "Some",
        "maybe": "Maybe", "none": "None", "any": "Any", "check": "✓", "tick": "✓", "check mark": "✓",
        "aye": "✓", "y": "✓",
        "cross": "✗", "x mark": "✗", "nay": "✗", "n": "✗", "rarely": "Rarely", "dropped": "Dropped",
    ]

    /// Whether a template shows a text on lines of its own.
    static func isQuotation(_ name: String) -> Bool { quotations.contains(name) }

    private static let quotations: Set<String> = [
        "quote", "blockquote", "cquote", "quotation", "bquote", "quote box", "rquote", "poemquote", "zitat",
        "citation bloc",
        "citazione", "citaat", "citat", "cytat", "цитата", "цитата2", "початок цитати", "引用", "quote frame",
        "cita",
        "citação", "اقتباس", "نقل قول", "ציטוט", "alıntı", "trích dẫn", "인용문",
    ]

    /// Ships' prefixes, which a ship's name follows.
    private static let shipPrefixes: Set<String> = [
        "hms", "uss", "ss", "rms", "mv", "ms", "ssbn", "hmas", "hmcs", "hmnzs", "usns", "uscgc", "ins", "sms",
        "usat",
    ]

    /// - Returns: nil for a template that is not known here.
    static func pieces(_ call: TemplateCall, in parser: WikitextParser) -> [TemplatePiece]? {
        let values = call.positional
        let name = call.name
        if values.isEmpty, let text = fixed[name] { return [.text(text)] }
        if shown.contains(name) {
            guard let value = call.value(textKeys) ?? values.first else { return nil }
            return [.value(value)]
        }
        if name == "ill" || name == "interlanguage link" {
            // The name, or, as it was once written, the code of a language before it.
            guard let first = values.first else { return nil }
            return [
                .value(values.count > 2 && LinkPrefix.isLanguage(parser.string(first)) ? values[2] : first)
            ]
        }
        if let date = DateTemplate.text(call, in: parser) { return [.text(date)] }
        if name.hasPrefix("ipac-") { return Phonetic.pieces(values, in: parser) }
        if shipPrefixes.contains(name), let ship = values.first {
            return [.text(name.uppercased() + " "), .value(ship)]
        }
        switch name {
        case "nihongo", "nihongo3", "nihongo krt":
            // "Jusenkyo (呪泉郷, Jusenkyō)"
            guard let first = values.first else { return nil }
            let others = values.dropFirst().prefix(2).filter { !$0.isEmpty }
            guard !first.isEmpty, let more = joined(Array(others), ", ", before: " (") else {
                return joined(others, ", ") ?? [.value(first)]
            }
            return [.value(first)] + more + [.text(")")]
        case "zh", "zh-full", "chinese":
            let forms = ["c", "s", "t", "p"].compactMap { call.value($0) }
            return joined(forms.isEmpty ? Array(values.prefix(1)) : forms, ", ")
        case "respell", "respelling": return joined(values, "-")
        case "s", "s-", "siècle", "-s", "-s-", "s mini":
            // French: "XIXe siècle"
            guard parser.site.language?.hasPrefix("fr") ?? true, let century = values.first else {
                return nil
            }
            return [.value(century), .text((parser.string(century) == "I" ? "er" : "e") + " siècle")]
        case "bibleverse", "bibleref", "verse":
            return joined(Array(values.filter { !$0.isEmpty }.prefix(2)), " ")
        case "music":
            let signs = ["sharp": "♯", "flat": "♭", "natural": "♮", "doublesharp": "𝄪", "doubleflat": "𝄫"]
            guard let value = values.first else { return nil }
            return signs[parser.string(value)].map { [.text($0)] } ?? [.value(value)]
        case "sort": return (values.dropFirst().first ?? values.first).map { [.value($0)] }
        case "sortname": return joined(Array(values.prefix(2)), " ")
        case "reign", "r.": return joined(Array(values.prefix(2)), "–", before: "r. ")
        case "fl.", "floruit", "fl": return joined(Array(values.prefix(2)), "–", before: "fl. ")
        case "oldstyledate":
            guard values.count >= 3 else { return joined(values, " ") }
            return [.value(values[0]), .text(" [O.S. "), .value(values[2]), .text("] "), .value(values[1])]
        case "heure":
            return joined(Array(values.prefix(1)), "").map { hours in
                hours + [.text(" h")] + (values.count > 1 ? [.text(" "), .value(values[1])] : [])
            }
        case "euro", "euros": return joined(Array(values.prefix(1)), "").map { $0 + [.text(" €")] }
        case "age":
            return Age.text(values, in: parser).map { [.text($0)] }
        case "lang", "transl", "transliteration", "langx", "rtl-lang":
            return (call.value("text") ?? values.dropFirst().last).map { [.value($0)] }
        case "convert", "cvt": return Measure.pieces(values, in: parser)
        case "as of", "asof": return AsOf.pieces(call, in: parser)
        case "circa", "c.", "ca.": return joined(Array(values.prefix(1)), " ", before: "c. ") ?? [.text("c.")]
        case "frac", "fraction", "sfrac":
            if values.count == 1 { return [.text("1/"), .value(values[0])] }
            let fraction = joined(Array(values.suffix(2)), "/")
            return values.count == 3 ? fraction.map { [.value(values[0]), .text(" ")] + $0 } : fraction
        case "val": return joined(values.prefix(1) + [call.value("u", "ul")].compactMap(\.self), " ")
        case "e": return joined(Array(values.prefix(1)), "", before: "×10^")
        case "chem": return joined(values, "")
        case "hlist", "ubl", "unbulleted list", "cslist": return joined(values, ", ")
        case "sclass", "sclass2", "sclass-": return joined(Array(values.prefix(2)), "-class ")
        case "ship":
            // The fourth says what of type and name is shown.
            guard values.count >= 2 else { return nil }
            let isNameAlone = values.count > 3 && parser.string(values[3]) == "2"
            return joined(isNameAlone ? [values[1]] : Array(values.prefix(2)), " ")
        default:
            return name.hasPrefix("lang-") ? joined(Array(values.prefix(1)), " ") : nil
        }
    }

    static func joined(_ values: [Range<Int>], _ separator: String, before: String = "") -> [TemplatePiece]? {
        guard !values.isEmpty else { return nil }
        var pieces: [TemplatePiece] = before.isEmpty ? [] : [.text(before)]
        for (index, value) in values.enumerated() {
            if index > 0, !separator.isEmpty { pieces.append(.text(separator)) }
            pieces.append(.value(value))
        }
        return pieces
    }
}

/// `{{convert|5|ft|8|in|cm}}`: the measure that is converted, "5 ft 8 in"; not what it is converted to
/// (en.wikipedia.org, Template:Convert).
private enum Measure {
    private static let joins: [String: String] = [
        "to": " to ", "to about": " to about ", "-": "–", "–": "–", "and": " and ", "and(-)": " and ",
        "or": " or ",
        "by": " by ", "x": " × ", "×": " × ", "xx": " × ", "*": " × ", "+/-": " ± ", "±": " ± ", "+": " + ",
        ",": ", ",
    ]

    /// Codes of units that are no symbols (en.wikipedia.org, Template:Convert/list of units).
    private static let symbols: [String: String] = [
        "C": "°C", "F": "°F", "R": "°R", "km2": "km²", "m2": "m²", "cm2": "cm²", "mm2": "mm²", "km3": "km³",
        "m3": "m³",
        "cm3": "cm³", "mm3": "mm³", "sqmi": "sq mi", "sqkm": "km²", "sqft": "sq ft", "sqin": "sq in",
        "sqyd": "sq yd",
        "ft2": "sq ft", "in2": "sq in", "mi2": "sq mi", "yd2": "sq yd", "cuft": "cu ft", "ft3": "cu ft",
        "cuyd": "cu yd",
        "cumi": "cu mi", "impgal": "imp gal", "USgal": "US gal", "kph": "km/h", "kn": "kn", "nmi": "nmi",
        "lb": "lb",
        "ozt": "ozt", "LT": "long tons", "ST": "short tons", "inHg": "inHg", "/km2": "/km²",
        "/sqmi": "/sq mi", "um": "μm",
        "m/s2": "m/s²", "kg/m3": "kg/m³", "g/cm3": "g/cm³", "lbf": "lbf", "hp": "hp",
        "Tcuft": "trillion cu ft", "oilbbl": "barrels", "Moilbbl": "million barrels", "Mt": "million tonnes",
    ]

    static func pieces(_ values: [Range<Int>], in parser: WikitextParser) -> [TemplatePiece]? {
        let strings = values.map { parser.string($0) }
        guard strings.count >= 2 else { return KnownTemplate.joined(values, " ") }
        var pieces: [TemplatePiece] = []
        var index = 0
        // Numbers with what joins them, and their unit; again for what is measured in two units.
        func unit(_ range: Range<Int>) -> TemplatePiece {
            symbols[parser.string(range)].map { .text($0) } ?? .value(range)
        }
        repeat {
            if index > 0 { pieces.append(.text(" ")) }
            pieces.append(.value(values[index]))
            index += 1
            while index + 1 < strings.count, let join = joins[strings[index].lowercased()] {
                pieces += [.text(join), .value(values[index + 1])]
                index += 2
            }
            guard index < strings.count else { break }
            pieces += [.text(" "), unit(values[index])]
            index += 1
        } while index + 1 < strings.count && isNumber(strings[index]) && !isNumber(strings[index + 1])
        return pieces
    }

    private static func isNumber(_ text: String) -> Bool {
        text.first { $0.isLetter || $0.isNumber }?.isNumber ?? false
    }
}

/// `{{IPAc-en|æ|l|ˈ|b|iː}}`: sounds, one for each parameter, after words that say what is pronounced.
private enum Phonetic {
    private static let words: Set<String> = [
        "lang", "pron", "us", "uk", "also", "icon", "local", "small", "ipa", "link", "-", "en", "usalso",
        "ukalso", "uslang",
    ]

    static func pieces(_ values: [Range<Int>], in parser: WikitextParser) -> [TemplatePiece]? {
        let sounds = values.filter { value in
            let string = parser.string(value)
            return !words.contains(string.lowercased()) && !LinkPrefix.namesFile(string[...])
        }
        guard !sounds.isEmpty else { return nil }
        let pieces = sounds.map { parser.string($0) == "_" ? TemplatePiece.text(" ") : .value($0) }
        return [.text("/")] + pieces + [.text("/")]
    }
}

/// `{{age|1950|5|3|1980|1|1}}`: whole years between two days. Without a second day it would be the age today.
private enum Age {
    static func text(_ values: [Range<Int>], in parser: WikitextParser) -> String? {
        let numbers = values.prefix(6).map { Int(parser.string($0)) ?? -1 }
        guard numbers.count == 6, numbers.allSatisfy({ (0...3000).contains($0) }) else { return nil }
        let hadBirthday = (numbers[4], numbers[5]) >= (numbers[1], numbers[2])
        let years = numbers[3] - numbers[0] - (hadBirthday ? 0 : 1)
        return years >= 0 ? String(years) : nil
    }
}

/// `{{as of|2019|11|13}}`: "As of 13 November 2019" (en.wikipedia.org, Template:As of).
private enum AsOf {
    private static let months = [
        "January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
        "November",
        "December",
    ]

    static func pieces(_ call: TemplateCall, in parser: WikitextParser) -> [TemplatePiece]? {
        if let text = call.value("alt") { return [.value(text)] }
        guard let year = call.value("1") else { return nil }
        var words = call.has("since") ? "since" : "as of"
        if !call.has("lc") { words = words.prefix(1).uppercased() + words.dropFirst() }
        var pieces: [TemplatePiece] = call.has("bare") ? [] : [.text(words + " ")]
        let month = call.value("2").map { value in
            let text = parser.string(value)
            return Int(text).flatMap { (1...12).contains($0) ? months[$0 - 1] : nil } ?? text
        }
        let day = call.value("3").map { parser.string($0) }
        if let month, call.value("df").map({ parser.string($0).lowercased() }) == "us" {
            pieces.append(.text(month + " " + (day.map { $0 + ", " } ?? "")))
        } else if let month {
            pieces.append(.text((day.map { $0 + " " } ?? "") + month + " "))
        }
        pieces.append(.value(year))
        return pieces
    }
}
