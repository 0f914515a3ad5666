/// What a link's target names.
enum LinkTarget {
    /// The title of the article that a link leads to; nil for the page itself, other namespaces and other sites.
    static func article(_ target: String, site: DumpSite) -> String? {
        let bytes = target.utf8.prefix { $0 != UInt8(ascii: "#") }
        if let colon = bytes.firstIndex(of: UInt8(ascii: ":")) {
            let prefix = target[..<colon]
            let code = String(prefix.filter { !$0.isWhitespace })
            if site.namespaces.number(ofLink: prefix) != nil || LinkPrefix.isLanguage(code)
                || LinkPrefix.isOtherSite(code)
            {
                return nil
            }
        }
        // A title never has these (MediaWiki's $wgLegalTitleChars); such a link is text.
        guard bytes.first != UInt8(ascii: "/"), bytes.count <= 255, !bytes.contains(where: isIllegal) else {
            return nil
        }
        let title = title(Substring(bytes), site: site)
        return title.isEmpty ? nil : title
    }

    private static func isIllegal(_ byte: UInt8) -> Bool {
        switch byte {
        case 0..<0x20, UInt8(ascii: "["), UInt8(ascii: "]"), UInt8(ascii: "{"), UInt8(ascii: "}"),
            UInt8(ascii: "|"),
            UInt8(ascii: "<"), UInt8(ascii: ">"):
            true
        default: false
        }
    }

    /// A title as the wiki writes it: single spaces for spaces and `_`, and the first letter large where the wiki does
    /// not tell titles apart by it.
    static func title(_ text: Substring, site: DumpSite) -> String {
        var result: [UInt8] = []
        result.reserveCapacity(text.utf8.count)
        for byte in text.utf8 {
            if byte == UInt8(ascii: "_") || Bytes.isSpace(byte) {
                if let last = result.last, last != 0x20 { result.append(0x20) }
            } else {
                result.append(byte)
            }
        }
        if result.last == 0x20 { result.removeLast() }
        guard !site.isCaseSensitive, let first = result.first else {
            return String(decoding: result, as: UTF8.self)
        }
        if first < 0x80 {
            if (0x61...0x7A).contains(first) { result[0] = first & ~0x20 }
            return String(decoding: result, as: UTF8.self)
        }
        let title = String(decoding: result, as: UTF8.self)
        return title.prefix(1).uppercased() + title.dropFirst()
    }
}
