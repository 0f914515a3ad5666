import KindredStore
import KindredSystem

/// An article as it is read: its text, cut into sections and passages, and its links.
package struct IndexedArticle: Sendable {
    /// A stretch of the text below one path of headings.
    package struct Section: Sendable {
        /// The headings, outermost first; none for what stands above the first heading.
        package let path: [String]
        /// UTF-8 bytes of the text.
        package let range: Range<Int>
    }

    /// Words that link to another article of the index.
    package struct Link: Sendable {
        package let text: String
        package let articleID: Int64
        package let title: String
    }

    package let id: Int64
    package let title: String
    package let url: String
    /// Absolute path of the file; empty for a page of a wiki.
    package let path: String
    package let metadata: Metadata
    /// Without headings.
    package let text: String
    /// Consecutive; together all of the text.
    package let sections: [Section]
    /// (id, UTF-8 bytes of the text), in order.
    package let passages: [(id: Int64, range: Range<Int>)]
    /// In the order of the text.
    package let links: [Link]
}

extension Searcher {
    /// An article by its id.
    /// - Throws: `notFound`; `invalidData` where the index is damaged.
    package func article(id: Int64) throws -> IndexedArticle {
        let article = try catalog.article(id)
        let links = try catalog.anchors(ofArticle: id).map {
            IndexedArticle.Link(text: $0.text, articleID: $0.article, title: $0.title)
        }
        return IndexedArticle(
            id: id, title: article.title, url: article.url, path: article.path, metadata: article.metadata,
            text: article.text, sections: Self.sections(article),
            passages: article.passages.map { ($0.id, $0.range) }, links: links)
    }

    /// Each section begins with its first passage and ends where the next begins.
    private static func sections(_ article: ArticleRecord) -> [IndexedArticle.Section] {
        var starts: [(path: [String], start: Int)] = []
        for passage in article.passages where starts.last.map({ $0.path != passage.sectionPath }) ?? true {
            starts.append((passage.sectionPath, starts.isEmpty ? 0 : passage.range.lowerBound))
        }
        let end = article.text.utf8.count
        return starts.indices.map { index in
            let next = index + 1 < starts.count ? starts[index + 1].start : end
            return .init(path: starts[index].path, range: starts[index].start..<next)
        }
    }
}
