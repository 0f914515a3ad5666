/// Finds where sentences end, in any script that marks it (after Unicode Standard Annex 29, §5, for what follows a mark).
///
/// | mark | ends a sentence |
/// |---|---|
/// | `.` `!` `?` `…` | before a space and no small letter; a `.` not after an initial, a number of one or two digits (an ordinal in German, Danish, Czech and others) or an abbreviation |
/// | `;` | in Greek, where it asks |
/// | `؟` `۔` `։` `።` `፧` `᠃` | of Arabic, Urdu, Armenian, Ethiopic, Mongolian: before a space |
/// | `。` `．` `！` `？` `｡` `।` `॥` `။` `។` `៕` `།` | of Chinese, Japanese, Indian scripts, Burmese, Khmer, Tibetan: always |
///
/// Thai and Lao mark no end; passages of these are cut at their spaces, which stand between clauses.
package enum SentenceCutter {
    /// Words before a full stop that end no sentence, in the languages of the larger Wikipedias. A sentence that is
    /// not cut costs little: only a passage that is too long is cut at all.
    private static let abbreviations: Set<String> = Set(
        """
        mr mrs ms dr prof st sr jr vs etc no vol fig ca c e.g i.e cf al op ed eds gen col lt sgt capt rev hon gov sen rep
        inc ltd co corp bros mt ft approx dept est b d r p pp u.s u.k a.m p.m ph.d jan feb mar apr jun jul aug sep sept oct
        nov dec
        z.b bzw usw bd nr d.h u.a vgl hl geb gest jh v.chr n.chr ggf evtl sog str abb aufl
        mme mlle ste av apr env ex art chap
        sra dra ud uds pág p.ej núm dña
        sig dott ecc pag
        séc
        bv dhr mw enz blz
        np tzn ul św itd itp m.in tys mln im
        bl.a t.ex dvs s.k f.d m.fl
        tzv např atd apod tj
        г гг т п им св ул стр см др пр тыс млн млрд руб ред изд напр
        р рр вул ім м
        """.split(whereSeparator: \.isWhitespace).map(String.init))

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

    private enum EndMark {
        /// Where it stands.
        case always
        /// Before a space.
        case beforeSpace
        /// Before a space that no small letter follows.
        case beforeCapital
    }

    /// For each byte, whether a mark may begin with it, or a line ends.
    private static let mayBeMark: [Bool] = (0..<256).map { byte in
        "\n.!?;".utf8.contains(UInt8(byte))
            || [0xCD, 0xD6, 0xD8, 0xDB, 0xE0, 0xE1, 0xE2, 0xE3, 0xEF].contains(byte)
    }

    /// Past what stands at `position`, and whether a sentence ends there. Marks that end none are passed together, so
    /// that many of them take linear time.
    private static func look(
        _ text: [UInt8], _ position: Int, from start: Int, _ paragraph: Range<Int>
    ) -> (next: Int, isEnd: Bool) {
        let byte = text[position]
        guard mayBeMark[Int(byte)] else { return (position + 1, false) }
        if byte == 0x0A { return (position, true) }
        guard let (mark, width) = mark(text, position, from: start, paragraph) else {
            return (position + 1, false)
        }
        var end = position + width
        while end < paragraph.upperBound, let width = closingWidth(text, end, paragraph) { end += width }
        if case .always = mark { return (end, true) }
        guard end < paragraph.upperBound, Bytes.isSpace(text[end]) else { return (end, false) }
        if case .beforeSpace = mark { return (end, true) }
        var next = end
        while next < paragraph.upperBound, Bytes.isSpace(text[next]) { next += 1 }
        guard next < paragraph.upperBound else { return (end, false) }
        // A small letter goes on with the sentence.
        if isLowercase(text, next) { return (end, false) }
        if byte == UInt8(ascii: "."), continues(text, before: position, from: start) { return (end, false) }
        return (end, true)
    }

    private static func isLowercase(_ text: [UInt8], _ index: Int) -> Bool {
        if text[index] < 0x80 { return (0x61...0x7A).contains(text[index]) }
        return Bytes.scalar(text, at: index)?.properties.isLowercase ?? false
    }

    private static func mark(
        _ text: [UInt8], _ position: Int, from start: Int, _ paragraph: Range<Int>
    ) -> (EndMark, width: Int)? {
        switch text[position] {
        case UInt8(ascii: "."), UInt8(ascii: "!"), UInt8(ascii: "?"): return (.beforeCapital, 1)
        case UInt8(ascii: ";"):
            // In Greek, after a letter of it, this asks.
            guard position >= start + 2, [0xCE, 0xCF].contains(text[position - 2]) else { return nil }
            return (.beforeCapital, 1)
        default: break
        }
        guard let scalar = Bytes.scalar(text, at: position) else { return nil }
        let mark: EndMark
        switch scalar.value {
        case 0x2026, 0x037E: mark = .beforeCapital
        case 0x061F, 0x06D4, 0x0589, 0x1362, 0x1367, 0x1803: mark = .beforeSpace
        case 0x3002, 0xFF0E, 0xFF01, 0xFF1F, 0xFF61, 0x0964, 0x0965, 0x104B, 0x17D4, 0x17D5, 0x0F0D:
            mark = .always
        default: return nil
        }
        let width = UTF8.width(scalar)
        return position + width <= paragraph.upperBound ? (mark, width) : nil
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

    /// Bytes of a mark that closes what a sentence is in, or doubles its end; nil for any other character.
    private static func closingWidth(_ text: [UInt8], _ index: Int, _ paragraph: Range<Int>) -> Int? {
        if text[index] < 0x80, text[index] != 0x20 {
            return "\"')].!?".utf8.contains(text[index]) ? 1 : nil
        }
        // French puts a space that does not break before the mark, or a plain one.
        for space in [[0x20], [0xC2, 0xA0], [0xE2, 0x80, 0xAF]] as [[UInt8]] {
            let closing = space + [0xC2, 0xBB]
            let end = index + closing.count
            if end <= paragraph.upperBound, text[index..<end].elementsEqual(closing) { return closing.count }
        }
        guard [0xC2, 0xE2, 0xE3, 0xEF].contains(text[index]), let scalar = Bytes.scalar(text, at: index),
            "»”’“›」』）〉》】〕！？。…".unicodeScalars.contains(scalar)
        else { return nil }
        let width = UTF8.width(scalar)
        return index + width <= paragraph.upperBound ? width : nil
    }

    /// Whether a full stop belongs to the word before it.
    private static func continues(_ text: [UInt8], before stop: Int, from start: Int) -> Bool {
        var begin = stop
        // No abbreviation is longer.
        let start = max(start, stop - 12)
        while begin > start, !Bytes.isSpace(text[begin - 1]), text[begin - 1] != UInt8(ascii: "(") {
            begin -= 1
        }
        let word = String(decoding: text[begin..<stop], as: UTF8.self)
        // An initial: one capital letter, of any script, perhaps after another one ("J.R").
        if let last = word.split(separator: ".").last, last.count == 1, last.first?.isUppercase == true {
            return true
        }
        if word.utf8.count <= 2, word.utf8.allSatisfy(Bytes.isDigit), !word.isEmpty { return true }
        return abbreviations.contains(word.lowercased())
    }
}
