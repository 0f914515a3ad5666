/// A line of text with marks.
enum LineText {
    /// The line as it is shown: without marks and what templates leave behind where they go, that is, empty brackets,
    /// and spaces before punctuation. What was empty in the source stays.
    static func shown(_ line: ArraySlice<UInt8>) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(line.count)
        // Whether something was left out since the last letter, but for punctuation.
        var isGap = false
        let line = line.contains(UInt8(ascii: "'")) ? Apostrophes.resolved(Array(line))[...] : line
        var position = line.startIndex
        let isPlain = isPlain
        while position < line.endIndex {
            var wordEnd = position
            while wordEnd < line.endIndex, isPlain[Int(line[wordEnd])] { wordEnd += 1 }
            if wordEnd > position {
                result += line[position..<wordEnd]
                isGap = false
                position = wordEnd
                continue
            }
            let byte = line[position]
            position += 1
            switch byte {
            case Mark.dropped: isGap = true
            case Mark.apostrophe: result.append(UInt8(ascii: "'"))
            case 0x01...0x08, Mark.row...Mark.htmlCell: break
            case 0x09, 0x20:
                if let last = result.last, last != 0x20, !(isGap && last == UInt8(ascii: "(")) {
                    result.append(0x20)
                }
            case UInt8(ascii: ","), UInt8(ascii: "."), UInt8(ascii: ";"), UInt8(ascii: ":"):
                if isGap {
                    if result.last == 0x20 { result.removeLast() }
                    // "(; born 1900)" and "(, Greek)": nothing before the mark.
                    if result.last == UInt8(ascii: "("), byte != UInt8(ascii: "."), byte != UInt8(ascii: ":")
                    {
                        continue
                    }
                }
                result.append(byte)
            case UInt8(ascii: ")"):
                if isGap {
                    while let last = result.last, [0x20, 0x2C, 0x3B].contains(last) { result.removeLast() }
                    if result.last == UInt8(ascii: "(") {
                        result.removeLast()
                        continue
                    }
                }
                result.append(byte)
            case UInt8(ascii: "("):
                result.append(byte)
            default:
                if isGap, byte == 0x89, removeEmptyWideBracket(&result) { continue }
                result.append(byte)
                // The bytes of （ and ） are told apart by their last.
                if byte < 0x80 || (byte != 0xEF && byte != 0xBC && byte != 0x88 && byte != 0x89) {
                    isGap = false
                }
            }
        }
        while result.last == 0x20 { result.removeLast() }
        return result
    }

    /// For each byte, whether it is shown whatever stands beside it, and more than punctuation.
    private static let isPlain: [Bool] = (0..<256).map { (byte: Int) -> Bool in
        if [0x88, 0x89, 0xBC, 0xEF].contains(byte) || byte <= 0x20 { return false }
        return !"(),.;:".utf8.contains(UInt8(byte))
    }

    /// Whether the text ends in `（` and the first two bytes of `）`, which then go.
    private static func removeEmptyWideBracket(_ text: inout [UInt8]) -> Bool {
        let bracket: [UInt8] = [0xEF, 0xBC, 0x88, 0xEF, 0xBC]
        guard text.suffix(bracket.count).elementsEqual(bracket) else { return false }
        text.removeLast(bracket.count)
        return true
    }

    /// What a line is, for telling the text of an article from its lists of works and links.
    enum Kind {
        /// More than the caption of a list below it: long, or with a mark at its end that ends a sentence.
        case sentence
        case short, work, links
    }

    /// Letters outside of links, of which a line is prose in any case.
    private static let lettersOfProse = 60

    /// - Parameter isItem: whether it is an item of a list; elsewhere only a lone link is none of the text.
    static func kind(_ line: ArraySlice<UInt8>, isItem: Bool) -> Kind {
        var (inLink, hasLink, isExternal) = (false, false, false)
        var letters = 0
        var digits = 0
        var hasYear = false
        // A title in italics or in quotation marks, and the letters before, and after it.
        var (isTitle, titles, before, after) = (false, 0, 0, 0)
        var position = line.startIndex
        while position < line.endIndex {
            let byte = line[position]
            position += 1
            switch byte {
            case Mark.link: (inLink, hasLink) = (true, true)
            case Mark.external: isExternal = true
            case Mark.linkEnd: inLink = false
            case UInt8(ascii: "'") where position < line.endIndex && line[position] == byte:
                while position < line.endIndex, line[position] == byte { position += 1 }
                isTitle.toggle()
                titles += 1
            case UInt8(ascii: "\""):
                isTitle.toggle()
                titles += 1
            case 0xC2 where isItem && isQuotationMark(line, position - 1),
                0xE2 where isItem && isQuotationMark(line, position - 1),
                0xE3 where isItem && isQuotationMark(line, position - 1):
                isTitle.toggle()
                titles += 1
            default:
                if !inLink, Bytes.isWord(byte) {
                    letters += 1
                    if !isItem, letters == lettersOfProse { return .sentence }
                }
                if Bytes.isLetter(byte) || byte >= 0xC0, !isTitle {
                    if titles == 0 { before += 1 } else { after += 1 }
                }
            }
            digits = Bytes.isDigit(byte) ? digits + 1 : 0
            if digits == 4 { hasYear = true }
        }
        if isExternal, isItem || letters < 40 { return .work }
        if hasLink, letters == 0 { return .links }
        if !isItem { return endsSentence(line) ? .sentence : .short }
        if namesNumber(line) { return .work }
        // An author, a title, and a publisher or a place, with the year.
        let startsWithDigit = line.first.map(Bytes.isDigit) ?? false
        let isWork = titles >= 2 && before >= 3 && after >= 3 && hasYear && !startsWithDigit
        return isWork ? .work : .short
    }

    private static func endsSentence(_ line: ArraySlice<UInt8>) -> Bool {
        let end = line.reversed().drop { Mark.contains($0) || Bytes.isSpace($0) || $0 == UInt8(ascii: "'") }
        guard let byte = end.first else { return false }
        if byte < 0x80 { return ".!?".utf8.contains(byte) }
        let last = String(decoding: end.prefix(4).reversed(), as: UTF8.self).unicodeScalars.last
        return last.map { ".!?…。！？।॥۔؟။።".unicodeScalars.contains($0) } ?? false
    }

    /// « and », “, ” and „, 『 and 』.
    private static func isQuotationMark(_ line: ArraySlice<UInt8>, _ index: Int) -> Bool {
        guard let scalar = String(decoding: line[index...].prefix(3), as: UTF8.self).unicodeScalars.first
        else {
            return false
        }
        return "«»“”„『』".unicodeScalars.contains(scalar)
    }

    /// Whether the line has the number of a book or a periodical.
    private static func namesNumber(_ line: ArraySlice<UInt8>) -> Bool {
        var index = line.startIndex
        while index + 4 <= line.endIndex {
            if line[index] == UInt8(ascii: "I") || line[index] == UInt8(ascii: "O") {
                let word = line[index..<index + 4]
                if ["ISBN", "ISSN", "OCLC"].contains(where: { word.elementsEqual($0.utf8) }) { return true }
            }
            index += 1
        }
        return false
    }
}
