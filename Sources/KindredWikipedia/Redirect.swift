import Foundation

/// Redirects of dumps that do not mark them.
enum Redirect {
    /// Where a text redirects to; nil for one that does not.
    ///
    /// A redirect's first line is `#`, a word of the wiki's language, perhaps a colon, and a link, with nothing before
    /// (MediaWiki's WikitextContentHandler::extractRedirectTargetAndText). No dump says what the word is; an item of a
    /// numbered list has a space or a link after its `#`.
    static func target(of wikitext: [UInt8]) -> String? {
        // Nearly all pages begin otherwise; only the others are turned into characters.
        guard let first = wikitext.first(where: { !Bytes.isSpace($0) }),
            first == UInt8(ascii: "#") || first >= 0x80
        else { return nil }
        let text = String(decoding: wikitext, as: UTF8.self)
        let head = text.prefix(1000).drop { $0.isWhitespace || $0 == "\u{FEFF}" }
        guard head.first == "#" else { return nil }
        let word = head.dropFirst().prefix {
            $0.isLetter || $0 == "_" || $0.unicodeScalars.allSatisfy(isMark)
        }
        guard !word.isEmpty else { return nil }
        var rest = head.dropFirst(1 + word.count).drop { $0.isWhitespace }
        if rest.first == ":" { rest = rest.dropFirst().drop { $0.isWhitespace } }
        guard rest.hasPrefix("[["), let close = rest.range(of: "]]") else { return nil }
        let target = rest[rest.index(rest.startIndex, offsetBy: 2)..<close.lowerBound]
        guard !target.contains(where: \.isNewline) else { return nil }
        return target.split(separator: "|").first.map(String.init) ?? ""
    }

    private static func isMark(_ scalar: Unicode.Scalar) -> Bool {
        [.nonspacingMark, .spacingMark].contains(scalar.properties.generalCategory)
    }
}
