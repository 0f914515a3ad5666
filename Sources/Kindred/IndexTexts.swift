import KindredStore
import KindredSystem

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
}
