extension WikitextParser {
    /// Bytes of an external link, at most: without a limit, many that never end take quadratic time.
    private static let longestLink = 2000

    /// What begins the address of an external link (MediaWiki's $wgUrlProtocols).
    private static let protocols = [
        "http://", "https://", "ftp://", "ftps://", "sftp://", "//", "mailto:", "news:", "irc://", "ircs://",
        "irc:",
        "gopher://", "telnet://", "nntp://", "svn://", "git://", "ssh://", "mms://", "tel:", "sms:", "sip:",
        "sips:",
        "xmpp:", "geo:", "urn:", "magnet:", "bitcoin:", "matrix:", "worldwind://", "redis://",
    ]

    mutating func bracket(_ start: Int, _ range: Range<Int>, depth: Int) -> Int? {
        guard start + 1 < range.upperBound else { return nil }
        guard text[start + 1] == UInt8(ascii: "[") else { return externalLink(start, range, depth: depth) }
        guard let pair = brackets.pair(.link, at: start), pair.end <= range.upperBound else {
            // Of "[[[http://…" the last bracket is an external link's.
            return brackets.pair(.link, at: start + 1) == nil ? start + 2 : nil
        }
        internalLink(
            start + 2..<pair.end, isAlone: isAlone(start, pair.after), depth: depth,
            trail: trail(pair.after, range))
        return pair.after
    }

    /// Letters that follow a link without a space and belong to its text, as in `[[bus]]es`; in scripts that write no
    /// spaces there are none (MediaWiki's $linkTrail).
    private func trail(_ start: Int, _ range: Range<Int>) -> Range<Int> {
        var end = start
        while end < range.upperBound, end - start < 32 {
            guard !Bytes.isLetter(text[end]) else {
                end += 1
                continue
            }
            guard text[end] >= 0xC3, text[end] < 0xDC, let scalar = Bytes.scalar(text, at: end),
                scalar.properties.isAlphabetic
            else { break }
            end += 2
        }
        return start..<min(end, range.upperBound)
    }

    /// A link as MediaWiki shows it (Parser::handleInternalLinks2): its label, or its target where it has none. Files,
    /// categories and the same article in other languages are not shown unless a colon stands before them.
    private mutating func internalLink(
        _ range: Range<Int>, isAlone: Bool, depth: Int, trail: Range<Int>
    ) {
        let parts = split(range, at: UInt8(ascii: "|"), most: 2)
        var target = trimmed(parts[0])
        let isPlain = text[target].first == UInt8(ascii: ":")
        if isPlain { target = withoutNamespace(trimmed(target.lowerBound + 1..<target.upperBound)) }
        if parts.count == 1, trail.isEmpty, !isPlain, text[target].allSatisfy(Self.isPlainTitle) {
            // A title that is shown as it is: by far the most links, and nothing to keep of it.
            markText()
            output.append(Mark.link)
            output += text[target]
            return output.append(Mark.linkEnd)
        }
        let name = String(decoding: Entity.decoded(text[target]), as: UTF8.self)
        if !isPlain, isHidden(name, isAlone: isAlone) {
            if hasDetails, let category = category(name, isAlone: isAlone) { details.add(category: category) }
            return drop()
        }
        markText()
        output.append(Mark.link)
        let start = output.count
        if parts.count > 1, !trimmed(parts[1]).isEmpty {
            let label = captured { $0.parse($0.trimmed(parts[1]), depth: depth + 1) }
            output += Apostrophes.resolved(label)
        } else if parts.count > 1 {
            output += Self.pipeTrick(name).utf8
        } else {
            // A target with templates, or one over several lines, is no target but text.
            parse(target, depth: depth + 1)
        }
        if hasDetails, !isPlain { noteAnchor(output[start...] + text[trail], to: name) }
        output.append(Mark.linkEnd)
    }

    /// The target of a link to a page of a category or a file: its name, without the namespace's.
    private func withoutNamespace(_ target: Range<Int>) -> Range<Int> {
        guard let colon = text[target].prefix(64).firstIndex(of: UInt8(ascii: ":")) else { return target }
        let prefix = String(decoding: text[target.lowerBound..<colon], as: UTF8.self)
        let number = site.namespaces.number(ofLink: prefix)
        guard number == WikiNamespaces.category || number == WikiNamespaces.file else { return target }
        return trimmed(colon + 1..<target.upperBound)
    }

