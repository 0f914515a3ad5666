import Crypto
import Foundation
import KindredSystem
import KindredWikipedia

/// The pages of a MediaWiki dump as documents.
package final class DumpFile: DocumentReader {
    /// Raised whenever the same page would give another text or other metadata.
    static let version = 1

    private let reader: DumpReader
    private let name: String

    package var bytesRead: Int { reader.bytesRead }
    package var totalBytes: Int? { reader.totalBytes }
    /// Characters that XML does not allow, left out so far, and which and where the first was.
    package var forbiddenCharacters: (count: Int, first: String?) { reader.forbiddenCharacters }

    package var collection: DocumentCollection {
        let site = reader.site
        let identity = site.database.isEmpty ? (site.base.isEmpty ? site.name : site.base) : site.database
        return DocumentCollection(
            name: site.name, identity: identity, base: site.base, language: site.language ?? "")
    }

    init(_ source: ByteSource, options: ReadingOptions) throws {
        name = source.name
        reader = try DumpReader(source, longestPage: options.longest)
    }

    package func next() throws -> SourceItem? {
        guard let page = try reader.next() else {
            try checkEnd()
            return nil
        }
        if let target = page.redirectTarget {
            return .redirect(
                id: page.id, title: page.title, target: page.namespace == 0 ? Self.title(target) : "")
        }
        if page.namespace != 0 { return .skipped(Skipped(.otherNamespace, id: page.id)) }
        if page.model != nil, page.model != "wikitext" { return .skipped(Skipped(.otherModel, id: page.id)) }
        if page.isTooLong { return .skipped(Skipped(.tooLong)) }
        var hash = SHA256()
        hash.update(data: Data("\(page.title)\u{0}".utf8))
        hash.update(data: page.wikitext)
        let (site, url) = (reader.site, reader.url(of: page))
        return .document(
            DocumentEntry(
                id: page.id, key: page.title, title: page.title, revision: page.revision,
                digest: Array(hash.finalize().prefix(16)), reader: Self.version,
                load: { Self.document(page, site, url) }))
    }

    /// A multistream dump that was cut off between two streams looks whole; its index, where it lies beside it, tells.
    private func checkEnd() throws {
        guard let index = MultistreamIndex.path(besides: name), FileManager.default.fileExists(atPath: index)
        else { return }
        try MultistreamIndex(path: index).check(dump: name)
    }

    private static func document(_ page: DumpPage, _ site: DumpSite, _ url: String) -> Document? {
        let article = Article(title: page.title, wikitext: page.wikitext, site: site)
        guard !article.sections.isEmpty else { return nil }
        var document = Document(title: page.title, text: article.bytes, sections: article.sections)
        document.url = url
        document.metadata = metadata(article, page)
        document.anchors = article.anchors.map { "\($0.text)\t\($0.target)\n" }.joined()
        return document
    }

    /// Fields that Kindred fills. A fact of the same name gets "infobox." before it.
    private static let ownFields: Set<String> = [
        "category", "date", "length", "disambiguation", "title", "url", "path", "site", "language",
    ]

    private static func metadata(_ article: Article, _ page: DumpPage) -> Metadata {
        var metadata: Metadata = [:]
        for category in article.categories { metadata.add("category", .text(category)) }
        for fact in article.facts {
            let isOwn = ownFields.contains(fact.name.lowercased())
            metadata.add(isOwn ? "infobox.\(fact.name)" : fact.name, MetadataValue(parsing: fact.value))
        }
        metadata.add("length", .integer(Int64(page.wikitext.count)))
        if let timestamp = page.timestamp { metadata.add("date", .text(timestamp)) }
        if article.isDisambiguation { metadata.add("disambiguation", .integer(1)) }
        return metadata
    }

    /// The title that a redirect names, as MediaWiki writes titles: without a section, and with spaces.
    private static func title(_ target: String) -> String {
        let page = String(target.prefix { $0 != "#" }.map { $0 == "_" ? " " : $0 }).trimmed
        return page.prefix(1).uppercased() + page.dropFirst()
    }
}
