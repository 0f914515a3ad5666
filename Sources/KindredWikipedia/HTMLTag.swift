/// A tag of HTML in wikitext. Only the elements that MediaWiki allows are tags (Sanitizer::getRecognizedTagData); any
/// other `<` is text.
struct HTMLTag {
    enum Kind { case paragraph, item, row, cell, lineBreak, inline, nothing }

    let kind: Kind
    let isEnd: Bool
    /// Past the `>`.
    let end: Int

    private static let kinds: [String: Kind] = {
        var kinds: [String: Kind] = [:]
        for name in [
            "p", "div", "blockquote", "center", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "table",
            "caption",
            "ul", "ol", "dl", "poem", "thead", "tbody", "tfoot", "colgroup", "gallery", "pre", "section",
            "figure",
            "references",
        ] { kinds[name] = .paragraph }
        for name in ["li", "dt", "dd"] { kinds[name] = .item }
        kinds["tr"] = .row
        for name in ["td", "th"] { kinds[name] = .cell }
        for name in [
            "b", "bdi", "bdo", "del", "i", "ins", "u", "font", "big", "small", "sub", "sup", "cite", "code",
            "em", "s",
            "strike", "strong", "tt", "var", "ruby", "rb", "rp", "rt", "rtc", "span", "abbr", "dfn", "kbd",
            "samp",
            "data", "time", "mark", "q",
        ] { kinds[name] = .inline }
        for name in [
            "wbr", "meta", "link", "col", "ref", "nowiki", "math", "noinclude", "includeonly", "onlyinclude",
        ] {
            kinds[name] = .nothing
        }
        kinds["br"] = .lineBreak
        return kinds
    }()

    /// Attributes that may stand without a value; any other word alone is a sign that no tag is meant, as in
    /// "a<b and c>d".
    private static let booleans: Set<String> = [
        "nowrap", "reversed", "compact", "noshade", "clear", "itemscope", "hidden", "all", "left", "right",
        "/",
    ]

    init?(_ text: [UInt8], at start: Int, until limit: Int) {
        guard start + 1 < limit else { return nil }
        isEnd = text[start + 1] == UInt8(ascii: "/")
        let nameStart = start + (isEnd ? 2 : 1)
        guard let name = Bytes.tagName(text, at: nameStart), let kind = Self.kinds[name] else { return nil }
        self.kind = kind
        // A tag ends before the next one starts.
        var end = nameStart + name.utf8.count
        while end < limit, text[end] != UInt8(ascii: ">"), text[end] != UInt8(ascii: "<") { end += 1 }
        guard end < limit, text[end] == UInt8(ascii: ">"),
            isEnd || Self.areAttributes(text[(nameStart + name.utf8.count)..<end])
        else { return nil }
        self.end = end + 1
    }

    private static func areAttributes(_ text: ArraySlice<UInt8>) -> Bool {
        let text = Bytes.trimmed(text)
        guard !text.isEmpty, !text.contains(UInt8(ascii: "=")) else { return true }
        return String(decoding: text, as: UTF8.self).lowercased().split { $0 == " " || $0 == "/" }.allSatisfy
        {
            booleans.contains(String($0))
        }
    }
}
