/// Wikitext → text without markup, lines as they were: headings, lists and paragraphs are told apart afterwards by
/// `Article`, from the first characters of lines; `Mark` says where these are text.
///
/// One walk over the bytes. What cannot be shown as prose is left out: templates but for those of `KnownTemplate` and
/// `InlineTemplate`, tables, files, categories, references, formulas.
struct WikitextParser {
    let text: [UInt8]
    let elements: [Int: PreparedWikitext.Element]
    let brackets: MarkupBrackets
    let title: String
    let site: DumpSite
    /// Whether `details` are gathered.
    let hasDetails: Bool
    var output: [UInt8] = []
    /// What the text says of its article besides what is shown.
    var details = ArticleDetails()
    /// The names of templates that were met.
    var templateNames = TemplateNames()
    /// Where the first line begins that begins with `==`.
    let firstHeading: Int
    /// Up to here no `]` was found from a place before: looking again from the next one would take quadratic time.
    var linkSearched = 0

    /// For each byte, whether markup may begin with it.
    private static let mayBeMarkup: [Bool] = (0..<256).map { "<{[-&_]}".utf8.contains(UInt8($0)) }

    /// Deeper nesting is dropped; real articles stay below ten.
    static let maximumDepth = 24

    static func plainText(
        _ wikitext: [UInt8], title: String, site: DumpSite, hasDetails: Bool
    ) -> (text: [UInt8], details: ArticleDetails) {
        let source = PreparedWikitext(wikitext)
        let hasVariants =
            LanguageVariants.areUsed(in: site.language) || LanguageVariants.areWritten(in: source.bytes)
        let brackets = MarkupBrackets(source.bytes, elements: source.elements, hasVariants: hasVariants)
        let heading = Bytes.find("\n==", in: source.bytes, from: 0) ?? source.bytes.count
        var parser = WikitextParser(
            text: source.bytes, elements: source.elements, brackets: brackets, title: title, site: site,
            hasDetails: hasDetails, firstHeading: heading)
        parser.output.reserveCapacity(source.bytes.count)
        parser.parse(0..<source.bytes.count, depth: 0)
        return (parser.output, parser.details)
    }

    mutating func parse(_ range: Range<Int>, depth: Int) {
        guard depth <= Self.maximumDepth else { return }
        var position = range.lowerBound
        let mayBeMarkup = Self.mayBeMarkup
        while position < range.upperBound {
            var plainEnd = position
            while plainEnd < range.upperBound, !mayBeMarkup[Int(text[plainEnd])] { plainEnd += 1 }
            output += text[position..<plainEnd]
            position = plainEnd
            guard position < range.upperBound else { return }
            let next: Int?
            switch text[position] {
            case UInt8(ascii: "<"): next = element(position, range)
            case UInt8(ascii: "{"): next = brace(position, range, depth: depth)
            case UInt8(ascii: "["): next = bracket(position, range, depth: depth)
            case UInt8(ascii: "-"): next = variant(position, range, depth: depth)
            case UInt8(ascii: "&"): next = entity(position, range)
            case UInt8(ascii: "_"): next = behaviorSwitch(position, range)
            case UInt8(ascii: "]"), UInt8(ascii: "}"):
                // A closing pair that nothing opened.
                let isPair = position + 1 < range.upperBound && text[position + 1] == text[position]
                next = isPair ? position + 2 : nil
            default: next = nil
            }
            if let next {
                position = min(max(next, position + 1), range.upperBound)
            } else {
                output.append(text[position])
                position += 1
            }
        }
    }

    // MARK: What others append

    /// Appends text that is not looked at again.
    mutating func appendLiteral(_ bytes: some Sequence<UInt8>) {
        markText()
        for byte in bytes {
            output.append(byte == UInt8(ascii: "'") ? Mark.apostrophe : byte)
            if byte == 0x0A { output.append(Mark.text) }
        }
    }

    /// What comes next begins no heading, list or row, where a line begins.
    mutating func markText() {
        if output.last == nil || output.last == 0x0A { output.append(Mark.text) }
    }

    /// Says that something was left out.
    mutating func drop() { output.append(Mark.dropped) }

    mutating func endParagraph() {
        if let last = output.last, last != 0x0A { output.append(0x0A) }
        output.append(0x0A)
    }

    /// What `body` would append, without appending it.
    mutating func captured(_ body: (inout WikitextParser) -> Void) -> [UInt8] {
        let start = output.count
        body(&self)
        // Made of all of the output, an array would share its memory, which is reserved for the whole text.
        var result: [UInt8] = []
        result.reserveCapacity(output.count - start)
        result.append(contentsOf: output[start...])
        output.removeLast(output.count - start)
        return result
    }

    // MARK: Elements

