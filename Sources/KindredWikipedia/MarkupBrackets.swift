/// Where the brackets of wikitext close: `{{ }}`, `[[ ]]` and `{| |}`, found in one pass with a stack, so that text
/// with any nesting, or with brackets that never close, takes linear time.
struct MarkupBrackets {
    enum Kind: UInt8 { case template, link, table }

    /// For each position where a bracket opens that closes again: its kind and where the closing one starts.
    private var closings: [Int: (kind: Kind, end: Int)] = [:]

    init(_ text: [UInt8]) {
        var stack: [(kind: Kind, start: Int)] = []
        var open = [0, 0, 0]
        var verbatim = VerbatimScanner()
        func isAt(_ index: Int, _ first: Character, _ second: Character) -> Bool {
            index + 1 < text.count && text[index] == first.asciiValue && text[index + 1] == second.asciiValue
        }
        var position = 0
        while position < text.count {
            switch text[position] {
            case UInt8(ascii: "<"):
                position = verbatim.end(text, position) ?? position + 1
                continue
            case UInt8(ascii: "{") where isAt(position, "{", "{"):
                stack.append((.template, position))
                open[0] += 1
                position += 2
                continue
            case UInt8(ascii: "{") where isAt(position, "{", "|"):
                stack.append((.table, position))
                open[2] += 1
                position += 2
                continue
            case UInt8(ascii: "[") where isAt(position, "[", "["):
                stack.append((.link, position))
                open[1] += 1
                position += 2
                continue
            case UInt8(ascii: "}") where isAt(position, "}", "}"): close(.template)
            case UInt8(ascii: "]") where isAt(position, "]", "]"): close(.link)
            case UInt8(ascii: "|") where isAt(position, "|", "}") && !isAt(position + 1, "}", "}"):
                close(.table)
            default:
                position += 1
                continue
            }
            position += 2
        }

        func close(_ kind: Kind) {
            guard open[Int(kind.rawValue)] > 0 else { return }
            // What opened inside and did not close never will.
            while let top = stack.popLast() {
                open[Int(top.kind.rawValue)] -= 1
                if top.kind == kind {
                    closings[top.start] = (kind, position)
                    return
                }
            }
        }
    }

    func closing(of kind: Kind, at start: Int) -> Int? {
        guard let found = closings[start], found.kind == kind else { return nil }
        return found.end
    }

    /// Past whatever closes again at `start`, closing brackets included.
    func end(ofAnyAt start: Int) -> Int? { closings[start].map { $0.end + 2 } }
}

/// Finds the ends of comments and of elements whose content is no markup.
struct VerbatimScanner {
    private static let names: Set<String> = [
        "nowiki", "math", "syntaxhighlight", "source", "score", "timeline",
    ]
    /// What was looked for in vain: there is none in the rest either, and looking again would take quadratic time.
    private var missing: Set<String> = []

    /// Past a comment or such an element, where one starts at `start`.
    mutating func end(_ text: [UInt8], _ start: Int) -> Int? {
        if text[start...].starts(with: "<!--".utf8) {
            return find("-->", in: text, from: start + 4).map { $0 + 3 }
        }
        guard let name = Bytes.tagName(text, at: start + 1), Self.names.contains(name),
            let end = find(">", in: text, from: start), text[end - 1] != UInt8(ascii: "/"),
            let close = find("</\(name)", in: text, from: end)
        else { return nil }
        return find(">", in: text, from: close).map { $0 + 1 }
    }

    private mutating func find(_ needle: String, in text: [UInt8], from start: Int) -> Int? {
        guard !missing.contains(needle) else { return nil }
        let found = Bytes.find(needle, in: text, from: start)
        if found == nil { missing.insert(needle) }
        return found
    }
}

/// Searches in text as bytes.
enum Bytes {
    /// Where `needle` (ASCII, compared without case) next stands.
    static func find(_ needle: String, in text: [UInt8], from start: Int, until end: Int? = nil) -> Int? {
        let needle = Array(needle.utf8)
        let end = (end ?? text.count) - needle.count
        var index = start
        while index <= end {
            if lower(text[index]) == lower(needle[0]), matches(needle, text, index) { return index }
            index += 1
        }
        return nil
    }

    private static func matches(_ needle: [UInt8], _ text: [UInt8], _ start: Int) -> Bool {
        for offset in needle.indices where lower(text[start + offset]) != lower(needle[offset]) {
            return false
        }
        return true
    }

    static func lower(_ byte: UInt8) -> UInt8 { (0x41...0x5A).contains(byte) ? byte | 0x20 : byte }

    static func isLetter(_ byte: UInt8) -> Bool { (0x61...0x7A).contains(byte | 0x20) }

    static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }

    /// Whether a bracket of markup may open with the byte.
    static func opens(_ byte: UInt8) -> Bool { byte == UInt8(ascii: "{") || byte == UInt8(ascii: "[") }

    /// The name of an element, in lower case, that is read from `start` on; nil where no letter stands there.
    static func tagName(_ text: [UInt8], at start: Int) -> String? {
        var end = start
        while end < text.count, end - start < 24, isLetter(text[end]) { end += 1 }
        return end > start ? String(decoding: text[start..<end].map(lower), as: UTF8.self) : nil
    }

    static func trimmed(_ text: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var text = text
        while let first = text.first, isSpace(first) { text.removeFirst() }
        while let last = text.last, isSpace(last) { text.removeLast() }
        return text
    }
}
