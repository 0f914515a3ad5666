/// An article as plain text with its sections.
package struct Article: Sendable {
    /// A stretch of text below one heading.
    package struct Section: Hashable, Sendable {
        /// The headings above it, outermost first; none for the lead.
        package let path: [String]
        /// UTF-8 bytes of the article's text, without the heading.
        package let range: Range<Int>

        package init(path: [String], range: Range<Int>) {
            self.path = path
            self.range = range
        }
    }

    /// A parameter of an infobox: what the article's box says, "Population", "1,204".
    package struct Fact: Hashable, Sendable {
        /// The parameter's name as the article writes it, with spaces for `_`.
        package let name: String
        /// Its value as plain text in one line; at most `longestFact` characters.
        package let value: String

        package init(name: String, value: String) {
            self.name = name
            self.value = value
        }
    }

    /// Words of the text that link to another article and are not its title: "the harbour" for "Port of Valmer".
    package struct Anchor: Hashable, Sendable {
        /// What the link shows, with the letters that follow it without a space.
        package let text: String
        /// The title of the other article as the wiki writes it, which may be a redirect's.
        package let target: String

        package init(text: String, target: String) {
            self.text = text
            self.target = target
        }
    }

    /// Facts of an article, at most.
    package static let mostFacts = 64
    /// Characters of a fact's value, at most.
    package static let longestFact = 200

    package let title: String
    /// The text in UTF-8. Headings, list items and lines of program code are lines of their own; a blank line stands
    /// between paragraphs.
    package let bytes: [UInt8]
    /// The sections with prose, in order.
    package let sections: [Section]

    /// The categories that the article's own text names, without prefix and sort key, in order, each once. Categories
    /// that templates add are not in a dump's text.
    package let categories: [String]
    /// The parameters of its infoboxes that have a value, in order, at most `mostFacts`.
    package let facts: [Fact]
    /// Links to other articles whose text differs from the title in more than case, in order, each once.
    package let anchors: [Anchor]
    /// Whether the article only lists what its title may mean: the wiki marks it by `__DISAMBIG__`, by a template or a
    /// category for such pages, or in its title.
    package let isDisambiguation: Bool

    /// The text as a string, which is made each time.
    package var text: String { String(decoding: bytes, as: UTF8.self) }

    package init(title: String, wikitext: String, site: DumpSite = DumpSite()) {
        self.init(title: title, wikitext: Array(wikitext.utf8), site: site)
    }

    /// Turns wikitext into plain text. Never fails: markup that makes no sense is left out or taken as text.
    /// Sections that list nothing but works and links are left out.
    ///
    /// - Parameters:
    ///   - wikitext: in UTF-8.
    ///   - site: the wiki, whose namespaces and language decide what some markup means.
    ///   - hasDetails: whether categories, facts and anchors are gathered, which takes about as long as the text.
    package init(
        title: String, wikitext: [UInt8], site: DumpSite = DumpSite(), hasDetails: Bool = true
    ) {
        self.title = title
        let (text, details) = WikitextParser.plainText(
            wikitext, title: title, site: site, hasDetails: hasDetails)
        (categories, facts, anchors) = (details.categories, details.facts, details.anchors)
        isDisambiguation = details.isDisambiguation || Disambiguation.isTitle(title)
        var builder = ArticleBuilder()
        var start = 0
        while start <= text.count {
            let end = text[start...].firstIndex(of: 0x0A) ?? text.count
            builder.take(text[start..<end])
            start = end + 1
        }
        (bytes, sections) = builder.finish()
    }
}

/// Gathers lines into paragraphs and sections.
private struct ArticleBuilder {
    private struct Pending {
        var path: [String] = []
        /// Paragraphs, with a blank line between them.
        var text: [UInt8] = []
        /// Sentences outside lists, shorter lines there, items of lists that say something, and what names works or
        /// links.
        var prose = 0
        var short = 0
        var items = 0
        var works = 0
        var links = 0

        /// Whether it lists works or links, three of four items at least, or nothing below its captions, and has no prose.
        var isApparatus: Bool {
            prose == 0 && works + links >= 3 * items && (works + links > 0 || short == 0)
        }
    }

    private var sections: [Pending] = []
    private var section = Pending()
    /// Headings above the current line, with their levels.
    private var headings: [(level: Int, title: String)] = []
    private var paragraph: [UInt8] = []
    private var isList = false
    /// Whether lines may be rows of a table that does not close, or whose start was left out with a template, and
    /// whether they may be parameters of a template that does not close.
    private var mayBeRows = false
    private var isInTable = false
    private var isInTemplate = false
    /// How many marks the item has that was just counted as text; 0 where it was none.
    private var captionMarks = 0

