/// Bytes of XML on their way to a parser: characters that XML does not allow become spaces and are counted, one document
/// is told from the next, and what would cost a parser unbounded time or memory is cut off or refused.
///
/// It knows of XML only what that needs: tags, references and UTF-8. XML in other encodings passes as it is.
struct XMLByteFilter {
    /// A character that was left out.
    struct Forbidden: Hashable {
        let scalar: String
        /// From 1, and from 0.
        let line: Int
        let byte: Int
    }

    /// Bytes of text without a tag in it that pass, at most; `cutMark` stands for the others.
    let textLimit: Int
    /// A noncharacter that XML allows.
    static let cutMark: [UInt8] = Array("\u{10FFFE}".utf8)
    /// libxml2 compares every attribute of a tag with every other.
    private static let longestTag = 1 << 16
    private static let deepest = 256

    private(set) var forbiddenCount = 0
    private(set) var firstForbidden: Forbidden?
    /// Whether the bytes taken so far end with a whole document.
    private(set) var isDocumentWhole = false
    /// What is wrong with the document: nothing after it passes.
    private(set) var failure: (message: String, line: Int, byte: Int)?

    private var isWide: Bool?
    var isUTF8 = true
    /// Bytes that wait for those that follow, and those after the end of a document.
    var held: [UInt8] = []
    /// Of `held[0]`, in all bytes.
    private(set) var offset = 0
    private(set) var line = 1
    private var depth = 0
    private var textLength = 0
    /// Bytes of the tag that is open, 0 outside of tags; whether it is a comment, a declaration and the like.
    private var tagLength = 0
    private var isDeclaration = false
    private var isEndTag = false

    init(textLimit: Int) { self.textLimit = textLimit }

    /// Whether a document has begun and not ended.
    var isInside: Bool { isWide == true || depth > 0 || tagLength > 0 }
    /// Whether there are bytes after the end of a document.
    var hasMore: Bool { held.contains { $0 != 0x20 && !(0x09...0x0D).contains($0) && $0 != 0 } }

    /// Goes on after the end of a document.
    mutating func beginDocument() {
        isDocumentWhole = false
        isWide = nil
        (depth, textLength, tagLength) = (0, 0, 0)
        // No space may stand before an XML declaration.
        while let first = held.first, first == 0x20 || (0x09...0x0D).contains(first) {
            if first == 0x0A { line += 1 }
            held.removeFirst()
            offset += 1
        }
    }

    /// What of `bytes`, and of those that waited, passes.
    mutating func pass(_ bytes: [UInt8], isLast: Bool) -> [UInt8] {
        held += bytes
        guard isWide != nil || sniff(isLast: isLast) else { return [] }
        if isWide == true || isDocumentWhole || failure != nil {
            defer { if isWide == true { held = [] } }
            return isWide == true ? held : []
        }
        var output: [UInt8] = []
        output.reserveCapacity(held.count)
        var position = 0
        while position < held.count, !isDocumentWhole, failure == nil {
            let plainEnd = plainRun(position)
            if plainEnd > position {
                takePlain(position..<plainEnd, &output)
                position = plainEnd
                continue
            }
            guard let next = step(position, isLast: isLast, &output) else { break }
            position = next
        }
        held.removeFirst(position)
        offset += position
        return output
    }

    /// Finds whether a character takes two bytes, and whether the XML declaration names UTF-8 or nothing.
    /// - Returns: false where more bytes are needed to tell.
    private mutating func sniff(isLast: Bool) -> Bool {
        guard held.count >= 200 || isLast || held.firstIndex(of: UInt8(ascii: ">")) != nil else {
            return false
        }
        isUTF8 = true
        isWide = [[0xFF, 0xFE], [0xFE, 0xFF], [0x3C, 0x00], [0x00, 0x3C]].contains(Array(held.prefix(2)))
        let start = held.prefix(200)
        if start.starts(with: "<?xml".utf8), let end = start.firstRange(of: "?>".utf8) {
            let declaration = String(decoding: start[..<end.lowerBound], as: UTF8.self).lowercased()
            isUTF8 =
                !declaration.contains("encoding") || declaration.contains("utf-8")
                || declaration.contains("ascii")
        }
        return true
    }

    /// Characters of ASCII that are allowed and no markup.
    static let isPlain: [Bool] = (0..<256).map { (byte: Int) -> Bool in
        if byte == 0x3C || byte == 0x3E || byte == 0x26 { return false }
        return (0x20..<0x80).contains(byte) || byte == 0x09 || byte == 0x0A || byte == 0x0D
    }

    private mutating func takePlain(_ range: Range<Int>, _ output: inout [UInt8]) {
        line += held[range].count { $0 == 0x0A }
        emit(range, count: range.count, &output)
        if tagLength > 0 { lengthenTag(by: range.count, range.upperBound) }
    }

