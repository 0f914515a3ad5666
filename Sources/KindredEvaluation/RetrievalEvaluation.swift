import KindredEncoder
import KindredIndex
import KindredSystem
import KindredTensors

/// Retrieval of documents for queries, as the product does it but for the graph: vectors are compared one by one, so that
/// the figures are the encoder's and not the index's.
///
/// Documents of equal score are ordered by id, the larger first, as trec_eval does it.
package final class RetrievalEvaluation {
    /// A found document.
    package struct Hit: Sendable, Hashable {
        /// Index in the set's documents.
        package let document: Int
        package let score: Double
    }

    /// What one mode gave.
    package struct Result: Sendable {
        package let measures: RankingMeasures
        /// For each query of the set, best first.
        package let rankings: [[Hit]]
        /// For each query of the set.
        package let perQuery: [RankingMeasures]
    }

    /// Documents of a ranking, at most: recall@100 needs so many.
    package static let depth = 100

    package let set: RetrievalSet
    private let ignoresOwnID: Bool
    /// The id of each document in searches: 1 for the largest id of the set, so that the product's order of equal scores,
    /// by id, is trec_eval's.
    private let numbers: [Int64]
    private let documentOfNumber: [Int]
    private var semantic: [[ScoredPassage]]?
    private var keyword: [[ScoredPassage]]?
    private var depth: Int { Self.depth + (ignoresOwnID ? 1 : 0) }

    /// - Parameter ignoresOwnID: leave out of a ranking the document that has the query's id, as BEIR does: right where
    ///   queries are documents themselves (ArguAna, Quora), wrong where both are only numbered from 1.
    package init(_ set: RetrievalSet, ignoresOwnID: Bool = false) {
        self.set = set
        self.ignoresOwnID = ignoresOwnID
        documentOfNumber = set.documents.indices.sorted {
            Array(set.documents[$1].id.utf8).lexicographicallyPrecedes(Array(set.documents[$0].id.utf8))
        }
        var numbers = [Int64](repeating: 0, count: set.documents.count)
        for (position, document) in documentOfNumber.enumerated() { numbers[document] = Int64(position + 1) }
        self.numbers = numbers
    }

    /// Takes the vectors that semantic and hybrid search need.
    ///
    /// - Parameters:
    ///   - queries: unit vectors of the set's queries, in order.
    ///   - documents: unit vectors of the set's documents, in order.
    /// - Throws: `invalidRequest` where they are of different dimensions; `invalidData` for a number that is not finite.
    package func rankByVectors(queries: Matrix, documents: Matrix) throws {
        precondition(queries.rows == set.queries.count && documents.rows == set.documents.count)
        semantic = try ExactSearch.nearest(
            of: MatrixVectors(queries), in: MatrixVectors(documents), ids: numbers, metric: .innerProduct,
            k: depth
        ).map { $0.map { ScoredPassage(id: $0.id, score: Double($0.score)) } }
    }

    /// What a mode finds, and how good that is.
    ///
    /// - Parameter fusion: how hybrid search joins the other two.
    /// - Throws: `cannotCreate`, `inputOutput` where keyword search has no room.
    package func result(of mode: SearchMode, fusion: Fusion = .standard) throws -> Result {
        let rankings: [[ScoredPassage]]
        switch mode {
        case .semantic: rankings = rankedByVectors
        case .keyword: rankings = try rankedByWords()
        case .hybrid:
            rankings = zip(rankedByVectors, try rankedByWords()).map {
                fusion.fuse(
                    semantic: Array($0.prefix(Fusion.candidates)),
                    keyword: Array($1.prefix(Fusion.candidates)))
            }
        }
        let hits = zip(set.queries, rankings).map { query, ranking in
            ranking.map { Hit(document: documentOfNumber[Int($0.id) - 1], score: $0.score) }
                .filter { !ignoresOwnID || set.documents[$0.document].id != query.id }
                .prefix(Self.depth)
        }
        let measures = zip(set.queries, hits).map { query, hits in
            RankingMeasures(
                ranking: hits.map { query.judgments[set.documents[$0.document].id] ?? 0 },
                judgments: Array(query.judgments.values))
        }
        return Result(
            measures: .mean(measures), rankings: hits.map(Array.init), perQuery: measures)
    }

    private var rankedByVectors: [[ScoredPassage]] {
        guard let semantic else { preconditionFailure("vectors come first") }
        return semantic
    }

    private func rankedByWords() throws -> [[ScoredPassage]] {
        if let keyword { return keyword }
        let corpus = try KeywordCorpus(set.documents, numbers: numbers)
        let found = try set.queries.map { try corpus.search($0.text, limit: depth) }
        keyword = found
        return found
    }
}
