import KindredSystem

/// Plain text, reStructuredText and AsciiDoc among it: paragraphs between blank lines, headings with a line of `=`, `-` or
/// `~` below them, pages between form feeds.
enum PlainTextFile: WholeFileFormat {
    static let version = 1

    static func document(_ file: WholeFile, _ options: ReadingOptions) throws -> Document? {
        let text = try TextEncodings.decode(file.bytes, declared: options.charset, name: file.name)
        var pieces: [TextParagraphs.Piece] = []
        TextParagraphs.forEach(in: text) { pieces.append($0) }
        var builder = DocumentBuilder()
        var title: String?
        for (index, piece) in pieces.enumerated() {
            switch piece {
            case .heading(let heading, let level):
                if builder.isEmpty, title == nil {
                    title = heading
                } else {
                    builder.begin(heading, level: level)
                }
            case .paragraph(let paragraph, let line):
                if index == 0, pieces.count > 1, isTitle(paragraph) {
                    title = paragraph
                } else {
                    builder.add(paragraph, line: line)
                }
            }
        }
        return builder.finish(title: title ?? file.title)
    }

    /// Whether the first paragraph is a title: a short line that ends no sentence.
    private static func isTitle(_ paragraph: String) -> Bool {
        paragraph.count <= 80 && !paragraph.contains("\n")
            && paragraph.contains { $0.isLetter || $0.isNumber }
            && paragraph.last.map { !".!?,;:。！？".contains($0) } == true
    }
}

/// Finds paragraphs and headings in plain text.
enum TextParagraphs {
    enum Piece {
        case heading(String, level: Int)
        /// - line: from 1.
        case paragraph(String, line: Int)
    }

    static func forEach(in text: String, _ body: (Piece) -> Void) {
        var lines: [Substring] = []
        var first = 1
        var underlines: [Character] = []
        func end() {
            defer { lines.removeAll(keepingCapacity: true) }
            guard !lines.isEmpty else { return }
            body(.paragraph(unwrapped(lines), line: first))
        }
        var number = 0
        for line in text.split(
            omittingEmptySubsequences: false, whereSeparator: { $0 == "\n" || $0 == "\u{0C}" })
        {
            number += 1
            if line.allSatisfy(\.isWhitespace) {
                end()
                continue
            }
            if let mark = underline(line), lines.count == 1, let heading = lines.first,
                line.count * 2 >= heading.count, heading.count <= 200
            {
                // As in reStructuredText, the order in which marks occur gives their levels.
                if !underlines.contains(mark) { underlines.append(mark) }
                body(
                    .heading(
                        String(heading).trimmed, level: (underlines.firstIndex(of: mark) ?? 0) + 1))
                lines.removeAll(keepingCapacity: true)
                continue
            }
            if lines.isEmpty { first = number }
            lines.append(line)
        }
        end()
    }

    private static func underline(_ line: Substring) -> Character? {
        guard line.count >= 3, let mark = line.first, "=-~^\"#*+".contains(mark) else { return nil }
        return line.allSatisfy { $0 == mark || $0.isWhitespace } ? mark : nil
    }

    /// Lines that were wrapped at a width are one line again; a word that was divided at their end stays divided where a
    /// hyphen may belong to it.
    ///
    /// Lines are wrapped where each but the last is nearly as long as the longest, and none begins as an item of a list.
    static func unwrapped(_ lines: [Substring]) -> String {
        let trimmed = lines.map { String($0).trimmed }
        let longest = trimmed.map(\.count).max() ?? 0
        let isWrapped =
            longest >= 40 && trimmed.dropLast().allSatisfy { $0.count * 10 >= longest * 6 }
            && !trimmed.dropFirst().contains(where: isItem)
        return trimmed.joined(separator: isWrapped ? " " : "\n")
    }

    private static func isItem(_ line: String) -> Bool {
        line.prefixMatch(of: /([-*+•–]|[0-9]{1,3}[.)]|[a-z][.)])\s/) != nil || line.hasPrefix("|")
    }
}
