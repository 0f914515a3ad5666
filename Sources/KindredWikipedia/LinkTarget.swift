/// What a link's target names.
enum LinkTarget {
    /// The title of the article that a link leads to; nil for the page itself, other namespaces and other sites.
    static func article(_ target: String, site: DumpSite) -> String? {
        let whole = target.prefix { $0 != "#" }
        if let colon = whole.firstIndex(of: ":") {
            let prefix = String(whole[..<colon].filter { !$0.isWhitespace })
            if site.namespaces.number(ofLink: whole[..<colon]) != nil || LinkPrefix.isLanguage(prefix)
                || LinkPrefix.isOtherSite(prefix)
            {
                return nil
            }
        }
        // A title never has these (MediaWiki's $wgLegalTitleChars); such a link is text.
        guard whole.first != "/", !whole.contains(where: { "[]{}|<>".contains($0) || $0.isNewline }) else {
            return nil
        }
        let title = title(whole, site: site)
        return title.isEmpty || title.utf8.count > 255 ? nil : title
    }

    /// A title as the wiki writes it: single spaces for spaces and `_`, and the first letter large where the wiki does
    /// not tell titles apart by it.
    static func title(_ text: Substring, site: DumpSite) -> String {
        let words = text.split { $0 == "_" || $0.isWhitespace }.joined(separator: " ")
        return site.isCaseSensitive ? words : words.prefix(1).uppercased() + words.dropFirst()
    }
}