    mutating func take(_ raw: ArraySlice<UInt8>) {
        if raw.first == Mark.verbatim { return takeVerbatim(raw.dropFirst()) }
        defer {
            if raw.contains(Mark.rows) { isInTable = true }
            if raw.contains(Mark.parameters) { isInTemplate = true }
        }
        if let row = Self.row(raw) { return takeRow(row) }
        var line = Bytes.trimmed(raw)
        // What a line is shows by its first character; what was left out before it is none.
        line = line.drop {
            $0 == Mark.dropped || $0 == Mark.rows || $0 == Mark.parameters || Bytes.isSpace($0)
        }
        guard let first = line.first else {
            mayBeRows = raw.contains(Mark.dropped)
            return endParagraph()
        }
        if first == UInt8(ascii: "|") || first == UInt8(ascii: "!"), takeOpenRow(line) { return }
        mayBeRows = false
        // A line that begins with a space is shown as it is.
        if raw.first == 0x20 { return takeText(line, marks: []) }
        if let heading = Self.heading(line) { return begin(heading.level, heading.title) }
        if line.starts(with: "----".utf8) {
            endParagraph()
            line = Bytes.trimmed(line.drop { $0 == UInt8(ascii: "-") })
            guard !line.isEmpty else { return }
        }
        let marks = line.prefix { Self.itemMarks.contains($0) }
        line = Bytes.trimmed(line.dropFirst(marks.count))
        if !line.isEmpty, !isHatnote(line, marks) { takeText(line, marks: marks) }
    }

    /// Whether a line is a pointer to another article that its author wrote by hand: the first of a section, indented, in
    /// italics, with a link.
    private func isHatnote(_ line: ArraySlice<UInt8>, _ marks: ArraySlice<UInt8>) -> Bool {
        guard marks.count == 1, marks.first == UInt8(ascii: ":"), section.text.isEmpty, paragraph.isEmpty,
            line.contains(Mark.link)
        else { return false }
        let runs = line.filter { !Mark.contains($0) }.split(
            separator: UInt8(ascii: "'"), omittingEmptySubsequences: false)
        // Two apostrophes, the text, two apostrophes; single ones may be in the text.
        return runs.count >= 5 && runs.prefix(2).allSatisfy(\.isEmpty) && runs.suffix(2).allSatisfy(\.isEmpty)
            && runs.dropFirst(2).dropLast(2).allSatisfy { !$0.isEmpty }
    }

    /// - Parameter marks: `*#:;` before an item of a list.
    private mutating func takeText(_ line: ArraySlice<UInt8>, marks: ArraySlice<UInt8>) {
        let isItem = !marks.isEmpty
        // A list item is a line of its own; lines of prose are one paragraph.
        if isItem != isList { endParagraph() }
        isList = isItem
        let shown = LineText.shown(line)
        count(line, shown, marks: marks)
        if !paragraph.isEmpty, !shown.isEmpty { paragraph.append(isItem ? 0x0A : 0x20) }
        paragraph += shown
    }

    private static let itemMarks: Set<UInt8> = Set("*#:;".utf8)

    private mutating func takeVerbatim(_ line: ArraySlice<UInt8>) {
        if !isList { endParagraph() }
        isList = true
        section.prose += 1
        if !paragraph.isEmpty { paragraph.append(0x0A) }
        paragraph += line.filter { !Mark.contains($0) }
    }

    /// A line that is a row of a table, without what says so.
    private static func row(_ raw: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        let line = raw.drop { ($0 != Mark.row && Mark.isLineStart($0)) || Bytes.isSpace($0) }
        return line.first == Mark.row ? line.dropFirst() : nil
    }

    /// A row is a line of its own. Rows say what the article is about, so that a section of them is none of works or
    /// links, unless the rows name works.
    private mutating func takeRow(_ line: ArraySlice<UInt8>) {
        // Browsers copy the cells of a table with tabs between them; a bar is plainer, where no HTML says otherwise.
        let isHTML = line.contains(Mark.htmlCell)
        var shown: [UInt8] = []
        for cell in line.split(whereSeparator: { $0 == Mark.cell || $0 == Mark.htmlCell }) {
            let text = LineText.shown(Bytes.trimmed(cell))
            if !shown.isEmpty, !text.isEmpty { shown += isHTML ? "\t".utf8 : " | ".utf8 }
            shown += text
        }
        guard Self.says(shown[...]) else { return }
        if !isList { endParagraph() }
        isList = true
        captionMarks = 0
        if case .work = LineText.kind(line, isItem: true) { section.works += 1 } else { section.items += 1 }
        if !paragraph.isEmpty { paragraph.append(0x0A) }
        paragraph += shown
    }

