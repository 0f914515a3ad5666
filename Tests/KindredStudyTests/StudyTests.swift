import Foundation
import KindredEncoder
import KindredSystem
import KindredTensors
import KindredTestSupport
import SystemPackage
import Testing

@testable import KindredStudy

#if canImport(FoundationXML)
    import FoundationXML
#endif

@Suite struct StudyTests {
    private let directory: TemporaryDirectory
    private let model: FilePath
    private let data: FilePath

    init() throws {
        directory = try TemporaryDirectory()
        let tests = FilePath(#filePath).removingLastComponent().removingLastComponent()
        let fixtures = tests.appending("KindredEncoderTests").appending("Fixtures")
        model = directory.path.appending("model")
        try FileManager.default.copyItem(
            atPath: fixtures.appending("llama").string, toPath: model.string)
        try FileManager.default.copyItem(
            atPath: fixtures.appending("tokenizer.json").string,
            toPath: model.appending("tokenizer.json").string)
        data = directory.path.appending("data")
        try Self.write(data)
    }

    /// A small set of each kind.
    private static func write(_ data: FilePath) throws {
        func write(_ name: String, _ text: String) throws {
            let path = data.appending(name)
            try FileManager.default.createDirectory(
                atPath: path.removingLastComponent().string, withIntermediateDirectories: true)
            try Data(text.utf8).write(to: URL(fileURLWithPath: path.string))
        }
        let words = ["tide", "bees", "river", "stone", "flower", "king", "boat", "rain"]
        func sentence(_ number: Int) -> String {
            "the \(words[number % 8]) is near the \(words[(number / 3) % 8]) and the \(words[(number / 5) % 8])"
        }
        try write(
            "sts/small.tsv",
            (0..<24).map { "\(Double($0 % 6))\t\(sentence($0))\t\(sentence($0 + $0 % 6))\n" }.joined())
        try write(
            "retrieval/small/corpus.jsonl",
            (0..<30).map { index in
                let text = (0..<8).map { sentence(index + $0) }.joined(separator: ", ")
                return "{\"_id\":\"d\(index)\",\"title\":\"\(words[index % 8])\",\"text\":\"\(text)\"}\n"
            }.joined())
        try write(
            "retrieval/small/queries.jsonl",
            (0..<6).map { "{\"_id\":\"q\($0)\",\"text\":\"\(sentence($0))\"}\n" }.joined())
        try write(
            "retrieval/small/qrels/test.tsv",
            "query-id\tcorpus-id\tscore\n" + (0..<6).map { "q\($0)\td\($0)\t1\n" }.joined())
        for part in ["train", "test"] {
            try write(
                "classification/small/\(part).tsv",
                (0..<24).map { "\($0 % 2 == 0 ? "even" : "odd")\t\(sentence($0))\n" }.joined())
            try write(
                "word/small/\(part).conllu",
                (0..<8).map { index in
                    "1\tthe\tthe\tDET\tDT\t_\t2\tdet\t_\t_\n2\t\(words[index])\tx\tNOUN\tNN\t_\t3\tnsubj\t_\t_\n"
                        + "3\tis\tbe\tVERB\tVB\t_\t0\troot\t_\t_\n\n"
                }.joined())
        }
        let texts = (0..<12).map { "\"\(sentence($0))\"" }.joined(separator: ",")
        let labels = (0..<12).map { "\($0 % 3)" }.joined(separator: ",")
        try write("clustering/small.jsonl", "{\"sentences\":[\(texts)],\"labels\":[\(labels)]}\n")
        try write(
            "reranking/small.jsonl",
            "{\"query\":\"the tide\",\"positive\":[\"the tide is near\"],\"negative\":[\"a king\",\"rain\"]}\n"
        )
        try write(
            "pair-classification/small.jsonl",
            (0..<8).map {
                "{\"sent1\":\"\(sentence($0))\",\"sent2\":\"\(sentence($0 * 2))\",\"labels\":\($0 % 2)}\n"
            }
            .joined())
    }

    private func options() -> Study.Options {
        var options = Study.Options(
            stages: [
                .init(name: "Uni", model: model.string, attention: .causal),
                .init(name: "Bi", model: model.string, attention: .bidirectional),
            ], data: data.string)
        options.rivals = [.init(name: "word vectors", model: model.string, attention: .causal, layers: 0)]
        options.checkpoints = [
            .init(name: "50 steps", model: model.string, attention: .bidirectional, predictsNext: true)
        ]
        options.limit = 20
        return options
    }

    private func text(_ file: String) throws -> String {
        try String(contentsOfFile: directory.path.appending("study").appending(file).string, encoding: .utf8)
    }

    @Test func `a study measures every part and draws it`() throws {
        let study = try Study(options(), in: directory.path.appending("study"), resume: false)
        try study.run(Study.Part.allCases)
        try StudyReport(study).write()
        let report = try text("report.md")
        for section in [
            "Stages and pooling", "Words", "Sentences", "Echo", "What follows a sentence",
            "Causal and bidirectional states", "Steps of MNTP",
        ] {
            #expect(report.contains("## \(section)"), "\(section)")
        }
        // Every kind has a figure for every model, and no measure is missing.
        #expect(study.results["sentences/Bi/mean/clustering/small"]?.count == 1)
        #expect(report.contains("| clustering: small | v-measure |") && report.contains("BM25"))
        for name in ["stages", "words", "context", "layers-bi", "steps"] {
            #expect(report.contains("(\(name).svg)"))
            let parser = XMLParser(data: Data(try text(name + ".svg").utf8))
            #expect(parser.parse(), "\(name)")
        }
        let json = try JSONSerialization.jsonObject(with: Data(text("report.json").utf8)) as? [String: Any]
        #expect((json?["results"] as? [String: Any])?.count == study.results.all.count)
        // What follows a sentence does not matter to causal states, and does to others.
        #expect(study.results["context/Uni/minus"]?.allSatisfy { $0 > 0.99999 } == true)
        #expect(study.results["context/Bi/minus"]?.contains { $0 < 0.9999 } == true)
        // Before the first block there is no attention.
        #expect(study.results["layers/Bi/0"]?.allSatisfy { $0 > 0.99999 } == true)
        #expect(study.results["layers/Bi/2"]?.contains { $0 < 0.9999 } == true)
    }

    @Test func `a stopped study goes on where it was, and is not mixed with another`() throws {
        let place = directory.path.appending("study")
        struct Stop: Error {}
        var left = 5
        let stopped = try Study(options(), in: place, resume: false) { _ in
            left -= 1
            if left < 0 { throw Stop() }
        }
        #expect(throws: Stop.self) { try stopped.run([.sentences]) }
        let known = stopped.results.all
        #expect(known.count == 5)
        // A last line that was cut off is no result.
        let file = place.appending("results.jsonl").string
        try (try String(contentsOfFile: file, encoding: .utf8) + "{\"key\":\"sentences/Uni/mean/")
            .write(toFile: file, atomically: true, encoding: .utf8)
        #expect(throws: KindredError.self) { try Study(options(), in: place, resume: false) }
        var announced = 0
        let resumed = try Study(options(), in: place, resume: true) { _ in announced += 1 }
        try resumed.run([.sentences])
        #expect(known.allSatisfy { resumed.results[$0.key] == $0.value })
        #expect(announced == resumed.results.all.count - 5)
        var other = options()
        other.limit = 21
        #expect(throws: KindredError.self) { try Study(other, in: place, resume: true) }
    }

    @Test func `data sets are told apart by where they lie`() throws {
        let data = try StudyData(directory: data)
        #expect(
            data.sentenceTasks.map(\.kind) == [
                .similarity, .retrieval, .reranking, .clustering, .pairClassification, .classification,
            ])
        #expect(data.wordTasks.map(\.kind) == [.partsOfSpeech, .chunks])
        #expect(data.missingPaperTasks.count == 15)
        #expect(throws: KindredError.self) { try StudyData(directory: model) }
        #expect(throws: KindredError.self) { try StudyData(directory: "/nowhere") }
    }

    @Test func `quantiles and ticks are those of a reader's ruler`() {
        #expect(Chart.quantile([1, 2, 3, 4], 0.5) == 2.5 && Chart.quantile([5], 0.25) == 5)
        #expect(Chart.ticks(from: 0, to: 1).count == 6 && Chart.ticks(from: 0, to: 100).last == 100)
        #expect(Chart.ticks(from: 0.12, to: 0.34).allSatisfy { $0 >= 0.12 && $0 <= 0.34 + 1e-9 })
    }
}
