/// An article as plain text with its sections.
package struct Article: Sendable {
    /// A stretch of text below one heading.
    package struct Section: Hashable, Sendable {
        /// The headings above it, outermost first; none for the lead.
        package let path: [String]
        /// UTF-8 bytes of the article's text, without the heading.
        package let range: Range<Int>
    }

    package let title: String
    /// Headings and list items are lines of their own; a blank line stands between paragraphs.
    package let text: String
    /// The sections with prose, in order.
    package let sections: [Section]

    /// Turns wikitext into plain text. Never fails: markup that makes no sense is left out or taken as text.
    /// Sections without prose of their own kind (references, links, literature) are left out.
    package init(title: String, wikitext: String) {
        self.title = title
        let lines = WikitextParser.plainText(wikitext).split(
            separator: 0x0A, omittingEmptySubsequences: false)
        var builder = ArticleBuilder()
        for line in lines { builder.take(line) }
        builder.finish()
        text = String(decoding: builder.text, as: UTF8.self)
        sections = builder.sections
    }
}

/// Gathers lines into paragraphs and sections.
private struct ArticleBuilder {
    private(set) var text: [UInt8] = []
    private(set) var sections: [Article.Section] = []
    /// Headings above the current line, with their levels.
    private var headings: [(level: Int, title: String)] = []
    /// The level of the heading whose section is left out.
    private var skippedLevel: Int?
    private var paragraphs: [[UInt8]] = []
    private var paragraph: [UInt8] = []
    private var isList = false

    mutating func take(_ raw: ArraySlice<UInt8>) {
        var line = Bytes.trimmed(raw)
        if let heading = Self.heading(line) { return begin(heading.level, heading.title) }
        guard let first = line.first, !line.starts(with: "----".utf8) else { return endParagraph() }
        if first == UInt8(ascii: "|") || first == UInt8(ascii: "!") { return }
        let isItem = [UInt8(ascii: "*"), UInt8(ascii: "#"), UInt8(ascii: ":"), UInt8(ascii: ";")].contains(
            first)
        if isItem {
            line = Bytes.trimmed(line.drop { [0x2A, 0x23, 0x3A, 0x3B].contains($0) })
            guard !line.isEmpty else { return }
        }
        // A list item is a line of its own; lines of prose are one paragraph.
        if isItem != isList { endParagraph() }
        isList = isItem
        if !paragraph.isEmpty { paragraph.append(isItem ? 0x0A : 0x20) }
        paragraph += Residue.cleaned(line)
    }

    mutating func finish() {
        endParagraph()
        endSection()
    }

    private mutating func endParagraph() {
        let kept = Bytes.trimmed(paragraph[...])
        // A line without any letter or digit is what is left of a template.
        if kept.contains(where: { Bytes.isLetter($0) || (0x30...0x39).contains($0) || $0 >= 0x80 }) {
            paragraphs.append(Array(kept))
        }
        paragraph = []
        isList = false
    }

    private mutating func begin(_ level: Int, _ title: String) {
        finish()
        headings.removeAll { $0.level >= level }
        headings.append((level, title))
        if let skipped = skippedLevel, level <= skipped { skippedLevel = nil }
        if skippedLevel == nil, SectionNames.withoutProse.contains(title.lowercased()) {
            skippedLevel = level
        }
    }

    private mutating func endSection() {
        defer { paragraphs = [] }
        guard skippedLevel == nil, !paragraphs.isEmpty else { return }
        if !text.isEmpty { text += [0x0A, 0x0A] }
        if let heading = headings.last { text += Array(heading.title.utf8) + [0x0A, 0x0A] }
        let start = text.count
        text += paragraphs.joined(separator: [0x0A, 0x0A])
        sections.append(Article.Section(path: headings.map(\.title), range: start..<text.count))
    }

