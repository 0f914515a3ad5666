/// Finds where sentences end.
package enum SentenceCutter {
    private static let abbreviations: Set<String> = [
        "mr", "mrs", "ms", "dr", "prof", "st", "sr", "jr", "vs", "etc", "no", "vol", "fig", "ca", "c", "e.g",
        "i.e", "cf",
        "al", "op", "ed", "eds", "gen", "col", "lt", "sgt", "capt", "rev", "hon", "gov", "sen", "rep", "inc",
        "ltd", "co",
        "corp", "bros", "mt", "ft", "approx", "dept", "est", "b", "d", "r", "p", "pp", "u.s", "u.k", "a.m",
        "p.m", "ph.d",
        "jan", "feb", "mar", "apr", "jun", "jul", "aug", "sep", "sept", "oct", "nov", "dec", "z.b", "bzw",
        "usw", "bd", "nr",
    ]

    /// The sentences of a paragraph: ranges that together are all of it but the spaces between.
    package static func sentences(_ text: [UInt8], _ paragraph: Range<Int>) -> [Range<Int>] {
        var result: [Range<Int>] = []
        var start = paragraph.lowerBound
        var position = paragraph.lowerBound
        // Marks alone are no sentence.
        var hasWord = false
        while position < paragraph.upperBound {
            hasWord = hasWord || Bytes.isWord(text[position])
            let (next, isEnd) = look(text, position, from: start, paragraph)
            var after = next
            if isEnd {
                while after < paragraph.upperBound, Bytes.isSpace(text[after]) { after += 1 }
            }
            // What belongs to the character before begins no sentence.
            if isEnd, hasWord, !extends(text, after, paragraph) {
                result.append(start..<next)
                start = after
                hasWord = false
            }
            position = after
        }
        if start < paragraph.upperBound { result.append(start..<paragraph.upperBound) }
        return result
    }

    /// Past what stands at `position`, and whether a sentence ends there. Marks that end none are passed together, so
    /// that many of them take linear time.
    private static func look(
        _ text: [UInt8], _ position: Int, from start: Int, _ paragraph: Range<Int>
    ) -> (next: Int, isEnd: Bool) {
        let byte = text[position]
        if byte == 0x0A { return (position, true) }
        if byte >= 0xE0 {
            let end = wideMark(text, position, paragraph)
            return (end ?? position + 1, end != nil)
        }
        guard byte == UInt8(ascii: ".") || byte == UInt8(ascii: "!") || byte == UInt8(ascii: "?") else {
            return (position + 1, false)
        }
        var end = position + 1
        while end < paragraph.upperBound, isClosing(text, end) { end += text[end] < 0x80 ? 1 : 3 }
        end = min(end, paragraph.upperBound)
        guard end < paragraph.upperBound, Bytes.isSpace(text[end]) else { return (end, false) }
        var next = end
        while next < paragraph.upperBound, Bytes.isSpace(text[next]) { next += 1 }
        guard next < paragraph.upperBound else { return (end, false) }
        // A small letter goes on with the sentence.
        if (0x61...0x7A).contains(text[next]) { return (end, false) }
        if byte == UInt8(ascii: "."), isAbbreviation(text, before: position, from: start) {
            return (end, false)
        }
        return (end, true)
    }

    /// Whether the character at `index` is part of the one before, as combining marks and joiners are.
    private static func extends(_ text: [UInt8], _ index: Int, _ paragraph: Range<Int>) -> Bool {
        guard index < paragraph.upperBound, text[index] >= 0xCC, let scalar = Bytes.scalar(text, at: index)
        else {
            return false
        }
        return scalar.properties.isGraphemeExtend || scalar.properties.generalCategory == .spacingMark
            || scalar.properties.isEmojiModifier || scalar.value == 0x200D
    }

    /// The full stops of Chinese and Japanese, and the danda of Indian scripts; no space need follow.
    private static func wideMark(_ text: [UInt8], _ position: Int, _ paragraph: Range<Int>) -> Int? {
        guard position + 3 <= paragraph.upperBound else { return nil }
        let mark = text[position..<position + 3]
        let marks: [[UInt8]] = [
            [0xE3, 0x80, 0x82], [0xEF, 0xBC, 0x81], [0xEF, 0xBC, 0x9F], [0xE0, 0xA5, 0xA4],
            [0xEF, 0xBD, 0xA1],
        ]
        return marks.contains { mark.elementsEqual($0) } ? position + 3 : nil
    }

    private static func isClosing(_ text: [UInt8], _ index: Int) -> Bool {
        switch text[index] {
        case UInt8(ascii: "\""), UInt8(ascii: "'"), UInt8(ascii: ")"), UInt8(ascii: "]"), UInt8(ascii: "."),
            UInt8(ascii: "!"),
            UInt8(ascii: "?"):
            return true
        case 0xE2:  // ” and ’
            return index + 2 < text.count && text[index + 1] == 0x80
                && (text[index + 2] == 0x9D || text[index + 2] == 0x99)
        default: return false
        }
    }

    private static func isAbbreviation(_ text: [UInt8], before stop: Int, from start: Int) -> Bool {
        var begin = stop
        // No abbreviation is longer.
        let start = max(start, stop - 8)
        while begin > start, !Bytes.isSpace(text[begin - 1]), text[begin - 1] != UInt8(ascii: "(") {
            begin -= 1
        }
        let word = text[begin..<stop]
        // An initial: one capital letter.
        if word.count == 1, let letter = word.first, (0x41...0x5A).contains(letter) { return true }
        guard word.count <= 6 else { return false }
        return abbreviations.contains(String(decoding: word, as: UTF8.self).lowercased())
    }
}
