/// The answers to a query as JSON, for `kindred search --json` and for the server.
package struct SearchOutput: Encodable {
    struct Hit: Encodable {
        let rank: Int
        let articleRank: Int?
        let score: Double
        let relevance, cosine, wordShare: Double?
        let title: String
        let section: String
        let url: String
        let path: String?
        let line: Int?
        let metadata: [String: [MetadataValue]]
        let articleID: Int64
        let passageID: Int64
        let text: String
        /// Where the query's words stand in `text`; in Unicode code points.
        let marks: [[Int]]?
        /// The sentence of `text` that is nearest to the query.
        let sentence: [Int]?
    }

    struct Correction: Encodable {
        let word, correction: String
    }

    struct Facet: Encodable {
        let value: MetadataValue
        let count: Int
    }

    let query: String
    let index: String
    let mode: String
    let tookMs: Double
    let hits: [Hit]
    let nothingRelevant: Bool?
    let facets: [String: [Facet]]?
    let corrections: [Correction]?
    let warning: String?

    /// - Parameter sentences: by passage, the UTF-8 bytes of the sentence that is nearest to the query; nil leaves out
    ///   marks and sentences.
    package init(_ results: SearchResults, index: String, sentences: [Int64: Range<Int>]? = nil) {
        query = results.query
        self.index = index
        mode = results.mode.rawValue
        warning = results.warning
        nothingRelevant = results.nothingRelevant ? true : nil
        corrections =
            results.corrections.isEmpty
            ? nil : results.corrections.map { Correction(word: $0.word, correction: $0.correction) }
        facets =
            results.facets.isEmpty
            ? nil : results.facets.mapValues { $0.map { Facet(value: $0.value, count: $0.count) } }
        tookMs = (results.milliseconds * 100).rounded() / 100
        hits = results.hits.map { hit in
            let marks = sentences == nil ? [] : Snippet.marks(in: hit, of: results)
            let sentence = sentences?[hit.passageID]
            let offsets = CodePointOffsets(
                hit.text,
                bytes: (marks + [sentence].compactMap { $0 }).flatMap { [$0.lowerBound, $0.upperBound] })
            func inText(_ range: Range<Int>) -> [Int] {
                [offsets[range.lowerBound], offsets[range.upperBound]]
            }
            return Hit(
                rank: hit.rank, articleRank: hit.articleRank, score: hit.score,
                relevance: hit.relevance.map(Self.rounded), cosine: hit.cosine.map(Self.rounded),
                wordShare: hit.wordShare.map(Self.rounded), title: hit.title,
                section: hit.sectionPath.joined(separator: " › "), url: hit.url,
                path: hit.path.isEmpty ? nil : hit.path, line: hit.line, metadata: hit.metadata,
                articleID: hit.articleID,
                passageID: hit.passageID, text: hit.text,
                marks: sentences == nil ? nil : marks.map(inText), sentence: sentence.map(inText))
        }
    }

    /// Four decimals, more than a probability is known to.
    private static func rounded(_ value: Double) -> Double { (value * 10_000).rounded() / 10_000 }
}
