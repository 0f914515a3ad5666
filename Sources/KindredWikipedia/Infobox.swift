/// Boxes of facts beside an article: "Infobox settlement", "Ficha de persona", "Карточка", "Taxobox".
///
/// No list of names would do: each wiki has thousands. A box stands on lines of its own, and nearly all of its parameters
/// have names. Before the first heading such a template is a box; below it one whose name says so.
enum Infobox {
    /// Parameters with a value, at least, of a box whose name does not say that it is one.
    private static let fewest = 3
    /// Bytes of a parameter's name and of the wikitext that is read of a value, at most.
    private static let longestName = 64
    private static let longestSource = 4_000

    /// Whether a template is a box of facts.
    ///
    /// - Parameters:
    ///   - isBlock: whether the template begins its line and nothing follows it there.
    ///   - isInLead: whether it stands above the first heading.
    static func isBox(_ call: TemplateCall, isBlock: Bool, isInLead: Bool, spansLines: Bool) -> Bool {
        guard isBlock, call.parameters.count >= 1 else { return false }
        if call.traits.contains(.box) { return true }
        return isInLead && spansLines && call.parameters.count >= fewest
            && call.parameters.count >= 2 * call.numbered.count
    }

    /// Whether a name says that its template is a box.
    static func isNamed(_ name: String) -> Bool { words.isPart(of: name.utf8) }

    /// Parts of names that a box has in any wiki.
    private static let words: WordParts = [
        "infobox", "taxobox", "speciesbox", "automatic taxobox", "chembox", "drugbox", "geobox", "infotaula",
        "infokast", "infoboks", "infocaseta", "inforuta", "tietolaatikko", "ficha de", "ficha d'", "карточка",
        "картка", "картка:", "faktamall", "faktaboks", "infokutija", "infopolje", "инфокутија", "кутия",
        "kutija",
        "bilgi kutusu", "جعبه اطلاعات", "صندوق معلومات", "بطاقة", "תבנית נתוני", "基礎情報", "信息框", "資訊框", "정보",
        "hộp thông tin", "thông tin", "กล่องข้อมูล", "ज्ञानसन्दूक", "तथ्य", "তথ্যছক", "πινακοπληροφορίες", "პერსონა",
        "bilgikutusu",
        "infoskatolka", "infolentelė", "infokaste", "información", "kotak info", "informkesto",
        "informtabulo",
    ]

    /// The parameters with their values as plain text.
    static func facts(_ call: TemplateCall, in parser: inout WikitextParser, depth: Int) -> [Article.Fact] {
        var facts: [Article.Fact] = []
        for parameter in call.parameters where facts.count < Article.mostFacts {
            guard !parameter.value.isEmpty else { continue }
            let value = value(parameter.value, in: &parser, depth: depth)
            if let fact = fact(parameter.name, value) { facts.append(fact) }
        }
        return facts
    }

    /// A fact, where a name and a value make one that says something to a reader.
    static func fact(_ name: String, _ value: String) -> Article.Fact? {
        let words = name.prefix(longestName + 1).split { $0 == "_" || $0.isWhitespace }
        var name = words.joined(separator: " ")[...]
        while name.last == ":" { name = name.dropLast() }
        guard !name.isEmpty, name.utf8.count <= longestName,
            value.contains(where: { $0.isLetter || $0.isNumber }), !isSetting(value)
        else { return nil }
        return Article.Fact(name: String(name), value: shortened(value))
    }

    private static func shortened(_ text: String) -> String {
        guard text.count > Article.longestFact else { return text }
        let cut = text.prefix(Article.longestFact - 1)
        let whole = cut.lastIndex(of: " ").map { cut[..<$0] } ?? cut
        return (whole.count * 2 > cut.count ? String(whole) : String(cut)) + "…"
    }

    /// A value in one line: items of a list and lines are parted by commas.
    private static func value(_ range: Range<Int>, in parser: inout WikitextParser, depth: Int) -> String {
        // A value that is longer is no fact but a text; its beginning says what it is about.
        let end = min(range.upperBound, parser.wholeEnd(range.lowerBound, atLeast: longestSource))
        let shown = parser.captured { $0.parse(range.lowerBound..<end, depth: depth + 1) }
        let lines = shown.split(separator: 0x0A).map { line in
            var line = Bytes.trimmed(line.drop { Mark.contains($0) || Bytes.isSpace($0) })
            line = line.drop { UInt8(ascii: "*") == $0 || UInt8(ascii: "#") == $0 }
            return String(decoding: LineText.shown(Bytes.trimmed(line)), as: UTF8.self)
        }
        return lines.filter { !$0.isEmpty }.joined(separator: ", ")
    }

    /// Whether a value is meant for the template and not for readers: the name of a file, a colour, a width.
    private static func isSetting(_ value: String) -> Bool {
        if LinkPrefix.namesFile(value[...]) { return true }
        let lower = value.lowercased()
        return ["yes", "no", "px"].contains(lower)
            || lower.wholeMatch(of: /(#[0-9a-f]{3,8}|[0-9x]+ ?px)/) != nil
    }
}
