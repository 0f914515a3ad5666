import KindredWikipedia

/// Puts the text of a document together from headings and paragraphs.
struct DocumentBuilder {
    private var text: [UInt8] = []
    private var sections: [Article.Section] = []
    private var lines: [(offset: Int, line: Int)] = []
    private var headings: [(level: Int, title: String)] = []
    private var paragraphs: [(text: String, line: Int?)] = []

    /// Whether nothing has been added yet.
    var isEmpty: Bool { sections.isEmpty && paragraphs.isEmpty }

    /// Begins a section below a heading.
    ///
    /// - Parameter level: from 1; a heading ends the sections of its level and of deeper ones.
    mutating func begin(_ title: String, level: Int) {
        endSection()
        headings.removeAll { $0.level >= level }
        let title = Self.cleaned(title).split(whereSeparator: \.isWhitespace).joined(separator: " ")
        if !title.isEmpty { headings.append((level, title)) }
    }

    /// Adds a paragraph: text without a blank line.
    ///
    /// - Parameter line: of the file, from 1.
    mutating func add(_ paragraph: String, line: Int? = nil) {
        let kept = Self.cleaned(paragraph).split(separator: "\n", omittingEmptySubsequences: true)
            .map { $0.trimmingSuffix(while: \.isWhitespace) }.filter { !$0.isEmpty }
            .joined(separator: "\n")
        if !kept.isEmpty { paragraphs.append((kept, line)) }
    }

    /// The text and its sections; nil where there is no letter or digit in them.
    mutating func finish(title: String) -> Document? {
        endSection()
        guard !sections.isEmpty else { return nil }
        return Document(title: title, text: text, sections: sections, lines: lines)
    }

    private mutating func endSection() {
        defer { paragraphs.removeAll(keepingCapacity: true) }
        guard paragraphs.contains(where: { $0.text.contains { $0.isLetter || $0.isNumber } }) else { return }
        if !text.isEmpty { text += [0x0A, 0x0A] }
        if let heading = headings.last { text += Array(heading.title.utf8) + [0x0A, 0x0A] }
        let start = text.count
        for (index, paragraph) in paragraphs.enumerated() {
            if index > 0 { text += [0x0A, 0x0A] }
            if let line = paragraph.line { lines.append((text.count, line)) }
            text += Array(paragraph.text.utf8)
        }
        sections.append(Article.Section(path: headings.map(\.title), range: start..<text.count))
    }

    /// Without control characters, which show nothing and do harm on a terminal.
    private static func cleaned(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: isControl) else { return text }
        return String(
            String.UnicodeScalarView(
                text.unicodeScalars.map { isControl($0) ? ($0 == "\r" ? "\n" : " ") : $0 }))
    }

    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        (scalar.value < 0x20 && scalar != "\n" && scalar != "\t") || (0x7F...0x9F).contains(scalar.value)
    }
}

extension Substring {
    fileprivate func trimmingSuffix(while predicate: (Character) -> Bool) -> Substring {
        var rest = self
        while let last = rest.last, predicate(last) { rest.removeLast() }
        return rest
    }
}
