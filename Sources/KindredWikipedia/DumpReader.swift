import Foundation
import KindredSystem

/// The wiki that a dump is of.
package struct DumpSite: Hashable, Sendable {
    package var name = ""
    /// The database's name, "enwiki".
    package var database = ""
    /// URL of the main page.
    package var base = ""
    package var language: String?
}

/// A page of a dump, with its last revision.
package struct DumpPage: Hashable, Sendable {
    package var id: Int64 = 0
    package var namespace = 0
    package var title = ""
    package var redirectTarget: String?
    package var revision: Int64?
    /// Content model; "wikitext" for articles. Old dumps do not say.
    package var model: String?
    /// Wikitext.
    package var text = ""
}

/// Reads the pages of a MediaWiki export (mediawiki.org, Help:Export; schemas 0.3 to 0.11) one by one.
package final class DumpReader {
    package private(set) var site = DumpSite()
    private let source: ByteSource
    private let xml: XMLEventReader
    private var hasRoot = false

    /// - Parameter path: a file, compressed or not; "-" is standard input.
    /// - Throws: `notFound`, `inputOutput`.
    package convenience init(path: String) throws { try self.init(ByteSource(path: path)) }

    /// - Parameter source: at its start.
    package init(_ source: ByteSource) throws {
        self.source = source
        xml = try XMLEventReader(source)
    }

    /// Bytes of the file as it is stored, read so far.
    package var bytesRead: Int { source.bytesRead }
    /// Bytes of the file as it is stored; nil for standard input.
    package var totalBytes: Int? { source.totalBytes }

    /// The next page; nil at the end of the dump.
    ///
    /// - Throws: `invalidData` for a file that is no dump, is malformed or cut off, with the place. Every page that is
    ///   whole before that place has been returned.
    package func next() throws -> DumpPage? {
        do {
            while let event = try xml.next() {
                guard case .start(let name, let depth) = event else { continue }
                if depth == 0 { try take(root: name) }
                if name == "siteinfo" { try readSite(depth: depth) }
                if name == "page" { return try readPage(depth: depth) }
            }
            guard hasRoot else { throw noDump() }
            return nil
        } catch let error as KindredError where error.code == .invalidData && !hasRoot {
            if let damage = xml.sourceFailure() { throw damage }
            // Before the root nothing tells that the file was meant to be XML at all.
            if error.message.contains("MediaWiki") { throw error }
            var told = noDump()
            told.location = error.location
            if let reason = error.message.split(separator: ";").first { told.message += " (\(reason))" }
            throw told
        }
    }

    /// The URL of a page: the wiki's, with the title as MediaWiki writes it.
    package func url(of page: DumpPage) -> String {
        let title = page.title.replacingOccurrences(of: " ", with: "_")
        var allowed = CharacterSet(charactersIn: "a"..."z")
        allowed.formUnion(CharacterSet(charactersIn: "A"..."Z"))
        allowed.formUnion(CharacterSet(charactersIn: "0123456789-_.~/:,;@!*()'"))
        let encoded = title.addingPercentEncoding(withAllowedCharacters: allowed) ?? title
        guard let slash = site.base.lastIndex(of: "/") else { return encoded }
        return site.base[...slash] + encoded
    }

    private func noDump() -> KindredError {
        KindredError(
            .invalidData, "is not a MediaWiki dump; name a pages-articles file (.xml, .xml.bz2 or .xml.gz)",
            at: .init(path: source.name))
    }

    private func take(root name: String) throws {
        guard name == "mediawiki" else { throw noDump() }
        hasRoot = true
        site.language = xml.attribute("xml:lang")
    }

    /// Calls `body` with each child element and its text, to the end of the element at `depth`.
    private func forEachChild(of depth: Int, _ body: (String, Int) throws -> Void) throws {
        while let event = try xml.next() {
            switch event {
            case .start(let name, let child): try body(name, child)
            case .end(_, depth): return
            default: break
            }
        }
    }

    /// The text of the element at `depth`, to its end.
    private func readText(depth: Int) throws -> String {
        var text = ""
        while let event = try xml.next() {
            switch event {
            case .text(let part): text += part
            case .end(_, depth): return text
            default: break
            }
        }
        return text
    }

    private func readSite(depth: Int) throws {
        try forEachChild(of: depth) { name, child in
            switch name {
            case "sitename": site.name = try readText(depth: child)
            case "dbname": site.database = try readText(depth: child)
            case "base": site.base = try readText(depth: child)
            default: break
            }
        }
    }

    private func readPage(depth: Int) throws -> DumpPage {
        var page = DumpPage()
        var namespace: Int?
        try forEachChild(of: depth) { name, child in
            switch name {
            case "title": page.title = try readText(depth: child)
            case "ns": namespace = Int(try readText(depth: child))
            case "id": page.id = Int64(try readText(depth: child)) ?? 0
            case "redirect": page.redirectTarget = xml.attribute("title") ?? ""
            case "revision": try readRevision(depth: child, into: &page)
            default: break
            }
        }
        // Schemas before 0.6 have no <ns>, and before 0.4 no <redirect>.
        page.namespace = namespace ?? (Self.hasNamespacePrefix(page.title) ? 1 : 0)
        if page.redirectTarget == nil { page.redirectTarget = Redirect.target(of: page.text) }
        return page
    }

    private func readRevision(depth: Int, into page: inout DumpPage) throws {
        try forEachChild(of: depth) { name, child in
            switch name {
            case "id" where child == depth + 1: page.revision = Int64(try readText(depth: child))
            case "model": page.model = try readText(depth: child)
            case "text": page.text = try readText(depth: child)
            default: break
            }
        }
    }

    private static func hasNamespacePrefix(_ title: String) -> Bool {
        guard let colon = title.firstIndex(of: ":") else { return false }
        let namespaces: Set<String> = [
            "Talk", "User", "User talk", "Wikipedia", "Wikipedia talk", "File", "File talk", "Image",
            "MediaWiki",
            "Template", "Template talk", "Help", "Category", "Category talk", "Portal", "Module", "Draft",
        ]
        return namespaces.contains(String(title[..<colon]))
    }
}

/// Redirects as wikitext says them: the first thing on the page, in the wiki's language or in English.
enum Redirect {
    private static let keywords = [
        "#redirect", "#weiterleitung", "#redirection", "#redirección", "#redireccion", "#rinvia",
        "#doorverwijzing",
        "#patrz", "#przekieruj", "#tam", "#перенаправление", "#перенапр", "#перенаправлення", "#виправлено",
        "#omdirigering", "#yönlendi̇rme", "#yönlendirme", "#đổi", "#转向", "#重定向", "#転送", "#リダイレクト", "#넘겨주기",
        "#تحويل", "#تغییرمسیر", "#הפניה", "#अनुप्रेषित", "#पुनर्प्रेषित", "#เปลี่ยนทาง", "#пренасочване", "#виж",
    ]

    /// Where a text redirects to; nil for one that does not.
    static func target(of text: String) -> String? {
        let head = text.prefix(400).drop { $0.isWhitespace || $0 == "\u{FEFF}" }
        guard head.first == "#" else { return nil }
        let lowered = head.lowercased()
        guard keywords.contains(where: lowered.hasPrefix), let open = head.range(of: "[["),
            let close = head.range(of: "]]", range: open.upperBound..<head.endIndex)
        else { return nil }
        return head[open.upperBound..<close.lowerBound].split(separator: "|").first.map(String.init) ?? ""
    }
}
