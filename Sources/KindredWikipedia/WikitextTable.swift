/// A table of wikitext (mediawiki.org, Help:Tables; MediaWiki's Parser::handleTables): where its cells are.
struct WikitextTable {
    struct Cell {
        /// The content, without attributes.
        var range: Range<Int>
        let isHeader: Bool
    }

    /// The attributes after `{|`, in lower case.
    private(set) var attributes = ""
    private(set) var caption: Range<Int>?
    private(set) var rows: [[Cell]] = []

    /// Bytes of attributes that are read, at most.
    private static let longestAttributes = 400

    /// - Parameter inner: between `{|` and `|}`.
    init(_ inner: Range<Int>, in parser: WikitextParser) {
        let text = parser.text
        var row: [Cell] = []
        /// The cell or the caption that goes on, and where it begins.
        var open: (start: Int, isHeader: Bool, isCaption: Bool, isLoose: Bool)?
        func isMark(_ position: Int, _ byte: UInt8) -> Bool {
            position < inner.upperBound && text[position] == byte
        }
        func close(at end: Int) {
            guard let begun = open else { return }
            open = nil
            let whole = begun.start..<max(begun.start, end)
            let range = begun.isLoose ? parser.trimmed(whole) : Self.content(whole, in: parser)
            if begun.isCaption {
                caption = caption ?? range
            } else {
                row.append(Cell(range: range, isHeader: begun.isHeader))
            }
        }
        func endRow() {
            if !row.isEmpty { rows.append(row) }
            row = []
        }

        var position = parser.lineEnd(inner.lowerBound, inner)
        attributes = String(
            decoding: text[inner.lowerBound..<position].prefix(Self.longestAttributes), as: UTF8.self
        ).lowercased()
        while position < inner.upperBound {
            // At a line feed.
            let lineFeed = position
            position += 1
            while position < inner.upperBound, text[position] == 0x20 || text[position] == 0x09 {
                position += 1
            }
            let bar = UInt8(ascii: "|")
            let isHeader = isMark(position, UInt8(ascii: "!"))
            guard isMark(position, bar) || isHeader else {
                // Rows of HTML stand outside of cells.
                if open == nil { open = (lineFeed + 1, false, false, true) }
                position = parser.lineEnd(position, inner)
                continue
            }
            close(at: lineFeed)
            if isMark(position + 1, UInt8(ascii: "-")), !isHeader {
                endRow()
                position = parser.lineEnd(position, inner)
                continue
            }
            let isCaption = !isHeader && isMark(position + 1, UInt8(ascii: "+"))
            position += isCaption ? 2 : 1
            open = (position, isHeader, isCaption, false)
            while position < inner.upperBound, text[position] != 0x0A {
                let isDouble = isMark(position + 1, text[position])
                if isDouble, text[position] == bar || (isHeader && text[position] == UInt8(ascii: "!")),
                    !isCaption
                {
                    close(at: position)
                    position += 2
                    open = (position, isHeader, false, false)
                } else {
                    position = parser.nestedEnd(position, inner) ?? position + 1
                }
            }
        }
        close(at: inner.upperBound)
        endRow()
    }

    /// A cell without the attributes that may stand before a bar in its first line. As in MediaWiki, what has a link is
    /// no attribute.
    private static func content(_ range: Range<Int>, in parser: WikitextParser) -> Range<Int> {
        let text = parser.text
        var position = range.lowerBound
        while position < range.upperBound, text[position] != 0x0A {
            if text[position] == UInt8(ascii: "|") {
                return parser.trimmed(position + 1..<range.upperBound)
            }
            if parser.brackets.pair(.link, at: position) != nil { break }
            position = parser.nestedEnd(position, range) ?? position + 1
        }
        return parser.trimmed(withoutAttributes(range, in: parser)..<range.upperBound)
    }

    /// Past attributes that no bar follows: a template after them writes it, as `{{yes}}` does.
    private static func withoutAttributes(_ range: Range<Int>, in parser: WikitextParser) -> Int {
        let text = parser.text
        var position = range.lowerBound
        while true {
            var start = position
            while start < range.upperBound, text[start] == 0x20 { start += 1 }
            var end = start
            while end < range.upperBound, Bytes.isLetter(text[end]) || text[end] == UInt8(ascii: "-") {
                end += 1
            }
            guard end > start, end < range.upperBound, text[end] == UInt8(ascii: "="),
                cellAttributes.contains(String(decoding: text[start..<end], as: UTF8.self).lowercased())
            else { return position }
            end += 1
            let quote = end < range.upperBound && (text[end] == 0x22 || text[end] == 0x27) ? text[end] : nil
            if let quote {
                guard let close = text[(end + 1)..<range.upperBound].firstIndex(of: quote) else {
                    return position
                }
                end = close + 1
            } else {
                while end < range.upperBound, Bytes.isWord(text[end]) || "#%.".utf8.contains(text[end]) {
                    end += 1
                }
            }
            position = end
        }
    }

    private static let cellAttributes: Set<String> = [
        "align", "valign", "style", "class", "colspan", "rowspan", "bgcolor", "width", "height", "scope",
        "id",
        "abbr", "dir", "lang", "data-sort-value", "data-sort-type", "border", "nowrap",
    ]

    // MARK: What it is