    /// Whether a byte of a title has no meaning but itself.
    private static func isPlainTitle(_ byte: UInt8) -> Bool {
        Bytes.isWord(byte) || byte == 0x20 || byte == UInt8(ascii: "(") || byte == UInt8(ascii: ")")
            || byte == UInt8(ascii: ",") || byte == UInt8(ascii: ".")
    }

    /// Keeps what a link to another article shows, where that is not the article's title.
    private mutating func noteAnchor(_ shown: ArraySlice<UInt8>, to target: String) {
        guard shown.count <= 1_000, shown.contains(where: Bytes.isWord), !shown.contains(0x0A),
            let title = LinkTarget.article(target, site: site)
        else { return }
        let text = String(decoding: LineText.shown(Bytes.trimmed(shown)), as: UTF8.self)
        guard text.contains(where: { $0.isLetter || $0.isNumber }), text.lowercased() != title.lowercased()
        else { return }
        details.add(Article.Anchor(text: text, target: title))
    }

    /// The category's name, where a hidden link is to one.
    private func category(_ target: String, isAlone: Bool) -> String? {
        guard let colon = target.firstIndex(of: ":") else { return nil }
        let rest = target[target.index(after: colon)...]
        let number = site.namespaces.number(of: target[..<colon])
        let isOldName =
            number == nil && isAlone && !LinkPrefix.isLanguage(String(target[..<colon]))
            && !LinkPrefix.namesFile(rest)
        guard number == WikiNamespaces.category || isOldName else { return nil }
        return LinkTarget.title(rest, site: site)
    }

    /// Whether a line holds nothing but links.
    private func isAlone(_ start: Int, _ end: Int) -> Bool {
        var before = start
        while before > 0, text[before - 1] == 0x20 { before -= 1 }
        var after = end
        while after < text.count, text[after] == 0x20 { after += 1 }
        return (before == 0 || text[before - 1] == 0x0A || text[before - 1] == UInt8(ascii: "]"))
            && (after == text.count || text[after] == 0x0A || text[after] == UInt8(ascii: "["))
    }

    private func isHidden(_ target: String, isAlone: Bool) -> Bool {
        guard let colon = target.utf8.firstIndex(of: UInt8(ascii: ":")), colon > target.startIndex else {
            return false
        }
        let prefix = target[..<colon]
        let rest = target[target.index(after: colon)...]
        if let number = site.namespaces.number(of: prefix) {
            return number == WikiNamespaces.file || number == WikiNamespaces.category
        }
        // The names that other languages have may be words of this one: "Bild: a newspaper".
        if site.namespaces.number(ofLink: prefix) != nil { return rest.first.map { $0 != " " } ?? false }
        let code = prefix.filter { !$0.isWhitespace }
        if LinkPrefix.isLanguage(code) { return !rest.isEmpty }
        // Categories by an old name of their namespace stand on lines of their own, as no link of the text does.
        return LinkPrefix.namesFile(rest) || (isAlone && rest.first.map { $0 != " " } ?? false)
    }

    /// "Mercury (planet)" is shown as "Mercury", "Wikipedia:Help" as "Help".
    private static func pipeTrick(_ target: String) -> String {
        var name = target[...]
        if let colon = name.firstIndex(of: ":") { name = name[name.index(after: colon)...] }
        if let open = name.lastIndex(of: "("), name.last == ")" { name = name[..<open] }
        return name.split { $0 == " " }.joined(separator: " ")
    }

    private mutating func externalLink(_ start: Int, _ range: Range<Int>, depth: Int) -> Int? {
        let rest = text[(start + 1)..<range.upperBound]
        guard Self.protocols.contains(where: { rest.starts(with: $0.utf8) }) else { return nil }
        let limit = min(range.upperBound, start + Self.longestLink)
        var end = max(start + 1, linkSearched)
        while end < limit, text[end] != UInt8(ascii: "]"), text[end] != 0x0A {
            end = nestedEnd(end, start..<limit) ?? end + 1
        }
        guard end < limit, text[end] == UInt8(ascii: "]") else {
            linkSearched = max(linkSearched, end)
            return nil
        }
        guard let space = text[start..<end].firstIndex(where: { $0 == 0x20 || $0 == 0x09 }) else {
            drop()
            return end + 1
        }
        markText()
        output += [Mark.link, Mark.external]
        parse(space + 1..<end, depth: depth + 1)
        output.append(Mark.linkEnd)
        return end + 1
    }
}
