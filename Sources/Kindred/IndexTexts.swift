import KindredStore
import KindredSystem
import KindredWikipedia

/// The texts that an index keeps, as a source of training text.
package struct IndexTexts {
    private let catalog: Catalog

    /// - Throws: what opening the catalogue throws.
    package init(_ directory: IndexDirectory) throws {
        catalog = try Catalog(path: directory.catalog, access: .read)
    }

    /// Calls `body` with each article's title and text, in the order of their ids, until it returns false.
    package func read(_ body: (String, String) throws -> Bool) throws {
        var last: Int64 = 0
        while let id = try catalog.nextArticle(after: last) {
            let article = try catalog.article(id)
            guard try body(article.title, article.text) else { return }
            last = id
        }
    }

    /// Calls `body` with the words of each link between articles and the first passage of the article that it leads to,
    /// until it returns false. What authors call a thing makes pairs for training (as in Wikipedia's anchors, Gillick et
    /// al. 2019, arXiv 1909.10506).
    package func readAnchors(_ body: (_ anchor: String, _ passage: String) throws -> Bool) throws {
        var last: Int64 = 0
        while let id = try catalog.nextArticle(after: last) {
            last = id
            for (anchor, article, _) in try catalog.anchors(ofArticle: id) where article != id {
                let target = try catalog.article(article)
                guard let range = target.passages.first?.range else { continue }
                let passage = String(decoding: Array(target.text.utf8)[range], as: UTF8.self)
                let text = Passage.encodedText(
                    title: target.title, sectionPath: target.passages[0].sectionPath, body: passage)
                guard try body(anchor, text) else { return }
            }
        }
    }
}