    enum Kind {
        /// Links to other articles, notices and the like: not part of the article's text.
        case apparatus
        /// A box of facts.
        case box
        /// A frame around text.
        case layout
        case data
    }

    /// What its attributes say it is.
    /// - Parameter isInLead: whether it stands above the first heading, where what floats beside the text is a box of facts.
    func kind(isInLead: Bool) -> Kind {
        guard attributes.utf8.contains(UInt8(ascii: "=")) else { return .data }
        if Self.apparatus.contains(where: attributes.contains) { return .apparatus }
        if attributes.contains("infobox") { return .box }
        if isInLead, Self.floats.contains(where: attributes.replacing(" ", with: "").contains) { return .box }
        return attributes.contains("presentation") ? .layout : .data
    }

    /// The end of the line; in wikis of scripts that run from right to left, its other end.
    private static let floats = [
        "float:right", "align=right", "align=\"right\"", "float:left", "align=left", "align=\"left\"",
    ]

    private static let apparatus = [
        "navbox", "navigation", "ambox", "mbox", "metadata", "noprint", "nomobile", "hatnote", "dablink",
        "messagebox",
        "sidebar", "id=\"toc\"", "stub", "display:none", "display: none", "succession", "navboks",
        "navigatie",
    ]
}

extension WikitextParser {
    /// Where the line of `position` ends, with line feeds inside brackets and elements passed over.
    func lineEnd(_ position: Int, _ range: Range<Int>) -> Int {
        var position = position
        while position < range.upperBound, text[position] != 0x0A {
            position = nestedEnd(position, range) ?? position + 1
        }
        return min(position, range.upperBound)
    }

    /// Shows a table: its caption and each of its rows as a line. A table that only arranges text shows the text.
    mutating func show(_ table: WikitextTable, at start: Int, depth: Int) {
        let kind = table.kind(isInLead: depth == 0 && start < firstHeading)
        guard kind != .apparatus, depth < Self.maximumDepth else { return drop() }
        var rows: [[[UInt8]]] = []
        var (cells, blocks) = (0, 0)
        for row in table.rows {
            var shown: [[UInt8]] = []
            for cell in row {
                let content = captured { $0.cell(cell.range, depth: depth + 1) }
                guard content.contains(where: Bytes.isWord) else { continue }
                cells += 1
                if Self.isBlock(content) || Self.hasRows(content) { blocks += 1 }
                shown.append(content)
            }
            if !shown.isEmpty { rows.append(shown) }
        }
        if kind == .box { return note(rows) }
        endParagraph()
        if let caption = table.caption {
            let content = captured { $0.cell(caption, depth: depth + 1) }
            if content.contains(where: Bytes.isWord) { appendRow([content]) }
        }
        let isLayout = kind == .layout || blocks * 2 > cells
        var wasBlock = false
        for row in rows {
            let isBlock = isLayout || row.contains(where: Self.hasRows)
            if isBlock || wasBlock { endParagraph() }
            wasBlock = isBlock
            guard isBlock else {
                appendRow(row)
                continue
            }
            for content in row {
                endParagraph()
                output += content
            }
        }
        endParagraph()
    }

    /// A cell's content begins a line.
    private mutating func cell(_ range: Range<Int>, depth: Int) {
        output.append(0x0A)
        parse(range, depth: depth)
    }

    /// Whether a cell holds several lines, as text and lists do.
    private static func isBlock(_ content: [UInt8]) -> Bool {
        var lines = 0
        for line in content.split(separator: 0x0A) {
            if line.contains(where: Bytes.isWord) { lines += 1 }
        }
        return lines > 2
    }

    /// Whether a cell holds another table, or rows of HTML.
    private static func hasRows(_ content: [UInt8]) -> Bool { content.contains(Mark.row) }

    private mutating func appendRow(_ cells: [[UInt8]]) {
        output.append(Mark.row)
        for (index, cell) in cells.enumerated() {
            if index > 0 { output.append(Mark.cell) }
            var isFirst = true
            for line in cell.split(separator: 0x0A) {
                var line = Bytes.trimmed(line.drop { Mark.isLineStart($0) || Bytes.isSpace($0) })
                let isItem = line.first.map(Self.listMarks.contains) ?? false
                line = Bytes.trimmed(line.drop(while: Self.listMarks.contains))
                guard line.contains(where: Bytes.isWord) || isFirst else { continue }
                if !isFirst { output += isItem ? Array(", ".utf8) : [0x20] }
                output += line
                isFirst = false
            }
        }
        output.append(0x0A)
    }

    /// Keeps a box of facts that is written as a table: rows of a name and a value.
    private mutating func note(_ rows: [[[UInt8]]]) {
        drop()
        for row in rows where row.count == 2 {
            let texts = row.map { cell in
                let lines = cell.split(separator: 0x0A).map { line in
                    let line = line.drop { Mark.isLineStart($0) || Bytes.isSpace($0) }
                    return String(
                        decoding: LineText.shown(Bytes.trimmed(line.drop(while: Self.listMarks.contains))),
                        as: UTF8.self)
                }
                return lines.filter { !$0.isEmpty }.joined(separator: ", ")
            }
            guard let fact = Infobox.fact(texts[0], texts[1]) else { continue }
            details.add(fact)
        }
    }
}