    /// Takes a line that begins with `|` or `!` where it is a row of a table that does not close, or whose start a
    /// template wrote; false where it is text.
    private mutating func takeOpenRow(_ line: ArraySlice<UInt8>) -> Bool {
        let bar = UInt8(ascii: "|")
        if line.starts(with: "|}".utf8) {
            (isInTable, isInTemplate) = (false, false)
            return true
        }
        let second = line.dropFirst().first
        let isEdge = line.first == bar && (second == UInt8(ascii: "-") || second == UInt8(ascii: "+"))
        guard isInTable || isInTemplate || mayBeRows || isEdge else { return false }
        if isEdge {
            mayBeRows = true
            // After it comes a row's attributes or a caption.
            if second == UInt8(ascii: "-") { return true }
        }
        let content = line.dropFirst(isEdge ? 2 : 1)
        let isParameter = !isInTable && content.contains(UInt8(ascii: "=")) && !content.contains(bar)
        if !isInTemplate, !isParameter { takeRow(OpenRow.text(content, isHeader: line.first != bar)[...]) }
        return true
    }

    /// - Parameter marks: `*#:;` before an item.
    private mutating func count(_ line: ArraySlice<UInt8>, _ shown: [UInt8], marks: ArraySlice<UInt8>) {
        guard Self.says(shown[...]) else { return }
        // An item with items below it is their caption.
        if captionMarks > 0, marks.count > captionMarks { section.items -= 1 }
        captionMarks = 0
        switch LineText.kind(line, isItem: isList) {
        case .work: section.works += 1
        case .links: section.links += 1
        case .sentence: section.prose += 1
        case .short where !isList: section.short += 1
        case .short where marks.last == UInt8(ascii: ";"): break
        case .short:
            section.items += 1
            captionMarks = marks.count
        }
    }

    /// A line without any letter or digit is what is left of a template.
    private static func says(_ line: ArraySlice<UInt8>) -> Bool { line.contains(where: Bytes.isWord) }

    private mutating func endParagraph() {
        let kept = isList ? Self.withoutBlankEnds(paragraph[...]) : Bytes.trimmed(paragraph[...])
        if Self.says(kept) {
            if !section.text.isEmpty { section.text += [0x0A, 0x0A] }
            section.text += kept
        }
        paragraph.removeAll(keepingCapacity: true)
        isList = false
    }

    /// Lines of program code keep the spaces before the first.
    private static func withoutBlankEnds(_ text: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        let start = text.drop { $0 == 0x0A }
        return start.prefix(start.count - start.reversed().prefix { Bytes.isSpace($0) }.count)
    }

    private mutating func begin(_ level: Int, _ title: String) {
        endSection()
        headings.removeAll { $0.level >= level }
        headings.append((level, title))
        section.path = headings.map(\.title)
        (isInTable, isInTemplate, mayBeRows) = (false, false, false)
    }

    private mutating func endSection() {
        endParagraph()
        if !section.text.isEmpty { sections.append(section) }
        section = Pending()
    }

    /// Sections of works go; sections of nothing but links, which may be an article's own lists, only from its end, and
    /// not where the article has nothing else.
    mutating func finish() -> (text: [UInt8], sections: [Article.Section]) {
        endSection()
        sections.removeAll { !$0.path.isEmpty && $0.isApparatus && ($0.works > 0 || $0.links == 0) }
        if let last = sections.lastIndex(where: { !$0.isApparatus || $0.path.isEmpty }) {
            sections.removeSubrange((last + 1)...)
        }
        var text: [UInt8] = []
        var result: [Article.Section] = []
        for section in sections {
            if !text.isEmpty { text += [0x0A, 0x0A] }
            if let heading = section.path.last { text += Array(heading.utf8) + [0x0A, 0x0A] }
            let start = text.count
            text += section.text
            result.append(Article.Section(path: section.path, range: start..<text.count))
        }
        return (text, result)
    }

    /// `== Title ==`: level and title.
    private static func heading(_ line: ArraySlice<UInt8>) -> (level: Int, title: String)? {
        let equals = UInt8(ascii: "=")
        var line = line
        while let last = line.last, Mark.contains(last) || Bytes.isSpace(last) { line.removeLast() }
        guard line.first == equals, line.last == equals, line.count >= 3 else { return nil }
        let before = line.prefix { $0 == equals }.count
        let after = line.reversed().prefix { $0 == equals }.count
        let level = min(before, after, 6)
        guard before < line.count else { return nil }
        let title = LineText.shown(Bytes.trimmed(line.dropFirst(level).dropLast(level)))
        guard !title.isEmpty else { return nil }
        return (level, String(decoding: title, as: UTF8.self))
    }
}
