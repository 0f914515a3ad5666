/// Files that are often taken for a dump.
enum OtherFormat {
    /// What a file is by its first bytes, and what to type or to get instead.
    /// - Parameter name: the file's.
    static func known(_ start: [UInt8], name: String) -> (kind: String, hint: String)? {
        let text = String(decoding: start, as: UTF8.self).lowercased().drop {
            $0.isWhitespace || $0 == "\u{FEFF}"
        }
        let articles = "get the file \"…-pages-articles.xml.bz2\" of the wiki from dumps.wikimedia.org"
        if start.starts(with: [0x50, 0x4B, 0x03, 0x04]) {
            return ("a ZIP archive", "read it through a pipe: unzip -p FILE | kindred index -")
        }
        if start.starts(with: [0x5A, 0x49, 0x4D, 0x04]) { return ("a ZIM file of Kiwix", articles) }
        if start.count > 262, start[257..<262].elementsEqual("ustar".utf8) {
            return ("a tar archive", "read it through a pipe: tar -xOf FILE | kindred index -")
        }
        if text.hasPrefix("<!doctype html") || text.hasPrefix("<html") { return ("an HTML page", articles) }
        if text.hasPrefix("-- mysql") || text.hasPrefix("-- mariadb") || text.hasPrefix("/*m!")
            || text.hasPrefix("insert into")
        {
            return ("an SQL dump, which has no texts", articles)
        }
        if text.prefixMatch(of: /[0-9]+:[0-9]+:/) != nil {
            let dump = MultistreamIndex.dumpPath(of: name) ?? "…-pages-articles-multistream.xml.bz2"
            return ("the index of a multistream dump, which has no texts", "name the dump itself: \(dump)")
        }
        if text.hasPrefix("{") || text.hasPrefix("[{") { return ("JSON", articles) }
        return nil
    }
}
