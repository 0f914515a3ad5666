import KindredTensors
import Testing

@testable import KindredEvaluation

@Suite struct CorrelationTests {
    @Test func `correlations and ranks are scipy's, ties included`() throws {
        for golden in try Goldens.load().correlations {
            #expect(Correlation.ranks(golden.y) == golden.ranks)
            let pearson = try #require(Correlation.pearson(golden.x, golden.y))
            let spearman = try #require(Correlation.spearman(golden.x, golden.y))
            #expect(abs(pearson - golden.pearson) < 1e-12)
            #expect(abs(spearman - golden.spearman) < 1e-12)
        }
    }

    @Test func `a constant list correlates with nothing`() {
        #expect(Correlation.spearman([1, 1, 1], [1, 2, 3]) == nil)
        #expect(Correlation.pearson([1, 2, 3], [5, 5, 5]) == nil)
        #expect(Correlation.pearson([1], [2]) == nil)
    }

    @Test func `very small and very large numbers correlate as well`() throws {
        let tiny = try #require(Correlation.pearson([1e-200, 2e-200, 3e-200], [1, 2, 3]))
        #expect(abs(tiny - 1) < 1e-12)
        let huge = try #require(Correlation.pearson([1e300, 2e300, 3e300], [1, 2, 3]))
        #expect(abs(huge - 1) < 1e-12)
    }

    @Test func `similarity is measured by the cosine of each pair's vectors`() throws {
        let vectors = Matrix([[1, 0], [1, 0], [1, 0], [0.6, 0.8], [1, 0], [0, 1]])
        let evaluation = SimilarityEvaluation(scores: [5, 3, 0.5], vectors: vectors)
        #expect(zip(evaluation.cosines, [1, 0.6, 0]).allSatisfy { abs($0 - $1) < 1e-7 })
        #expect(evaluation.spearman.map { abs($0 - 1) < 1e-12 } == true)
        let reversed = SimilarityEvaluation(scores: [0, 1, 2], vectors: vectors)
        #expect(reversed.spearman.map { abs($0 + 1) < 1e-12 } == true)
    }
}

@Suite struct RankingMeasureTests {
    @Test func `measures of graded rankings are trec_eval's and BEIR's`() throws {
        let goldens = try Goldens.load().rankings
        #expect(goldens.count == 30)
        for golden in goldens {
            let measures = RankingMeasures(ranking: golden.ranking, judgments: golden.judgments)
            #expect(abs(measures.ndcgAt10 - golden.ndcgCut10) < 1e-9)
            #expect(abs(measures.recallAt10 - golden.recall10) < 1e-9)
            #expect(abs(measures.recallAt100 - golden.recall100) < 1e-9)
            #expect(abs(measures.mrrAt10 - golden.mrr10) < 1e-9)
        }
    }

    @Test func `a relevant document past the tenth rank counts for recall at 100 only`() {
        let ranking = Array(repeating: 0, count: 10) + [1]
        let measures = RankingMeasures(ranking: ranking, judgments: [1, 1])
        #expect(measures.recallAt100 == 0.5)
        #expect((measures.ndcgAt10, measures.recallAt10, measures.mrrAt10) == (0, 0, 0))
    }

    @Test func `means are over queries`() {
        let one = RankingMeasures(ranking: [1], judgments: [1])
        let none = RankingMeasures(ranking: [], judgments: [1])
        #expect(RankingMeasures.mean([one, none]).ndcgAt10 == 0.5)
        #expect(RankingMeasures.mean([]) == RankingMeasures())
    }
}

@Suite struct ClassificationMeasureTests {
    @Test func `entities are counted as seqeval counts them`() throws {
        for golden in try Goldens.load().entities {
            let measures = EntityMeasures(labels: golden.labels, predictions: golden.predictions)
            #expect(abs(measures.precision - golden.precision) < 1e-12)
            #expect(abs(measures.recall - golden.recall) < 1e-12)
            #expect(abs(measures.f1 - golden.f1) < 1e-12)
            #expect(abs(measures.tokenF1 - golden.tokenF1) < 1e-12)
        }
    }

    @Test func `an entity begins after another kind even without B`() {
        let labels = ["B-a", "I-a", "I-b", "O", "I-b", "B-b"]
        #expect(Entity.all(in: labels).map(\.words) == [0..<2, 2..<3, 4..<5, 5..<6])
    }

    @Test func `a class that is only predicted lowers macro F1`() {
        let measures = ClassificationMeasures(labels: ["a", "a"], predictions: ["a", "b"])
        #expect(measures.accuracy == 0.5)
        #expect(abs(measures.macroF1 - 1 / 3.0) < 1e-12)
    }
}
