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

    static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

    static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }

    /// Whether a byte belongs to a letter or digit, or to any character beyond ASCII.
    static func isWord(_ byte: UInt8) -> Bool { isLetter(byte) || isDigit(byte) || byte >= 0x80 }

    /// The name of an element, in lower case, that is read from `start` on; nil where no letter stands there. As in
    /// HTML, a name ends with a space, `/` or `>`; or with a `;`, which authors put before attributes by mistake.
    static func tagName(_ text: [UInt8], at start: Int) -> String? {
        guard start < text.count, isLetter(text[start]) else { return nil }
        var end = start
        while end < text.count, end - start < 24, isLetter(text[end]) || isDigit(text[end]) { end += 1 }
        guard end < text.count,
            isSpace(text[end]) || text[end] == UInt8(ascii: "/") || text[end] == UInt8(ascii: ">")
                || text[end] == UInt8(ascii: ";")
        else { return nil }
        return String(decoding: text[start..<end].map(lower), as: UTF8.self)
    }

    static func trimmed(_ text: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var (start, end) = (text.startIndex, text.endIndex)
        while start < end, isSpace(text[start]) { start += 1 }
        while end > start, isSpace(text[end - 1]) { end -= 1 }
        return text[start..<end]
    }

    /// A scalar of well-formed UTF-8 that begins at `index`.
    static func scalar(_ text: [UInt8], at index: Int) -> Unicode.Scalar? {
        let end = min(index + 4, text.count)
        return index < end ? String(decoding: text[index..<end], as: UTF8.self).unicodeScalars.first : nil
    }
}
