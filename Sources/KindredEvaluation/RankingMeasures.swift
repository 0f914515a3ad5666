import Foundation

/// How good a ranking of documents is, by the judgments of a query (trec_eval 9, `m_ndcg_cut.c`, `m_recall.c`; BEIR,
/// `beir/retrieval/evaluation.py` and `custom_metrics.py`).
///
/// A judgment is a whole number; a document is relevant from 1 on, and what is not judged has 0.
package struct RankingMeasures: Sendable, Hashable {
    package var ndcgAt10 = 0.0
    package var recallAt10 = 0.0
    package var recallAt100 = 0.0
    package var mrrAt10 = 0.0

    package init() {}

    /// - Parameters:
    ///   - ranking: the judgments of what was found, best first.
    ///   - judgments: all of the query's judgments, at least one of them relevant.
    package init(ranking: [Int], judgments: [Int]) {
        ndcgAt10 = Self.ndcg(at: 10, ranking: ranking, judgments: judgments)
        recallAt10 = Self.recall(at: 10, ranking: ranking, judgments: judgments)
        recallAt100 = Self.recall(at: 100, ranking: ranking, judgments: judgments)
        mrrAt10 = Self.reciprocalRank(at: 10, ranking: ranking)
    }

    /// Normalised discounted cumulative gain (Järvelin and Kekäläinen 2002): gains are the judgments themselves, discounts
    /// log2(rank + 1), over what the best possible ranking has.
    package static func ndcg(at k: Int, ranking: [Int], judgments: [Int]) -> Double {
        let ideal = gain(judgments.sorted(by: >).prefix(k))
        return ideal > 0 ? gain(ranking.prefix(k)) / ideal : 0
    }

    private static func gain(_ judgments: some Sequence<Int>) -> Double {
        judgments.enumerated().reduce(0) { $0 + Double(max($1.element, 0)) / log2(Double($1.offset + 2)) }
    }

    /// The share of the relevant documents that are among the first `k`.
    package static func recall(at k: Int, ranking: [Int], judgments: [Int]) -> Double {
        let relevant = judgments.count { $0 > 0 }
        return relevant > 0 ? Double(ranking.prefix(k).count { $0 > 0 }) / Double(relevant) : 0
    }

    /// One over the rank of the first relevant document, 0 where none is among the first `k`; its mean over queries is
    /// MRR@k.
    package static func reciprocalRank(at k: Int, ranking: [Int]) -> Double {
        ranking.prefix(k).firstIndex { $0 > 0 }.map { 1 / Double($0 + 1) } ?? 0
    }

    /// The mean of each measure; zeros for none.
    package static func mean(_ all: [RankingMeasures]) -> RankingMeasures {
        var mean = RankingMeasures()
        guard !all.isEmpty else { return mean }
        let count = Double(all.count)
        for field in [\RankingMeasures.ndcgAt10, \.recallAt10, \.recallAt100, \.mrrAt10] {
            mean[keyPath: field] = all.reduce(0) { $0 + $1[keyPath: field] } / count
        }
        return mean
    }
}
