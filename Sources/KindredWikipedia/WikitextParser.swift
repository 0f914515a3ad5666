/// Wikitext → text without markup, lines as they were: headings, lists and paragraphs are told apart afterwards.
///
/// One walk over the bytes. What cannot be shown as prose is left out: templates but for those of `KnownTemplate`,
/// tables, files, categories, references, formulas.
struct WikitextParser {
    private let text: [UInt8]
    private let brackets: MarkupBrackets
    private var output: [UInt8] = []
    /// Elements whose closing tag was looked for in vain: there is none in the rest either.
    private var unclosed: Set<String> = []
    /// Up to here no `]` (or `>`) was found from a place before: looking again from the next one would take quadratic
    /// time.
    private var linkSearched = 0
    private var tagSearched = 0

    /// Deeper nesting is dropped; real articles stay below ten.
    private static let maximumDepth = 24

    /// Bytes of an external link or a tag, at most: without a limit, many that never end take quadratic time.
    private static let longestLink = 2000

    /// Elements that are left out with what they hold.
    private static let dropped: Set<String> = [
        "ref", "references", "gallery", "math", "timeline", "score", "syntaxhighlight", "source", "imagemap",
        "templatestyles", "includeonly", "mapframe", "maplink", "graph", "chem", "ce", "hiero",
        "categorytree",
    ]

    /// Elements that stand on lines of their own.
    private static let blocks: Set<String> = ["p", "li", "tr", "div", "blockquote", "dd", "dt", "ul", "ol"]

    /// Namespaces of links that are not shown, in the languages of large Wikipedias.
    private static let hiddenNamespaces: Set<String> = [
        "file", "image", "media", "category", "datei", "bild", "kategorie", "fichier", "catégorie", "archivo",
        "imagen",
        "categoría", "immagine", "categoria", "bestand", "afbeelding", "categorie", "plik", "grafika",
        "kategoria",
        "файл", "изображение", "категория", "зображення", "категорія", "fil", "kategori", "dosya", "resim",
        "tập tin", "hình",
        "thể loại", "文件", "图像", "圖像", "分类", "分類", "ファイル", "画像", "カテゴリ", "파일", "그림", "분류", "ملف", "صورة",
        "تصنيف", "پرونده", "تصویر", "رده", "קובץ", "תמונה", "קטגוריה", "चित्र", "श्रेणी", "ไฟล์", "ภาพ", "หมวดหมู่",
        "картинка",
        "ficheiro", "imagem", "wikipedia", "template", "vorlage", "portal",
    ]

    static func plainText(_ wikitext: String) -> [UInt8] {
        let bytes = Array(wikitext.utf8)
        var parser = WikitextParser(text: bytes, brackets: MarkupBrackets(bytes))
        parser.output.reserveCapacity(bytes.count)
        parser.parse(0..<bytes.count, depth: 0)
        return parser.output
    }

    private init(text: [UInt8], brackets: MarkupBrackets) {
        self.text = text
        self.brackets = brackets
    }

