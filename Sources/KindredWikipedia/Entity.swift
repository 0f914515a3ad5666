/// Character references of HTML, as MediaWiki decodes them: by name, by decimal or by hexadecimal number.
enum Entity {
    /// The longest name of HTML has 31 letters.
    static let longest = 34

    /// Decodes what stands between & and ;. Spaces of any width are one, and what only steers the layout is nothing.
    /// - Returns: nil where it is no reference.
    static func decode(_ name: ArraySlice<UInt8>) -> [UInt8]? {
        let text = String(decoding: name, as: UTF8.self)
        guard text.first == "#" else {
            return NamedCharacters.text(of: text[...]).map {
                Array($0.unicodeScalars.map(shown).joined().utf8)
            }
        }
        let digits = text.dropFirst()
        let isHex = digits.first == "x" || digits.first == "X"
        guard let value = UInt32(isHex ? String(digits.dropFirst()) : String(digits), radix: isHex ? 16 : 10),
            let scalar = Unicode.Scalar(value), value >= 0x20 || value == 9 || value == 10
        else { return nil }
        return Array(shown(scalar).utf8)
    }

    private static func shown(_ scalar: Unicode.Scalar) -> String {
        if scalar.properties.isWhitespace { return " " }
        // Soft hyphen, word joiner and marks of direction.
        let isLayout = [0xAD, 0x200B, 0x200E, 0x200F, 0x2060].contains(scalar.value)
        return isLayout ? "" : String(scalar)
    }

    /// Text in which every reference is decoded.
    static func decoded(_ text: ArraySlice<UInt8>) -> [UInt8] {
        guard text.contains(UInt8(ascii: "&")) else { return Array(text) }
        var result: [UInt8] = []
        var position = text.startIndex
        while position < text.endIndex {
            if text[position] == UInt8(ascii: "&"), let found = reference(text, at: position) {
                result += found.text
                position = found.end
            } else {
                result.append(text[position])
                position += 1
            }
        }
        return result
    }

    /// The reference that starts at `start`, and where it ends.
    static func reference(_ text: ArraySlice<UInt8>, at start: Int) -> (text: [UInt8], end: Int)? {
        let limit = min(text.endIndex, start + longest)
        var end = start + 1
        while end < limit,
            Bytes.isLetter(text[end]) || Bytes.isDigit(text[end]) || text[end] == UInt8(ascii: "#")
        {
            end += 1
        }
        guard end > start + 1, end < limit, text[end] == UInt8(ascii: ";"),
            let decoded = decode(text[(start + 1)..<end])
        else { return nil }
        return (decoded, end + 1)
    }
}
