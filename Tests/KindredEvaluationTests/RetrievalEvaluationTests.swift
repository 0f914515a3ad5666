import Foundation
import KindredIndex
import KindredSystem
import KindredTensors
import KindredTestSupport
import SystemPackage
import Testing

@testable import KindredEvaluation

@Suite struct RetrievalEvaluationTests {
    private let directory: TemporaryDirectory
    private let set: RetrievalSet

    init() throws {
        directory = try TemporaryDirectory()
        _ = try directory.file(
            "corpus.jsonl",
            Array(
                """
                {"_id": "b", "title": "Bees", "text": "Honey is made in a hive."}
                {"_id": "c", "title": "Clay", "text": "Pots are made of clay."}
                {"_id": "a", "title": "Ants", "text": "Ants live in a hill."}
                {"_id": "1", "title": "Bees", "text": "Honey is made in a hive."}
                """.utf8))
        _ = try directory.file(
            "queries.jsonl",
            Array(
                "{\"_id\": \"1\", \"text\": \"where is honey made\"}\n{\"_id\": \"2\", \"text\": \"hill\"}"
                    .utf8))
        _ = try directory.file("qrels.tsv", Array("1\tb\t2\n1\tc\t1\n2\ta\t1\n".utf8))
        set = try RetrievalSet(directory: directory.path)
    }

    private func ids(_ result: RetrievalEvaluation.Result) -> [[String]] {
        result.rankings.map { $0.map { set.documents[$0.document].id } }
    }

    private func evaluation(ignoresOwnID: Bool = false) throws -> RetrievalEvaluation {
        let evaluation = RetrievalEvaluation(set, ignoresOwnID: ignoresOwnID)
        try evaluation.rankByVectors(
            queries: Matrix([[1, 0], [0, 1]]),
            documents: Matrix([[0.8, 0.6], [1, 0], [0.6, -0.8], [0.8, 0.6]]))
        return evaluation
    }

    @Test func `semantic rankings follow the vectors, equal ones the larger id first`() throws {
        let result = try evaluation().result(of: .semantic)
        #expect(ids(result) == [["c", "b", "1", "a"], ["b", "1", "c", "a"]])
        #expect(result.perQuery[1].mrrAt10 == 0.25)
        // Gains 1, 2 where 2, 1 would be best.
        let expected = (1 + 2 / log2(3.0)) / (2 + 1 / log2(3.0))
        #expect(abs(result.perQuery[0].ndcgAt10 - expected) < 1e-12)
        #expect(abs(result.measures.mrrAt10 - 0.625) < 1e-12)
    }

    @Test func `keyword rankings are those of the product's full-text search`() throws {
        let result = try evaluation().result(of: .keyword)
        // "made" is stemmed and so is in three documents, "honey" in two of them; equal ones by id.
        #expect(ids(result) == [["b", "1", "c"], ["a"]])
        #expect(result.rankings[0][0].score > result.rankings[0][2].score)
    }

    @Test func `hybrid rankings are fused as the product fuses them`() throws {
        let evaluation = try self.evaluation()
        let result = try evaluation.result(
            of: .hybrid, fusion: .ranks(constant: 60, semanticWeight: 1))
        #expect(ids(result)[0] == ["b", "c", "1", "a"])
        let scores = result.rankings[0].map(\.score)
        #expect(abs(scores[0] - (1 / 62.0 + 1 / 61.0)) < 1e-12)
        #expect(abs(scores[3] - 1 / 64.0) < 1e-12)
        let semantic = Fusion.ranks(constant: 60, semanticWeight: 50)
        #expect(ids(try evaluation.result(of: .hybrid, fusion: semantic))[0] == ["c", "b", "1", "a"])
        let standard = try evaluation.result(of: .hybrid)
        let scored = try evaluation.result(of: .hybrid, fusion: .scores(semanticShare: 0.65))
        #expect(ids(standard) == ids(scored) && standard.rankings[0][0].score <= 1)
        #expect(ids(try evaluation.result(of: .hybrid, fusion: .scores(semanticShare: 0.1)))[0][0] == "b")
    }

    @Test func `the document with the query's id can be left out`() throws {
        let result = try evaluation(ignoresOwnID: true).result(of: .semantic)
        #expect(ids(result) == [["c", "b", "a"], ["b", "1", "c", "a"]])
    }

    @Test func `no file is left behind`() throws {
        let numbers: [Int64] = [1, 2, 3, 4]
        var corpus: KeywordCorpus? = try KeywordCorpus(set.documents, numbers: numbers)
        #expect(try corpus?.search("honey", limit: 5).count == 2)
        let place = try #require(corpus?.directory)
        #expect(FileManager.default.fileExists(atPath: place.string))
        corpus = nil
        #expect(!FileManager.default.fileExists(atPath: place.string))
    }
}
