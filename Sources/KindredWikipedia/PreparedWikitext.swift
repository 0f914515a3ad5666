/// Wikitext after what MediaWiki does first (Preprocessor_Hash.php, preprocessToObj): comments are gone, of the
/// inclusion tags only what a page itself shows is left, and the extension elements, whose content is no markup of the
/// text around them, are known by their places. Takes linear time.
struct PreparedWikitext {
    /// An element such as `<nowiki>` or `<ref>`.
    struct Element {
        let name: String
        /// Between the tags; empty for `<name/>`.
        let content: Range<Int>
        /// The opening tag.
        let tag: Range<Int>
        /// Past the closing tag.
        let end: Int
    }

    /// Without characters below U+0020 other than tab and line feed, so that these can be marks later.
    private(set) var bytes: [UInt8] = []
    /// By where they start in `bytes`.
    private(set) var elements: [Int: Element] = [:]

    private let source: [UInt8]
    private var position = 0
    /// What was looked for in vain: it is not in the rest either, and looking again would take quadratic time.
    private var missing: Set<String> = []

    /// Extension elements of MediaWiki and of the extensions that Wikipedias have, but for those whose content is
    /// wikitext that is shown.
    private static let extensions: Set<String> = [
        "nowiki", "pre", "ref", "references", "gallery", "math", "chem", "ce", "timeline", "score",
        "syntaxhighlight", "source", "imagemap", "templatestyles", "templatedata", "mapframe", "maplink",
        "graph", "chart", "hiero", "categorytree", "inputbox", "indicator", "charinsert", "phonos",
        "langconvert", "dynamicpagelist", "rss", "embedvideo",
    ]

    /// Tags without meaning on a page that is shown itself.
    private static let transparent: Set<String> = [
        "noinclude", "onlyinclude", "section", "translate", "tvar",
    ]

    init(_ wikitext: [UInt8]) {
        source = wikitext
        bytes.reserveCapacity(source.count)
        while position < source.count {
            var plainEnd = position
            while plainEnd < source.count, Self.isPlain(source[plainEnd]) { plainEnd += 1 }
            bytes += source[position..<plainEnd]
            position = plainEnd
            guard position < source.count else { return }
            if source[position] == UInt8(ascii: "<") {
                if takeTag() { continue }
                bytes.append(source[position])
            }
            position += 1
        }
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        byte >= 0x20 ? byte != UInt8(ascii: "<") : byte == 0x0A || byte == 0x09
    }

    private mutating func append(_ byte: UInt8) {
        if byte >= 0x20 || byte == 0x0A || byte == 0x09 { bytes.append(byte) }
    }

    /// Whether a comment or a tag that is known here was taken.
    private mutating func takeTag() -> Bool {
        guard position + 1 < source.count else { return false }
        if source[position...].starts(with: "<!--".utf8) {
            takeComments()
            return true
        }
        let isEnd = source[position + 1] == UInt8(ascii: "/")
        guard let name = Bytes.tagName(source, at: position + (isEnd ? 2 : 1)) else { return false }
        if Self.transparent.contains(name) { return skipTag() }
        if name == "includeonly" { return isEnd ? skipTag() : skipIncluded() }
        return !isEnd && Self.extensions.contains(name) && takeElement(name)
    }

    private mutating func find(_ needle: String, from start: Int) -> Int? {
        guard !missing.contains(needle) else { return nil }
        let found = Bytes.find(needle, in: source, from: start)
        if found == nil { missing.insert(needle) }
        return found
    }

    private mutating func skipTag() -> Bool {
        guard let end = find(">", from: position) else { return false }
        position = end + 1
        return true
    }

    /// What only pages show that include this one, to the end of the text where it is not closed.
    private mutating func skipIncluded() -> Bool {
        guard let open = find(">", from: position) else { return false }
        if source[open - 1] == UInt8(ascii: "/") {
            position = open + 1
        } else {
            let close = find("</includeonly", from: open)
            position = close.flatMap { find(">", from: $0) }.map { $0 + 1 } ?? source.count
        }
        return true
    }

    /// Comments that stand alone on a line go with the line, as in MediaWiki; others leave the spaces around them.
    private mutating func takeComments() {
        var end = position
        var blankEnd = position
        repeat {
            end = find("-->", from: blankEnd + 4).map { $0 + 3 } ?? source.count
            blankEnd = end
            while blankEnd < source.count, source[blankEnd] == 0x20 || source[blankEnd] == 0x09 {
                blankEnd += 1
            }
        } while source[blankEnd...].starts(with: "<!--".utf8)
        var blankStart = bytes.count
        while blankStart > 0, bytes[blankStart - 1] == 0x20 || bytes[blankStart - 1] == 0x09 {
            blankStart -= 1
        }
        let startsLine = blankStart == 0 || bytes[blankStart - 1] == 0x0A
        if startsLine, blankEnd < source.count, source[blankEnd] == 0x0A {
            bytes.removeLast(bytes.count - blankStart)
            position = blankEnd + 1
        } else {
            position = end
        }
    }

    private mutating func takeElement(_ name: String) -> Bool {
        guard let open = find(">", from: position) else {
            // Nothing ends the tag: its name is no text.
            position += 1 + name.utf8.count
            return true
        }
        let start = bytes.count
        var contentEnd = open + 1
        var end = open + 1
        if source[open - 1] != UInt8(ascii: "/") {
            guard let close = closing(name, from: open + 1) else {
                // Nothing closes it: MediaWiki shows the tag; here it goes, and what follows is text.
                position = open + 1
                return true
            }
            (contentEnd, end) = (close.lowerBound, close.upperBound)
        }
        for index in position...open { append(source[index]) }
        let tag = start..<bytes.count
        for index in (open + 1)..<contentEnd { append(source[index]) }
        let content = tag.upperBound..<bytes.count
        for index in contentEnd..<end { append(source[index]) }
        elements[start] = Element(name: name, content: content, tag: tag, end: bytes.count)
        position = end
        return true
    }

    /// `</name>`, with spaces allowed before the `>`.
    private mutating func closing(_ name: String, from start: Int) -> Range<Int>? {
        var from = start
        while let close = find("</" + name, from: from) {
            var end = close + 2 + name.utf8.count
            while end < source.count, Bytes.isSpace(source[end]) { end += 1 }
            if end < source.count, source[end] == UInt8(ascii: ">") { return close..<end + 1 }
            from = end
        }
        missing.insert("</" + name)
        return nil
    }
}
