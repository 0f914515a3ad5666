import Foundation
import KindredSystem
import KindredTensors
import KindredTestSupport
import SystemPackage
import Testing

@testable import KindredEvaluation

/// Against scikit-learn, pytrec_eval and scipy; see Tools/goldens/sentence_goldens.py.
@Suite struct SentenceMeasureTests {
    private struct Goldens: Decodable {
        struct VMeasureCase: Decodable {
            let labels, clusters: [Int]
            let homogeneity, completeness, v: Double
        }
        struct PrecisionCase: Decodable {
            let scores: [Double]
            let right: [Bool]
            let value: Double
        }
        struct Reranking: Decodable {
            struct Query: Decodable { let texts, positives, negatives: Int }
            let queries: [Query]
            let texts, candidates: [[Float]]
            let map, mrr: Double
        }
        struct Summaries: Decodable {
            struct Document: Decodable {
                let references: Int
                let scores: [Double]
            }
            let documents: [Document]
            let references, summaries: [[Float]]
            let spearman: Double
        }
        let vMeasures: [VMeasureCase]
        let precisions: [PrecisionCase]
        let reranking: Reranking
        let summaries: Summaries
    }

    private let goldens: Goldens
    private let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
        let path = Fixtures.directory().appending("sentences.json").string
        goldens = try JSONDecoder().decode(
            Goldens.self, from: Data(contentsOf: URL(fileURLWithPath: path)))
    }

    private func matrix(_ rows: [[Float]]) -> Matrix {
        Matrix(rows: rows.count, columns: rows[0].count, elements: AlignedBuffer(rows.flatMap { $0 }))
    }

    @Test func `v-measure is scikit-learn's`() {
        for golden in goldens.vMeasures {
            let measure = VMeasure(labels: golden.labels, clusters: golden.clusters)
            #expect(abs(measure.homogeneity - golden.homogeneity) < 1e-9)
            #expect(abs(measure.completeness - golden.completeness) < 1e-9)
            #expect(abs(measure.value - golden.v) < 1e-9)
        }
    }

    @Test func `average precision is scikit-learn's, with equal scores too`() throws {
        for golden in goldens.precisions {
            let value = try #require(AveragePrecision.of(scores: golden.scores, isRight: golden.right))
            #expect(abs(value - golden.value) < 1e-9)
        }
        #expect(AveragePrecision.of(scores: [1], isRight: [false]) == nil)
    }

    @Test func `candidates are ranked as mteb ranks them`() throws {
        let golden = goldens.reranking
        var lines = ""
        for query in golden.queries {
            func texts(_ count: Int) -> String { (0..<count).map { "\"\($0)\"" }.joined(separator: ",") }
            lines +=
                "{\"query\":[\(texts(query.texts))],\"positive\":[\(texts(query.positives))],"
                + "\"negative\":[\(texts(query.negatives))]}\n"
        }
        let set = try RerankingSet(path: directory.file("set.jsonl", Array(lines.utf8)))
        let found = RerankingEvaluation(
            set, queries: matrix(golden.texts), candidates: matrix(golden.candidates))
        #expect(abs(found.meanAveragePrecision - golden.map) < 1e-6)
        #expect(abs(found.mrrAt10 - golden.mrr) < 1e-6)
    }

    @Test func `summaries are judged as mteb judges them`() throws {
        let golden = goldens.summaries
        var lines = ""
        for document in golden.documents {
            func texts(_ count: Int) -> String { (0..<count).map { "\"\($0)\"" }.joined(separator: ",") }
            let scores = document.scores.map { "\($0)" }.joined(separator: ",")
            lines +=
                "{\"human_summaries\":[\(texts(document.references))],"
                + "\"machine_summaries\":[\(texts(document.scores.count))],\"relevance\":[\(scores)]}\n"
        }
        let set = try SummarizationSet(path: directory.file("set.jsonl", Array(lines.utf8)))
        let found = SummarizationEvaluation(
            set, references: matrix(golden.references), summaries: matrix(golden.summaries))
        #expect(abs(try #require(found.spearman) - golden.spearman) < 1e-6)
    }

    @Test func `k-means finds groups that lie apart, the same ones for the same seed`() throws {
        var random = SeededGenerator(seed: 3)
        var rows: [[Float]] = []
        for index in 0..<90 {
            rows.append((0..<4).map { $0 == index % 3 ? 5 : Float.random(in: -0.5...0.5, using: &random) })
        }
        let points = matrix(rows)
        let found = try KMeans(points, clusters: 3, seed: 1)
        #expect(VMeasure(labels: rows.indices.map { $0 % 3 }, clusters: found.clusters).value == 1)
        #expect(try KMeans(points, clusters: 3, seed: 1).clusters == found.clusters)
        // As many clusters as points: each is its own.
        let alone = try KMeans(points.rows(0..<5), clusters: 5, seed: 1)
        #expect(Set(alone.clusters).count == 5 && alone.inertia < 1e-3)
        // Points that are all the same.
        let same = matrix(Array(repeating: [1, 2], count: 6))
        #expect(try KMeans(same, clusters: 3, seed: 1).clusters.count == 6)
    }

    @Test func `mteb's files are read, and what cannot be used is counted`() throws {
        let clusters = try ClusteringSet(
            path: directory.file(
                "c.jsonl",
                Array(
                    "{\"sentences\":[\"a\",\"b\"],\"labels\":[1,\"x\"]}\n{\"sentences\":[\"a\"],\"labels\":[1]}\n"
                        .utf8)))
        #expect(clusters.parts.count == 1 && clusters.parts[0].labels == ["1", "x"])
        #expect(clusters.remarks.skipped == 1)
        let pairs = try DuplicatePairs(
            path: directory.file(
                "p.jsonl",
                Array(
                    "{\"sent1\":[\"a\",\"b\"],\"sent2\":[\"c\",\"d\"],\"labels\":[1,0]}\n{\"sentence1\":\"e\",\"sentence2\":\"f\",\"label\":1}\n7\n"
                        .utf8)))
        #expect(pairs.pairs.map(\.isDuplicate) == [true, false, true] && pairs.remarks.skipped == 1)
        let scored = "{\"sentence1\":\"a\",\"sentence2\":\"b\",\"score\":2.5}\n"
        let similar = try SentencePairs(
            path: directory.file("s.jsonl", Array((scored + scored + "{}\n").utf8)))
        #expect(similar.pairs.map(\.score) == [2.5, 2.5] && similar.remarks.skipped == 1)
        for (name, text) in [("n.jsonl", "{}\n"), ("e.jsonl", "")] {
            let path = try directory.file(name, Array(text.utf8))
            #expect(throws: KindredError.self) { try ClusteringSet(path: path) }
            #expect(throws: KindredError.self) { try DuplicatePairs(path: path) }
            #expect(throws: KindredError.self) { try RerankingSet(path: path) }
            #expect(throws: KindredError.self) { try SummarizationSet(path: path) }
        }
    }

    @Test func `chunks follow from parts of speech and dependencies`() throws {
        let text = """
            1\tThe\tthe\tDET\tDT\t_\t4\tdet\t_\t_
            2\tvery\tvery\tADV\tRB\t_\t3\tadvmod\t_\t_
            3\tquick\tquick\tADJ\tJJ\t_\t4\tamod\t_\t_
            4\tfox\tfox\tNOUN\tNN\t_\t6\tnsubj\t_\t_
            5\tcould\tcould\tAUX\tMD\t_\t6\taux\t_\t_
            6\tjump\tjump\tVERB\tVB\t_\t0\troot\t_\t_
            7\tup\tup\tADP\tRP\t_\t6\tcompound:prt\t_\t_
            8\tover\tover\tADP\tIN\t_\t10\tcase\t_\t_
            9\tAda\tAda\tPROPN\tNNP\t_\t12\tnmod:poss\t_\tSpaceAfter=No
            10\t's\t's\tPART\tPOS\t_\t9\tcase\t_\t_
            11\told\told\tADJ\tJJ\t_\t12\tamod\t_\t_
            12\tdog\tdog\tNOUN\tNN\t_\t6\tobl\t_\t_
            13\tquickly\tquickly\tADV\tRB\t_\t6\tadvmod\t_\tSpaceAfter=No
            14\t.\t.\tPUNCT\t.\t_\t6\tpunct\t_\t_

            """
        let set = try AnnotatedWords(path: directory.file("x.conllu", Array(text.utf8)), tag: .chunk)
        #expect(
            set.sentences[0].map(\.label) == [
                "B-NP", "I-NP", "I-NP", "I-NP", "B-VP", "I-VP", "B-PRT", "B-PP", "B-NP", "I-NP", "I-NP",
                "I-NP",
                "B-ADVP", "O",
            ])
        #expect(set.marksEntities)
    }
}
