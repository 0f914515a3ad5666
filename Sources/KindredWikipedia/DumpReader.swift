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
    /// Whether titles that differ in the case of their first letter are different titles, as in Wiktionaries.
    package var isCaseSensitive = false
    package var namespaces = WikiNamespaces()

    package init() {}
}

/// A page of a dump, with its newest revision.
package struct DumpPage: Hashable, Sendable {
    /// Nil where the dump does not say, as dumps before schema 0.3 need not.
    package var id: Int64?
    package var namespace = 0
    package var title = ""
    /// The page that this one leads to, empty where that is not known; nil for a page with a text of its own.
    package var redirectTarget: String?
    package var revision: Int64?
    /// When the revision was saved, in ISO 8601 and UTC: "2026-01-31T08:00:00Z". Nil where the dump does not say.
    package var timestamp: String?
    /// Content model; "wikitext" for articles. Old dumps do not say.
    package var model: String?
    /// In UTF-8; empty where it is longer than the reader's limit.
    package var wikitext: [UInt8] = []
    /// Whether the text is longer than the reader's limit.
    package var isTooLong = false

    /// The wikitext as a string, which is made each time.
    package var text: String { String(decoding: wikitext, as: UTF8.self) }
}

/// Reads the pages of a MediaWiki export (mediawiki.org, Help:Export; schemas 0.3 to 0.11) one by one. Parts of a dump that
/// were put after each other are read on.
package final class DumpReader {
    /// Bytes of a page's text, at most: the longest pages of Wikipedia have 2 MB.
    package static let longestPage = 64 << 20

    package private(set) var site = DumpSite()
    private let source: ByteSource
    private let xml: XMLEventReader
    private var hasRoot = false
    private let longestPage: Int

    /// - Parameter path: a file, compressed or not; "-" is standard input.
    /// - Throws: `notFound`, `inputOutput`.
    package convenience init(path: String, longestPage: Int = DumpReader.longestPage) throws {
        try self.init(ByteSource(path: path), longestPage: longestPage)
    }

    /// - Parameters:
    ///   - source: at its start.
    ///   - longestPage: bytes of a page's text, at most; a longer one is given without its text.
    package init(_ source: ByteSource, longestPage: Int = DumpReader.longestPage) throws {
        self.source = source
        self.longestPage = longestPage
        xml = try XMLEventReader(source, textLimit: longestPage)
    }

    /// Characters that XML does not allow, left out so far, and which and where the first was.
    package var forbiddenCharacters: (count: Int, first: String?) { xml.forbiddenCharacters }

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
        let (kind, hint) =
            OtherFormat.known(xml.start, name: source.name)
            ?? ("", "name a pages-articles file (.xml, .xml.bz2, .xml.gz, .xml.xz or .xml.zst)")
        return KindredError(
            .invalidData, "is not a MediaWiki dump\(kind.isEmpty ? "" : " but \(kind)"); \(hint)",
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

    /// The text of the element at `depth`, to its end; nil where it is longer than the limit.
    private func readLongText(depth: Int) throws -> [UInt8]? {
        var text: [UInt8]? = []
        while let event = try xml.next() {
            switch event {
            case .text(let part): text?.append(contentsOf: part)
            case .longText: text = nil
            case .end(_, depth): return text.flatMap { $0.count <= longestPage ? $0 : nil }
            default: break
            }
        }
        return text
    }

    private func readText(depth: Int) throws -> String {
        String(decoding: try readLongText(depth: depth) ?? [], as: UTF8.self)
    }

    private func readSite(depth: Int) throws {
        try forEachChild(of: depth) { name, child in
            switch name {
            case "sitename": site.name = try readText(depth: child)
            case "dbname": site.database = try readText(depth: child)
            case "base": site.base = try readText(depth: child)
            case "case": site.isCaseSensitive = try readText(depth: child) == "case-sensitive"
            case "namespace":
                let number = xml.attribute("key").flatMap { Int($0) }
                let name = try readText(depth: child)
                if let number { site.namespaces.add(name, number: number) }
            default: break
            }
        }
    }

    private func readPage(depth: Int) throws -> DumpPage {
        var page = DumpPage()
        var namespace: Int?
        var newest: Revision?
        try forEachChild(of: depth) { name, child in
            guard child == depth + 1 else { return }
            switch name {
            case "title": page.title = try readText(depth: child)
            case "ns": namespace = Int(try readText(depth: child))
            case "id": page.id = Int64(try readText(depth: child))
            case "redirect": page.redirectTarget = xml.attribute("title") ?? ""
            case "revision":
                let revision = try readRevision(depth: child)
                if newest.map({ revision.isAtLeastAsNew(as: $0) }) ?? true { newest = revision }
            default: break
            }
        }
        if let newest {
            page.revision = newest.id
            page.timestamp = newest.timestamp.isEmpty ? nil : newest.timestamp
            page.model = newest.model
            page.wikitext = newest.text ?? []
            page.isTooLong = newest.text == nil
        }
        // Schemas before 0.6 have no <ns>, and before 0.4 no <redirect>.
        page.namespace = namespace ?? site.namespaces.number(ofTitle: page.title)
        // In those of 0.4 and 0.5 it does not say where to.
        if page.redirectTarget?.isEmpty ?? true {
            page.redirectTarget = Redirect.target(of: page.wikitext) ?? page.redirectTarget
        }
        return page
    }

    private struct Revision {
        var id: Int64?
        /// ISO 8601 in UTC, which sorts as it stands.
        var timestamp = ""
        var model: String?
        var text: [UInt8]? = []

        func isAtLeastAsNew(as other: Revision) -> Bool {
            (timestamp, id ?? 0) >= (other.timestamp, other.id ?? 0)
        }
    }

    /// Text and model are those of the main slot, which stand in the revision itself (export-0.11.xsd); other slots are
    /// in <content> elements of their own.
    private func readRevision(depth: Int) throws -> Revision {
        var revision = Revision()
        try forEachChild(of: depth) { name, child in
            guard child == depth + 1 else { return }
            switch name {
            case "id": revision.id = Int64(try readText(depth: child))
            case "timestamp": revision.timestamp = try readText(depth: child)
            case "model": revision.model = try readText(depth: child)
            case "text": revision.text = try readLongText(depth: child)
            default: break
            }
        }
        return revision
    }
}
