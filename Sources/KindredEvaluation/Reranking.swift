import Foundation
import KindredSystem
import KindredTensors
import SystemPackage

/// Queries with candidates, some of which answer them, in mteb's layout: `{"query", "positive", "negative"}` a line, where a
/// query may be several ways to ask.
package struct RerankingSet: Sendable {
    package struct Query: Sendable, Hashable {
        package let texts: [String]
        package let positives: [String]
        package let negatives: [String]
        package var candidates: [String] { positives + negatives }
    }

    package let name: String
    package let queries: [Query]
    package let remarks: InputRemarks

    /// - Parameter count: queries to read, at most; nil: all.
    /// - Throws: `notFound`, `inputOutput`; `invalidData` where no line can be read.
    package init(path: FilePath, queries count: Int? = nil) throws {
        var file = RemarkedFile(path)
        var queries: [Query] = []
        try file.forEachObject { fields in
            let texts = fields["query"] as? [String] ?? (fields["query"] as? String).map { [$0] } ?? []
            guard !texts.isEmpty, let positives = fields["positive"] as? [String],
                let negatives = fields["negative"] as? [String]
            else { return "no \"query\", \"positive\" and \"negative\"" }
            // mteb leaves out what cannot be ranked.
            guard !positives.isEmpty, !negatives.isEmpty else {
                return "a query without both kinds of candidates"
            }
            queries.append(Query(texts: texts, positives: positives, negatives: negatives))
            return nil
        }
        guard !queries.isEmpty else {
            throw file.nothingRead(wanted: "{\"query\", \"positive\", \"negative\"}")
        }
        name = path.stem ?? path.string
        self.queries = Array(queries.prefix(count ?? queries.count))
        remarks = file.remarks
    }
}

/// How candidates are ordered (mteb, `RerankingEvaluator`).
package struct RerankingEvaluation: Sendable, Hashable {
    /// The mean over queries of the average precision.
    package let meanAveragePrecision: Double
    /// The mean over queries of one over the rank of the first right candidate among ten.
    package let mrrAt10: Double

    /// - Parameters:
    ///   - queries: unit vectors of all ways to ask, in order.
    ///   - candidates: unit vectors of all candidates, in order.
    package init(_ set: RerankingSet, queries: Matrix, candidates: Matrix) {
        precondition(queries.rows == set.queries.reduce(0) { $0 + $1.texts.count })
        precondition(candidates.rows == set.queries.reduce(0) { $0 + $1.candidates.count })
        var (asked, listed) = (0, 0)
        var (precisions, ranks) = (0.0, 0.0)
        for query in set.queries {
            let scores = query.candidates.indices.map { candidate in
                query.texts.indices.map { text in
                    queries.cosine(asked + text, candidates, listed + candidate)
                }.max() ?? 0
            }
            let isRight = query.candidates.indices.map { $0 < query.positives.count }
            precisions += AveragePrecision.of(scores: scores, isRight: isRight) ?? 0
            let order = scores.indices.sorted { (scores[$1], $0) < (scores[$0], $1) }
            ranks += RankingMeasures.reciprocalRank(at: 10, ranking: order.map { isRight[$0] ? 1 : 0 })
            asked += query.texts.count
            listed += query.candidates.count
        }
        meanAveragePrecision = precisions / Double(set.queries.count)
        mrrAt10 = ranks / Double(set.queries.count)
    }
}

extension Matrix {
    /// The product of a row here and one of another matrix; their cosine, if both are unit vectors.
    package func cosine(_ row: Int, _ other: Matrix, _ otherRow: Int) -> Double {
        (0..<columns).reduce(0) { $0 + Double(self[row, $1]) * Double(other[otherRow, $1]) }
    }
}