    private mutating func element(_ start: Int, _ range: Range<Int>) -> Int? {
        if let element = elements[start] {
            show(element)
            return element.end
        }
        guard let tag = HTMLTag(text, at: start, until: range.upperBound) else { return nil }
        switch tag.kind {
        case .paragraph: endParagraph()
        case .item:
            endParagraph()
            if !tag.isEnd { output.append(UInt8(ascii: "*")) }
        case .row:
            if let last = output.last, last != 0x0A, last != Mark.row { output.append(0x0A) }
            if !tag.isEnd { output.append(Mark.row) }
        case .cell:
            // What ends is parted from what follows by the space; what begins, by the mark.
            if tag.isEnd {
                output.append(0x20)
            } else if output.last.map({ $0 == 0x0A }) ?? true {
                output.append(Mark.row)
            } else if output.last != Mark.row {
                output.append(Mark.htmlCell)
            }
        case .lineBreak: output.append(0x20)
        case .inline: markText()
        case .nothing: break
        }
        return tag.end
    }

    /// An element whose content is no markup.
    private mutating func show(_ element: PreparedWikitext.Element) {
        let content = text[element.content]
        switch element.name {
        case "nowiki": appendLiteral(Entity.decoded(content))
        case "syntaxhighlight", "source":
            if text[element.tag].firstRange(of: "inline".utf8) != nil {
                appendLiteral(content)
            } else {
                appendLines(content)
            }
        case "pre": appendLines(Entity.decoded(Self.withoutNowiki(content))[...])
        default: drop()
        }
    }

    /// Within pre, the tags of nowiki are not shown.
    private static func withoutNowiki(_ text: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var text = text
        for tag in ["<nowiki>", "</nowiki>", "<nowiki/>", "<nowiki />"] {
            text = ArraySlice(text.replacing(tag.utf8, with: []))
        }
        return text
    }

    /// Appends lines that are shown as they are.
    private mutating func appendLines(_ content: ArraySlice<UInt8>) {
        endParagraph()
        for line in content.split(separator: 0x0A) {
            output.append(Mark.verbatim)
            output += line
            output.append(0x0A)
        }
        output.append(0x0A)
    }

    // MARK: Small marks

    private mutating func entity(_ start: Int, _ range: Range<Int>) -> Int? {
        guard let found = Entity.reference(text[..<range.upperBound], at: start) else { return nil }
        appendLiteral(found.text)
        return found.end
    }

    /// `__NOTOC__` and its like.
    private mutating func behaviorSwitch(_ start: Int, _ range: Range<Int>) -> Int? {
        guard let end = BehaviorSwitch.end(text, start, until: range.upperBound) else { return nil }
        if Bytes.find("__disambig__", in: text, from: start, until: end) != nil {
            details.isDisambiguation = true
        }
        drop()
        return end
    }

    /// `-{…}-`.
    private mutating func variant(_ start: Int, _ range: Range<Int>, depth: Int) -> Int? {
        guard let pair = brackets.pair(.variant, at: start), pair.end <= range.upperBound else { return nil }
        let inner = start + 2..<pair.end
        let shown = LanguageVariants.shown(split(inner, at: UInt8(ascii: "|")), text, language: site.language)
        { rules in
            split(rules, at: UInt8(ascii: ";"))
        }
        if let shown {
            markText()
            parse(trimmed(shown), depth: depth + 1)
        } else {
            drop()
        }
        return pair.after
    }

    // MARK: Pieces

    func trimmed(_ range: Range<Int>) -> Range<Int> {
        let slice = Bytes.trimmed(text[range])
        return slice.startIndex..<slice.endIndex
    }

    /// The first place, at least the given number of bytes after `start`, where text may be cut outside of brackets and
    /// elements.
    func wholeEnd(_ start: Int, atLeast count: Int) -> Int {
        var position = start
        while position < text.count, position - start < count {
            position = nestedEnd(position, start..<text.count) ?? position + 1
        }
        return position
    }

    /// The parts between separators that are not inside other brackets or elements.
    func split(_ range: Range<Int>, at separator: UInt8, most: Int = .max) -> [Range<Int>] {
        var parts: [Range<Int>] = []
        var start = range.lowerBound
        var position = range.lowerBound
        while position < range.upperBound {
            let byte = text[position]
            if byte == separator, parts.count + 1 < most {
                parts.append(start..<position)
                start = position + 1
                position += 1
            } else {
                position = nestedEnd(position, range) ?? position + 1
            }
        }
        parts.append(start..<range.upperBound)
        return parts
    }

    /// Past the bracket or the element that starts at `position` and ends within `range`.
    func nestedEnd(_ position: Int, _ range: Range<Int>) -> Int? {
        let byte = text[position]
        let end: Int?
        if byte == UInt8(ascii: "<") {
            end = elements[position]?.end
        } else {
            end = MarkupBrackets.opens(byte) ? brackets.end(ofAnyAt: position) : nil
        }
        return end.flatMap { $0 <= range.upperBound ? $0 : nil }
    }
}