    /// Takes what stands at `position`.
    /// - Returns: past it; nil where more bytes are needed to tell.
    private mutating func step(_ position: Int, isLast: Bool, _ output: inout [UInt8]) -> Int? {
        let byte = held[position]
        switch byte {
        case UInt8(ascii: "<"):
            guard position + 1 < held.count || isLast else { return nil }
            if tagLength == 0, position + 1 < held.count { beginTag(held[position + 1]) }
            textLength = 0
            output.append(byte)
        case UInt8(ascii: ">") where tagLength > 0:
            output.append(byte)
            endTag(isEmpty: position > 0 && held[position - 1] == UInt8(ascii: "/"), position)
            return position + 1
        case UInt8(ascii: "&"):
            guard let length = reference(position, isLast: isLast) else { return nil }
            emit(position..<position + length, count: 1, &output)
            return position + length
        case UInt8(ascii: ">"): emit(position..<position + 1, count: 1, &output)
        case 0x80... where isUTF8:
            guard let length = scalar(position, isLast: isLast) else { return nil }
            emit(position..<position + length, count: length, &output)
            return position + length
        case 0x80...: emit(position..<position + 1, count: 1, &output)
        default:
            forbid(position, "U+" + Self.hex(UInt32(byte)))
            held[position] = 0x20
            emit(position..<position + 1, count: 1, &output)
        }
        if tagLength > 0 { lengthenTag(by: 1, position) }
        return position + 1
    }

    private mutating func emit(_ range: Range<Int>, count: Int, _ output: inout [UInt8]) {
        if tagLength == 0 {
            let wasWithin = textLength <= textLimit
            textLength += count
            if textLength > textLimit {
                if wasWithin { output += Self.cutMark }
                return
            }
        }
        if range.count == 1 { output.append(held[range.lowerBound]) } else { output += held[range] }
    }

    // MARK: Tags

    private mutating func beginTag(_ next: UInt8) {
        isEndTag = next == UInt8(ascii: "/")
        isDeclaration = next == UInt8(ascii: "!") || next == UInt8(ascii: "?")
        let isName = (0x61...0x7A).contains(next | 0x20) || next >= 0x80 || next == UInt8(ascii: "_")
        if isEndTag || isDeclaration || isName { tagLength = 1 }
    }

    private mutating func lengthenTag(by count: Int, _ position: Int) {
        tagLength += count
        if tagLength > (isDeclaration ? max(textLimit, Self.longestTag) : Self.longestTag) {
            fail("a tag of more than \(Self.longestTag) bytes, which no dump has", position)
        }
    }

    private mutating func endTag(isEmpty: Bool, _ position: Int) {
        defer {
            tagLength = 0
            textLength = 0
        }
        guard !isDeclaration else { return }
        if isEndTag {
            depth -= 1
        } else if !isEmpty {
            depth += 1
        }
        if depth <= 0, isEndTag || isEmpty { isDocumentWhole = true }
        if depth > Self.deepest { fail("elements inside each other deeper than \(Self.deepest)", position) }
    }

    private mutating func fail(_ message: String, _ position: Int) {
        failure = (message, line, offset + position)
    }

    // MARK: Characters

    private mutating func forbid(_ position: Int, _ scalar: String) {
        forbiddenCount += 1
        if firstForbidden == nil {
            firstForbidden = Forbidden(scalar: scalar, line: line, byte: offset + position)
        }
    }

    private static func hex(_ value: UInt32) -> String {
        let digits = String(value, radix: 16, uppercase: true)
        return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
    }

    /// The length of the reference at `position`, 1 for a lone `&`. One to a forbidden character becomes spaces.
    private mutating func reference(_ position: Int, isLast: Bool) -> Int? {
        let limit = min(held.count, position + 16)
        guard let end = (position..<limit).first(where: { held[$0] == UInt8(ascii: ";") }) else {
            return limit == held.count && limit < position + 16 && !isLast ? nil : 1
        }
        let text = String(decoding: held[(position + 1)..<end], as: UTF8.self)
        guard text.first == "#" else { return end + 1 - position }
        let isHex = text.dropFirst().first == "x"
        if let value = UInt32(text.dropFirst(isHex ? 2 : 1), radix: isHex ? 16 : 10), !Self.isAllowed(value) {
            forbid(position, value <= 0x10FFFF ? "U+" + Self.hex(value) : "&\(text);")
            for index in position...end { held[index] = 0x20 }
        }
        return end + 1 - position
    }

    /// XML 1.0, production 2.
    private static func isAllowed(_ value: UInt32) -> Bool {
        switch value {
        case 0x9, 0xA, 0xD, 0x20...0xD7FF, 0xE000...0xFFFD, 0x10000...0x10FFFF: true
        default: false
        }
    }

    /// The smallest character of each length.
    private static let least: [UInt32] = [0, 0x80, 0x80, 0x800, 0x10000]

    /// The length of the character at `position`. A byte that is no UTF-8, or a forbidden character, becomes spaces.
    private mutating func scalar(_ position: Int, isLast: Bool) -> Int? {
        let byte = held[position]
        let length: Int =
            switch byte {
            case 0xC2...0xDF: 2
            case 0xE0...0xEF: 3
            case 0xF0...0xF4: 4
            default: 1
            }
        if position + length > held.count, !isLast { return nil }
        let end = min(position + length, held.count)
        var valid = position + 1
        while valid < end, held[valid] & 0xC0 == 0x80 { valid += 1 }
        var value = UInt32(byte) & (0xFF >> UInt32(length + 1))
        for index in (position + 1)..<max(valid, position + 1) {
            value = value << 6 | UInt32(held[index] & 0x3F)
        }
        let isWhole = length > 1 && valid - position == length && value >= Self.least[length]
        if isWhole, Self.isAllowed(value) { return length }
        forbid(
            position,
            isWhole && value <= 0xFFFF
                ? "U+" + Self.hex(value) : "the byte 0x" + String(byte, radix: 16, uppercase: true))
        for index in position..<valid { held[index] = 0x20 }
        return valid - position
    }
}
