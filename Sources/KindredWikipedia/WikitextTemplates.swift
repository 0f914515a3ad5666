extension WikitextParser {
    mutating func brace(_ start: Int, _ range: Range<Int>, depth: Int) -> Int? {
        guard start + 1 < range.upperBound else { return nil }
        if let table = brackets.pair(.table, at: start), table.end <= range.upperBound {
            show(WikitextTable(start + 2..<table.end, in: self), at: start, depth: depth)
            return table.after
        }
        if let parameter = brackets.pair(.parameter, at: start), parameter.end <= range.upperBound {
            // Outside of templates, a parameter is its default.
            let parts = split(start + 3..<parameter.end, at: UInt8(ascii: "|"), most: 2)
            if parts.count > 1 { parse(parts[1], depth: depth + 1) } else { drop() }
            return parameter.after
        }
        if let pair = brackets.pair(.template, at: start), pair.end <= range.upperBound {
            template(start + 2..<pair.end, at: start, until: pair.after, depth: depth)
            return pair.after
        }
        guard text[start + 1] == UInt8(ascii: "{") else {
            // A table that never closes: its rows are left out line by line, this line goes now.
            guard text[start + 1] == UInt8(ascii: "|"), startsLine(start) else { return nil }
            output.append(Mark.rows)
            var end = start
            while end < range.upperBound, text[end] != 0x0A { end += 1 }
            return end
        }
        // Of "{{{{a}}" the last two braces are a template's.
        guard brackets.end(ofAnyAt: start + 1) == nil else { return start + 1 }
        output.append(Mark.parameters)
        return start + 2
    }

    private func startsLine(_ position: Int) -> Bool {
        var start = position
        while start > 0, text[start - 1] == 0x20 || text[start - 1] == UInt8(ascii: ":") { start -= 1 }
        return start == 0 || text[start - 1] == 0x0A
    }

    /// Shows a template, or says that it was left out.
    private mutating func template(_ inner: Range<Int>, at start: Int, until after: Int, depth: Int) {
        let parts = split(inner, at: UInt8(ascii: "|"))
        if function(parts, depth: depth) { return }
        let source = Bytes.trimmed(text[parts[0]])
        guard let name = templateNames.name(source, namespaces: site.namespaces) else { return drop() }
        let call = TemplateCall(parts, name, in: self)
        let pieces =
            KnownTemplate.pieces(call, in: self)
            ?? InlineTemplate.pieces(call, from: start, until: after, in: self)
        guard let pieces else {
            read(call, at: start, until: after, depth: depth)
            return drop()
        }
        let isBlock = call.traits.contains(.quotation) && startsLine(start)
        if isBlock { endParagraph() }
        defer { if isBlock { endParagraph() } }
        if case .value(let range)? = pieces.first, let first = text[range].first,
            Self.listMarks.contains(first)
        {
            // As in MediaWiki, a list that a template begins with begins a line.
            if let last = output.last, last != 0x0A { output.append(0x0A) }
        } else {
            markText()
        }
        for piece in pieces {
            switch piece {
            case .text(let string): output += string.utf8
            case .value(let range): parse(range, depth: depth + 1)
            }
        }
    }

    /// Takes from a template that is not shown what it says of the article.
    private mutating func read(_ call: TemplateCall, at start: Int, until after: Int, depth: Int) {
        if call.traits.contains(.disambiguation) { details.isDisambiguation = true }
        guard hasDetails, depth == 0, details.facts.count < Article.mostFacts else { return }
        var lineEnd = after
        while lineEnd < text.count, text[lineEnd] == 0x20 { lineEnd += 1 }
        let endsLine = lineEnd == text.count || text[lineEnd] == 0x0A || text[lineEnd] == UInt8(ascii: "'")
        let isBox = Infobox.isBox(
            call, isBlock: startsLine(start) && endsLine, isInLead: start < firstHeading,
            spansLines: text[start..<after].contains(0x0A))
        guard isBox else { return }
        for fact in Infobox.facts(call, in: &self, depth: depth) { details.add(fact) }
    }

    static let listMarks: Set<UInt8> = Set("*#:;".utf8)

    /// Shows a variable or a parser function of MediaWiki; false where it is none that is known here.
    private mutating func function(_ parts: [Range<Int>], depth: Int) -> Bool {
        let head = trimmed(parts[0])
        guard let first = text[head].first else { return false }
        // Variables are in capitals, but for two.
        let mayBeVariable = parts.count == 1 && ((0x41...0x5A).contains(first) || "!=".utf8.contains(first))
        if mayBeVariable, let value = variable(String(decoding: text[head].prefix(24), as: UTF8.self)) {
            markText()
            output += value.utf8
            return true
        }
        guard let colon = text[head].prefix(24).firstIndex(of: UInt8(ascii: ":")) else { return false }
        let argument = colon + 1..<head.upperBound
        switch String(decoding: text[head.lowerBound..<colon], as: UTF8.self).lowercased() {
        case "formatnum": parse(trimmed(argument), depth: depth + 1)
        case "lc": output += changed(argument, depth: depth) { $0.lowercased() }
        case "uc": output += changed(argument, depth: depth) { $0.uppercased() }
        case "lcfirst":
            output += changed(argument, depth: depth) { $0.prefix(1).lowercased() + $0.dropFirst() }
        case "ucfirst":
            output += changed(argument, depth: depth) { $0.prefix(1).uppercased() + $0.dropFirst() }
        case "#if":
            let condition = captured { $0.parse(argument, depth: depth + 1) }.filter { !Mark.contains($0) }
            let index = Bytes.trimmed(condition[...]).isEmpty ? 2 : 1
            if index < parts.count { parse(trimmed(parts[index]), depth: depth + 1) } else { drop() }
        default: return false
        }
        return true
    }

    /// The names of a page (mediawiki.org, Help:Magic words).
    private func variable(_ name: String) -> String? {
        switch name {
        case "PAGENAME", "FULLPAGENAME", "BASEPAGENAME", "SUBPAGENAME", "ROOTPAGENAME": title
        case "SITENAME": site.name
        case "!": "|"
        case "=": "="
        default: nil
        }
    }

    private mutating func changed(_ range: Range<Int>, depth: Int, _ body: (String) -> String) -> [UInt8] {
        let bytes = captured { $0.parse($0.trimmed(range), depth: depth + 1) }
        return Array(body(String(decoding: bytes, as: UTF8.self)).utf8)
    }
}

extension WikitextParser {
    /// The source of a short range, trimmed.
    func string(_ range: Range<Int>) -> String {
        String(decoding: Bytes.trimmed(text[range].prefix(2000)), as: UTF8.self)
    }
}