    /// `== Title ==`: level and title.
    private static func heading(_ line: ArraySlice<UInt8>) -> (level: Int, title: String)? {
        let equals = UInt8(ascii: "=")
        guard line.first == equals, line.last == equals, line.count >= 3 else { return nil }
        let before = line.prefix { $0 == equals }.count
        let after = line.reversed().prefix { $0 == equals }.count
        let level = min(before, after, 6)
        guard before < line.count else { return nil }
        let title = Bytes.trimmed(line.dropFirst(level).dropLast(level))
        guard !title.isEmpty else { return nil }
        return (level, String(decoding: Residue.cleaned(title), as: UTF8.self))
    }
}

/// What templates leave behind in a line when they go.
enum Residue {
    /// Removes empty brackets, doubled spaces, and spaces before punctuation.
    static func cleaned(_ line: ArraySlice<UInt8>) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(line.count)
        for byte in line {
            switch byte {
            case 0x09, 0x20:
                if let last = result.last, last != 0x20, last != UInt8(ascii: "(") { result.append(0x20) }
            case UInt8(ascii: ","), UInt8(ascii: "."), UInt8(ascii: ";"), UInt8(ascii: ":"),
                UInt8(ascii: ")"):
                if byte == UInt8(ascii: ")") {
                    while let last = result.last, [0x20, 0x2C, 0x3B].contains(last) { result.removeLast() }
                    if result.last == UInt8(ascii: "(") {
                        result.removeLast()
                        continue
                    }
                } else if result.last == 0x20 {
                    result.removeLast()
                }
                // "(; born 1900)" and "(, Greek)": nothing before the mark.
                let opensEmpty =
                    result.last == UInt8(ascii: "(") && byte != UInt8(ascii: ".") && byte != UInt8(ascii: ":")
                if !opensEmpty { result.append(byte) }
            default: result.append(byte)
            }
        }
        while result.last == 0x20 { result.removeLast() }
        return result
    }
}

/// Headings of sections that hold no prose, lower-cased, in the languages of large Wikipedias.
enum SectionNames {
    static let withoutProse: Set<String> = [
        "references", "external links", "see also", "further reading", "notes", "footnotes", "bibliography",
        "sources",
        "citations", "notes and references", "references and notes", "gallery", "works cited",
        "explanatory notes",
        "einzelnachweise", "weblinks", "siehe auch", "literatur", "quellen", "anmerkungen",
        "notes et références",
        "références", "liens externes", "voir aussi", "bibliographie", "articles connexes", "annexes",
        "referencias",
        "enlaces externos", "véase también", "bibliografía", "notas", "note", "collegamenti esterni",
        "voci correlate",
        "bibliografia", "altri progetti", "zie ook", "externe links", "bronnen", "referenties", "noten",
        "przypisy",
        "zobacz też", "linki zewnętrzne", "uwagi", "примечания", "литература", "ссылки", "см. также",
        "источники",
        "примітки", "література", "посилання", "див. також", "джерела", "referenser", "externa länkar",
        "se även", "källor",
        "noter", "kaynakça", "dış bağlantılar", "ayrıca bakınız", "tham khảo", "liên kết ngoài", "xem thêm",
        "chú thích",
        "参考文献", "外部链接", "外部連結", "参见", "參見", "注释", "脚注", "関連項目", "外部リンク", "出典", "각주", "같이 보기", "외부 링크",
        "참고 문헌",
        "مراجع", "وصلات خارجية", "انظر أيضا", "منابع", "پیوند به بیرون", "جستارهای وابسته", "הערות שוליים",
        "קישורים חיצוניים",
        "ראו גם", "לקריאה נוספת", "सन्दर्भ", "बाहरी कड़ियाँ", "इन्हें भी देखें", "อ้างอิง", "แหล่งข้อมูลอื่น", "ดูเพิ่ม", "референции",
        "външни препратки",
        "вижте също", "бележки", "източници", "referências", "ligações externas", "ver também",
    ]
}
