import Kindred
import KindredSystem

/// What `GET /articles/ID` gives. Offsets are counted in Unicode code points.
struct ArticleOutput: Encodable {
    struct Section: Encodable {
        let path: [String]
        let start, end: Int
    }
    struct Passage: Encodable {
        let id: Int64
        let start, end: Int
    }
    struct Link: Encodable {
        let text: String
        let articleID: Int64
        let title: String
    }

    let id: Int64
    let index, title, url: String
    let path: String?
    let metadata: Metadata
    let text: String
    let sections: [Section]
    let passages: [Passage]
    let links: [Link]

    init(_ article: IndexedArticle, index: String) {
        let offsets = CodePointOffsets(
            article.text,
            bytes: article.sections.flatMap { [$0.range.lowerBound, $0.range.upperBound] }
                + article.passages.flatMap { [$0.range.lowerBound, $0.range.upperBound] })
        id = article.id
        self.index = index
        title = article.title
        url = article.url
        path = article.path.isEmpty ? nil : article.path
        metadata = article.metadata
        text = article.text
        sections = article.sections.map {
            Section(path: $0.path, start: offsets[$0.range.lowerBound], end: offsets[$0.range.upperBound])
        }
        passages = article.passages.map {
            Passage(id: $0.id, start: offsets[$0.range.lowerBound], end: offsets[$0.range.upperBound])
        }
        links = article.links.map { Link(text: $0.text, articleID: $0.articleID, title: $0.title) }
    }
}