    private mutating func parse(_ range: Range<Int>, depth: Int) {
        guard depth <= Self.maximumDepth else { return }
        var position = range.lowerBound
        while position < range.upperBound {
            let next: Int?
            switch text[position] {
            case UInt8(ascii: "<"): next = element(position, range)
            case UInt8(ascii: "{"): next = brace(position, range, depth: depth)
            case UInt8(ascii: "["): next = bracket(position, range, depth: depth)
            case UInt8(ascii: "'"): next = quotes(position, range)
            case UInt8(ascii: "&"): next = entity(position, range)
            case UInt8(ascii: "_"): next = magicWord(position, range)
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

    // MARK: Elements

    private mutating func element(_ start: Int, _ range: Range<Int>) -> Int? {
        guard start + 1 < range.upperBound else { return nil }
        if text[start...].starts(with: "<!--".utf8) {
            return Bytes.find("-->", in: text, from: start + 4).map { $0 + 3 } ?? range.upperBound
        }
        let isEnd = text[start + 1] == UInt8(ascii: "/")
        guard let name = Bytes.tagName(text, at: start + (isEnd ? 2 : 1)) else { return nil }
        if !isEnd, name == "nowiki" { return nowiki(start, range) }
        if !isEnd, Self.dropped.contains(name) { return drop(name, start, range) }
        // Any other tag goes, and what it holds stays. A tag is short and in one paragraph.
        let limit = min(range.upperBound, start + Self.longestLink)
        var end = max(start, tagSearched)
        while end < limit, text[end] != UInt8(ascii: ">") { end += 1 }
        guard end < limit else {
            tagSearched = max(tagSearched, end)
            return nil
        }
        if name == "br" {
            output.append(0x20)
        } else if Self.blocks.contains(name) {
            output.append(0x0A)
        }
        return end + 1
    }

    /// Text between nowiki tags stands for itself.
    private mutating func nowiki(_ start: Int, _ range: Range<Int>) -> Int? {
        guard let open = Bytes.find(">", in: text, from: start, until: range.upperBound) else { return nil }
        if text[open - 1] == UInt8(ascii: "/") { return open + 1 }
        guard !unclosed.contains("nowiki"),
            let close = Bytes.find("</nowiki", in: text, from: open, until: range.upperBound)
        else {
            unclosed.insert("nowiki")
            return open + 1
        }
        output += text[(open + 1)..<close]
        return (Bytes.find(">", in: text, from: close, until: range.upperBound) ?? close + 8) + 1
    }

    private mutating func drop(_ name: String, _ start: Int, _ range: Range<Int>) -> Int {
        guard let open = Bytes.find(">", in: text, from: start, until: range.upperBound) else {
            return range.upperBound
        }
        if text[open - 1] == UInt8(ascii: "/") || unclosed.contains(name) { return open + 1 }
        guard let close = Bytes.find("</" + name, in: text, from: open + 1) else {
            unclosed.insert(name)
            return open + 1
        }
        return (Bytes.find(">", in: text, from: close) ?? close) + 1
    }

    // MARK: Braces

    private mutating func brace(_ start: Int, _ range: Range<Int>, depth: Int) -> Int? {
        guard start + 1 < range.upperBound else { return nil }
        if let close = brackets.closing(of: .table, at: start) { return close + 2 }
        guard text[start + 1] == UInt8(ascii: "{") else {
            // A table that never closes: its lines are dropped one by one later, this one goes now.
            return text[start + 1] == UInt8(ascii: "|") ? endOfLine(start, range) : nil
        }
        guard let close = brackets.closing(of: .template, at: start), close <= range.upperBound else {
            return start + 2
        }
        let parts = split(start + 2..<close)
        guard let template = KnownTemplate(parts.map { Array(Bytes.trimmed(text[$0])) }) else {
            return close + 2
        }
        switch template {
        case .text(let bytes): output += bytes
        case .parts(let indices, let separator, let before, let after):
            output += before
            for (index, part) in indices.enumerated() where part < parts.count {
                if index > 0 { output += separator }
                parse(trimmed(value(parts[part])), depth: depth + 1)
            }
            output += after
        }
        return close + 2
    }

    private func trimmed(_ range: Range<Int>) -> Range<Int> {
        let slice = Bytes.trimmed(text[range])
        return slice.startIndex..<slice.endIndex
    }

    /// Without the name that a named parameter begins with.
    private func value(_ range: Range<Int>) -> Range<Int> {
        let head = text[range].prefix(16)
        guard let equals = head.firstIndex(of: UInt8(ascii: "=")),
            head[..<equals].allSatisfy({ Bytes.isLetter($0) || (0x30...0x39).contains($0) || $0 == 0x20 })
        else { return range }
        return equals + 1..<range.upperBound
    }

    /// The parts between the bars that are not inside other brackets.
    private func split(_ range: Range<Int>) -> [Range<Int>] {
        var parts: [Range<Int>] = []
        var start = range.lowerBound
        var position = range.lowerBound
        while position < range.upperBound {
            if Bytes.opens(text[position]), let end = brackets.end(ofAnyAt: position), end <= range.upperBound
            {
                position = end
            } else {
                if text[position] == UInt8(ascii: "|") {
                    parts.append(start..<position)
                    start = position + 1
                }
                position += 1
            }
        }
        parts.append(start..<range.upperBound)
        return parts
    }

    private func endOfLine(_ start: Int, _ range: Range<Int>) -> Int {
        var position = start
        while position < range.upperBound, text[position] != 0x0A { position += 1 }
        return position
    }

    // MARK: Links

    private mutating func bracket(_ start: Int, _ range: Range<Int>, depth: Int) -> Int? {
        guard start + 1 < range.upperBound else { return nil }
        guard text[start + 1] == UInt8(ascii: "[") else { return externalLink(start, range, depth: depth) }
        guard let close = brackets.closing(of: .link, at: start), close <= range.upperBound else {
            return start + 2
        }
        let parts = split(start + 2..<close)
        let target = Array(Bytes.trimmed(text[parts[0]]))
        if isHidden(target) { return close + 2 }
        if parts.count > 1 {
            let label = trimmed(parts[parts.count - 1])
            if label.isEmpty {
                output += Self.pipeTrick(target)
            } else {
                parse(label, depth: depth + 1)
            }
        } else {
            output += target.first == UInt8(ascii: ":") ? Array(target.dropFirst()) : target
        }
        return close + 2
    }

    private func isHidden(_ target: [UInt8]) -> Bool {
        guard let colon = target.firstIndex(of: UInt8(ascii: ":")), colon > 0 else { return false }
        let prefix = target[..<colon]
        // A language's code: a link to the same article elsewhere.
        let isCode =
            prefix.count <= 12 && prefix.allSatisfy { (0x61...0x7A).contains($0) || $0 == UInt8(ascii: "-") }
        if isCode,
            prefix.count <= 3 || prefix.contains(UInt8(ascii: "-")) || prefix.elementsEqual("simple".utf8)
        {
            return target.count > colon + 1 && target[colon + 1] != 0x20
        }
        return Self.hiddenNamespaces.contains(String(decoding: prefix, as: UTF8.self).lowercased())
    }

    /// "Mercury (planet)" is shown as "Mercury", "Wikipedia:Help" as "Help".
    private static func pipeTrick(_ target: [UInt8]) -> [UInt8] {
        var name = target[...]
        if let colon = name.firstIndex(of: UInt8(ascii: ":")) { name = name[(colon + 1)...] }
        if let open = name.lastIndex(of: UInt8(ascii: "(")), name.last == UInt8(ascii: ")") {
            name = Bytes.trimmed(name[..<open])
        }
        return Array(name)
    }

    private mutating func externalLink(_ start: Int, _ range: Range<Int>, depth: Int) -> Int? {
        let rest = text[(start + 1)..<range.upperBound]
        guard
            ["http://", "https://", "ftp://", "//", "mailto:", "news:", "irc:"].contains(where: {
                rest.starts(with: $0.utf8)
            })
        else { return nil }
        let limit = min(range.upperBound, start + Self.longestLink)
        var end = max(start + 1, linkSearched)
        while end < limit, text[end] != UInt8(ascii: "]"), text[end] != 0x0A {
            let inner = Bytes.opens(text[end]) ? brackets.end(ofAnyAt: end) : nil
            end = inner.flatMap { $0 <= limit ? $0 : nil } ?? end + 1
        }
        guard end < limit, text[end] == UInt8(ascii: "]") else {
            linkSearched = max(linkSearched, end)
            return nil
        }
        if let space = text[start..<end].firstIndex(of: 0x20) { parse(space + 1..<end, depth: depth + 1) }
        return end + 1
    }

    // MARK: Small marks

    /// Two apostrophes are italic, three bold, five both; four are an apostrophe and bold.
    private mutating func quotes(_ start: Int, _ range: Range<Int>) -> Int? {
        var end = start
        while end < range.upperBound, text[end] == UInt8(ascii: "'") { end += 1 }
        if end - start == 1 { return nil }
        if end - start == 4 { output.append(UInt8(ascii: "'")) }
        return end
    }

    private mutating func entity(_ start: Int, _ range: Range<Int>) -> Int? {
        let limit = min(range.upperBound, start + 12)
        guard let end = (start..<limit).first(where: { text[$0] == UInt8(ascii: ";") }),
            let decoded = Entity.decode(text[(start + 1)..<end])
        else { return nil }
        output += decoded
        return end + 1
    }

    /// `__NOTOC__` and its like.
    private func magicWord(_ start: Int, _ range: Range<Int>) -> Int? {
        guard start + 4 < range.upperBound, text[start + 1] == UInt8(ascii: "_") else { return nil }
        var end = start + 2
        while end < range.upperBound, end - start < 40, (0x41...0x5A).contains(text[end]) || text[end] >= 0x80
        { end += 1 }
        guard end > start + 2, end + 1 < range.upperBound, text[end] == UInt8(ascii: "_"),
            text[end + 1] == UInt8(ascii: "_")
        else { return nil }
        return end + 2
    }
}

/// Character references of HTML.
enum Entity {
    private static let named: [String: String] = [
        "amp": "&", "lt": "<", "gt": ">", "quot": "\"", "apos": "'", "nbsp": " ", "thinsp": " ", "ensp": " ",
        "emsp": " ",
        "ndash": "–", "mdash": "—", "minus": "−", "hellip": "…", "middot": "·", "bull": "•", "times": "×",
        "divide": "÷",
        "deg": "°", "prime": "′", "Prime": "″", "laquo": "«", "raquo": "»", "ldquo": "“", "rdquo": "”",
        "lsquo": "‘",
        "rsquo": "’", "sect": "§", "para": "¶", "copy": "©", "reg": "®", "trade": "™", "euro": "€",
        "pound": "£",
        "yen": "¥", "cent": "¢", "frac12": "½", "frac14": "¼", "frac34": "¾", "sup2": "²", "sup3": "³",
        "plusmn": "±",
        "micro": "µ", "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "lambda": "λ",
        "mu": "μ",
        "pi": "π", "rho": "ρ", "sigma": "σ", "tau": "τ", "phi": "φ", "psi": "ψ", "omega": "ω", "theta": "θ",
        "Delta": "Δ",
        "Gamma": "Γ", "Sigma": "Σ", "Omega": "Ω", "infin": "∞", "ne": "≠", "le": "≤", "ge": "≥", "asymp": "≈",
        "rarr": "→",
        "larr": "←", "harr": "↔", "uarr": "↑", "darr": "↓", "eacute": "é", "egrave": "è", "ouml": "ö",
        "uuml": "ü",
        "auml": "ä", "Ouml": "Ö", "Uuml": "Ü", "Auml": "Ä", "szlig": "ß", "ccedil": "ç", "ntilde": "ñ",
        "aacute": "á",
        "iacute": "í", "oacute": "ó", "uacute": "ú", "aring": "å", "oslash": "ø", "aelig": "æ", "zwnj": "",
        "zwj": "",
        "shy": "", "lrm": "", "rlm": "", "sum": "∑", "prod": "∏", "radic": "√", "isin": "∈", "sub": "⊂",
        "cap": "∩", "cup": "∪",
        "forall": "∀", "exist": "∃", "not": "¬", "and": "∧", "or": "∨", "equiv": "≡", "sdot": "⋅",
    ]

    /// The text of a reference without its & and ;.
    static func decode(_ name: ArraySlice<UInt8>) -> [UInt8]? {
        let text = String(decoding: name, as: UTF8.self)
        if let known = named[text] { return Array(known.utf8) }
        guard text.first == "#" else { return nil }
        let digits = text.dropFirst()
        let isHex = digits.first == "x" || digits.first == "X"
        guard let value = UInt32(isHex ? String(digits.dropFirst()) : String(digits), radix: isHex ? 16 : 10),
            let scalar = Unicode.Scalar(value), value >= 0x20 || value == 9 || value == 10
        else { return nil }
        return value == 0xA0 ? [0x20] : Array(String(Character(scalar)).utf8)
    }
}
