import Foundation
import KindredStore
import KindredSystem
import SystemPackage

/// The documents of a data set in a catalogue of their own, searched by the product's keyword search: same tables,
/// tokenizer, weights and queries. Kept in a temporary directory that goes with it.
final class KeywordCorpus {
    private static let documentsPerCommit = 2048

    let directory: FilePath
    private let catalog: Catalog

    /// - Parameter numbers: the id under which each document is found.
    /// - Throws: `cannotCreate`, `inputOutput`.
    init(_ documents: [RetrievalSet.Document], numbers: [Int64]) throws {
        let url = FileManager.default.temporaryDirectory
            .appendingPathComponent("kindred-evaluation-\(UUID().uuidString)", isDirectory: true)
        directory = FilePath(url.path)
        // So that a signal does not leave the directory behind.
        Interrupts.hold()
        do {
            try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        } catch {
            throw KindredError(
                .cannotCreate, "cannot be made; set TMPDIR to a directory that can be written",
                at: .init(path: url.path), cause: error)
        }
        catalog = try Catalog(path: directory.appending("catalog.sqlite"), access: .create)
        let site = DocumentCollection(name: "Evaluation", identity: "evaluation", base: "", language: "")
        for start in stride(from: 0, to: documents.count, by: Self.documentsPerCommit) {
            try Interrupts.check()
            let range = start..<min(start + Self.documentsPerCommit, documents.count)
            let articles = range.map { index in
                NewArticle(
                    sourceID: numbers[index], title: documents[index].title, url: "", revision: nil,
                    digest: [], text: Array(documents[index].text.utf8),
                    passages: [
                        NewPassage(
                            id: numbers[index], sectionPath: [],
                            range: 0..<documents[index].text.utf8.count)
                    ])
            }
            try catalog.commit(site: site, articles: articles, segment: nil)
        }
    }

    deinit { try? FileManager.default.removeItem(atPath: directory.string) }

    /// - Parameter query: a question of the data set; its quotation marks and dashes are not those of a search.
    func search(_ query: String, limit: Int) throws -> [ScoredPassage] {
        try Interrupts.check()
        return try catalog.keywordSearch(KeywordQuery(plain: query), limit: limit).passages
    }
}
