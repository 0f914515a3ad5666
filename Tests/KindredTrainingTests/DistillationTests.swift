import Foundation
import KindredEncoder
import KindredSystem
import KindredTensors
import KindredTestSupport
import SystemPackage
import Testing

@testable import KindredTraining

@Suite struct LinearMapTests {
    @Test(arguments: [NumberFormat.f32, .i8])
    func `a linear map stays with a model that is trained on and merged`(precision: NumberFormat)
        throws
    {
        let tiny = try TinyRun(sentences: true)
        let weights = AlignedBuffer((0..<160).map { Float(($0 * 37) % 23 - 11) / 20 })
        try Dense.write(
            .init(inputs: 32, outputs: 5), weight: (weights, 0), bias: nil,
            to: tiny.model.path.appending(Dense.directory))
        let base = try ModelDirectory(tiny.model.path)
        let adapter = try ModelDirectory(#require(tiny.train("adapter", on: base).result))
        #expect(adapter.dimensions == 5)
        let merged = tiny.directory.path.appending("merged")
        try MergedModel.write(
            DecoderWeights.load(adapter), of: adapter, usage: adapter.usage, as: precision, to: merged)
        let whole = try ModelDirectory(merged)
        #expect(try #require(whole.dense).weight.precision == .f32)
        let (a, b) = (
            try TextEncoder(adapter).encode(["a hive"]).row(0),
            try TextEncoder(whole).encode(["a hive"]).row(0)
        )
        #expect(zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } > 0.995)
        var options = tiny.options
        (options.full, options.dropout) = (true, 0)
        let full = try ModelDirectory(#require(tiny.train("full", options, on: base).result))
        // With all weights the map is trained too.
        let moved = zip(try #require(full.dense).weight.floats().array(), weights.array()).map {
            abs($0 - $1)
        }
        #expect(moved.contains { $0 > 1e-4 })
        // Another map in the base's place is another base.
        try Dense.write(
            .init(inputs: 32, outputs: 5), weight: (AlignedBuffer(weights.array().reversed()), 0), bias: nil,
            to: tiny.model.path.appending(Dense.directory))
        let other = #expect(throws: KindredError.self) { try ModelDirectory(adapter.path) }
        #expect(other?.code == .incompatible)
    }
}

/// Arrays as NumPy writes them; Float16 is not there on every platform that Kindred runs on.
private func array(_ rows: [[Float]], half: Bool = false, columns: Int? = nil) -> [UInt8] {
    var header = "{'descr': '\(half ? "<f2" : "<f4")', 'fortran_order': False, "
    header += "'shape': (\(rows.count), \(columns ?? rows[0].count)), }"
    header += String(repeating: " ", count: 117 - header.utf8.count) + "\n"
    let data = rows.joined().flatMap { value -> [UInt8] in
        let bits = value.bitPattern
        guard half else { return (0..<4).map { UInt8(truncatingIfNeeded: bits >> (8 * $0)) } }
        // Enough for numbers whose fraction fits: sign, exponent less 112, upper ten bits of the fraction.
        let magnitude = value == 0 ? 0 : (bits >> 13 & 0x3FFFF) - (112 << 10)
        let short = UInt16(truncatingIfNeeded: bits >> 16 & 0x8000 | magnitude)
        return [UInt8(truncatingIfNeeded: short), UInt8(truncatingIfNeeded: short >> 8)]
    }
    return [0x93] + Array("NUMPY".utf8) + [1, 0, 118, 0] + Array(header.utf8) + data
}

@Suite struct TargetVectorsTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func refusal(_ files: [[UInt8]], texts: [Int]) throws -> KindredError {
        let paths = try files.enumerated().map { try directory.file("v\($0).npy", $1) }
        return try #require(
            #expect(throws: KindredError.self) {
                try TargetVectors(paths, texts: texts.enumerated().map { ($1, "t\($0).txt") })
            })
    }

    @Test func `files of 16 and 32 bits follow each other, and rows have length 1`() throws {
        let wide = try directory.file("a.npy", array([[3, 4, 0], [0, 0, -2]]))
        let half = try directory.file("b.npy", array([[0.5, 0, 0]], half: true))
        let targets = try TargetVectors([wide, half], texts: [(2, "a"), (1, "b")])
        #expect(targets.count == 3 && targets.dimensions == 3)
        let units = targets.units([2, 0, 1])
        #expect(units.row(0) == [1, 0, 0] && units.row(1) == [0.6, 0.8, 0] && units.row(2) == [0, 0, -1])
        let others = try TargetVectors([half, wide], texts: [(1, "b"), (2, "a")])
        #expect(others.fingerprint != targets.fingerprint)
    }

    @Test func `another number of rows than of texts is told with both counts`() throws {
        let error = try refusal([array([[1, 2], [3, 4]])], texts: [3])
        #expect(error.code == .invalidData && error.message.contains("2 rows, and t0.txt has 3 texts"))
        #expect(error.location?.path.hasSuffix("v0.npy") == true)
    }

    @Test(arguments: [(Float.nan, "not finite"), (.infinity, "not finite"), (0, "zero")])
    func `a row without a direction is named`(value: Float, word: String) throws {
        let error = try refusal([array([[1, 2], [3, 4], [value, 0]])], texts: [3])
        #expect(error.code == .invalidData && error.message.contains("row 2 (counted from 0)"))
        #expect(error.message.contains(word) && error.location?.byte == 128 + 16)
    }

    @Test func `vectors of another width than the first file's are refused`() throws {
        let error = try refusal([array([[1, 2]]), array([[1, 2, 3]])], texts: [1, 1])
        #expect(error.code == .invalidData && error.message.contains("of 3 dimensions"))
    }

    @Test func `a file that is cut short at any byte is refused`() throws {
        let whole = array([[1, 2], [3, 4]])
        for count in 0..<whole.count {
            #expect(try refusal([Array(whole[..<count])], texts: [2]).code == .invalidData)
        }
        #expect(try refusal([whole + [0]], texts: [2]).code == .invalidData)
        // Truncated and no array at all.
        #expect(try refusal([array([], columns: 4)], texts: [1]).message.contains("0 rows"))
    }
}

@Suite struct DistillationTests {
    /// Vectors that a linear function of a text's tokens gives, so that there is something to learn.
    private func distillation(_ tiny: TinyRun, dimensions: Int = 6) throws -> TrainingExamples {
        guard case .sentences(let sentences) = tiny.examples else { throw CancellationError() }
        let rows = sentences.map { input in
            (0..<dimensions).map { column in
                input.tokens[input.ownTokens].reduce(Float(0)) { sum, token in
                    sum + sin(Float(token) * Float(column + 1))
                }
            }
        }
        let path = try tiny.directory.file("targets\(dimensions).npy", array(rows))
        return .distillation(sentences, try TargetVectors([path], texts: [(sentences.count, "texts")]))
    }

    private func options(_ tiny: TinyRun) -> TrainingOptions {
        var options = TrainingOptions(objective: .distill)
        (options.steps, options.batch, options.length, options.rank) = (12, 6, 16, 4)
        (options.learningRate, options.warmup) = (5e-3, 2)
        (options.checkpointEvery, options.validateEvery, options.validation) = (3, 4, 2)
        options.distillation?.relational = 0.5
        return options
    }

    @discardableResult
    private func train(
        _ tiny: TinyRun, _ name: String, _ options: TrainingOptions, _ examples: TrainingExamples,
        on model: ModelDirectory? = nil, resume: Bool = false, threads: Int = 2, stopAfter: Int? = nil
    ) throws -> TrainingReport {
        let trainer = try Trainer(
            model ?? tiny.model, examples: examples, options: options, maskToken: nil, sources: [],
            run: tiny.run(name), threads: threads)
        var steps = 0
        return try trainer.train(
            resume: resume, shouldStop: { stopAfter.map { steps >= $0 } ?? false },
            progress: { _ in steps += 1 })
    }

    private func bytes(_ directory: FilePath) throws -> [Data] {
        try FileManager.default.subpathsOfDirectory(atPath: directory.string).sorted()
            .filter { $0.hasSuffix(".safetensors") }
            .map { try Data(contentsOf: URL(fileURLWithPath: directory.appending($0).string)) }
    }

    @Test(arguments: [false, true])
    func `an interrupted run ends with the bytes of a whole one, for any number of threads`(full: Bool) throws
    {
        let tiny = try TinyRun(sentences: true)
        let examples = try distillation(tiny)
        var options = options(tiny)
        options.full = full
        let whole = try train(tiny, "whole", options, examples, threads: 1)
        #expect(try train(tiny, "parts", options, examples, stopAfter: 5).stopped)
        let parts = try train(tiny, "parts", options, examples, resume: true)
        let (a, b) = (try bytes(#require(whole.result)), try bytes(#require(parts.result)))
        #expect(a.count == 2 && a == b)
        let log = tiny.run("parts").entries()
        #expect(log.map(\.loss) == tiny.run("whole").entries().map(\.loss))
        #expect(log[3].validationCosine == parts.validationCosine || log[3].validationCosine != nil)
    }

    @Test(arguments: [DistillationOptions.Loss.cosine, .mse], [false, true])
    func `the student comes closer to its teacher, and encodes through the map it learned`(
        loss: DistillationOptions.Loss, full: Bool
    ) throws {
        let tiny = try TinyRun(sentences: true)
        let examples = try distillation(tiny)
        var options = options(tiny)
        (options.full, options.steps, options.batch) = (full, 60, 24)
        options.distillation?.loss = loss
        options.distillation?.relational = 0
        let report = try train(tiny, "run", options, examples)
        let log = tiny.run("run").entries()
        #expect(log.last!.loss < 0.8 * log.first!.loss)
        #expect(report.validationCosine == log.last?.validationCosine && report.validationCosine != nil)
        let model = try ModelDirectory(#require(report.result))
        #expect(model.dimensions == 6 && model.shape.hiddenSize == 32)
        #expect(model.adapters.count == (full ? 0 : 1))
        #expect(try TextEncoder(model).encode(["a hive"]).columns == 6)
    }

    @Test func `a map that is there is trained on, and one that does not fit is refused`() throws {
        let tiny = try TinyRun(sentences: true)
        let (six, five) = (try distillation(tiny), try distillation(tiny, dimensions: 5))
        let options = options(tiny)
        let first = try ModelDirectory(#require(train(tiny, "first", options, six).result))
        let second = try ModelDirectory(#require(train(tiny, "second", options, six, on: first).result))
        let (a, b) = (try #require(first.dense), try #require(second.dense))
        let moved = zip(a.weight.floats().array(), b.weight.floats().array()).map { abs($0 - $1) }
        #expect(moved.max()! > 1e-4 && moved.max()! < 0.1)
        let width = #expect(throws: KindredError.self) {
            try train(tiny, "third", options, five, on: first)
        }
        #expect(width?.message.contains("targets have 5 dimensions") == true, "\(width!)")
        var bare = options
        bare.distillation?.map = false
        for (examples, model) in [(six, first), (six, tiny.model)] {
            let error = #expect(throws: KindredError.self) {
                try train(tiny, "fourth", bare, examples, on: model)
            }
            #expect(error?.code == .invalidRequest && error?.message.contains("--no-map") == true)
        }
        let same = try distillation(tiny, dimensions: 32)
        let unmapped = try ModelDirectory(#require(train(tiny, "fifth", bare, same).result))
        #expect(unmapped.dense == nil && unmapped.dimensions == 32)
    }

    @Test func `other vectors than the run was begun with are refused`() throws {
        let tiny = try TinyRun(sentences: true)
        let options = options(tiny)
        try train(tiny, "run", options, distillation(tiny), stopAfter: 2)
        guard case .sentences(let sentences) = tiny.examples else { return }
        let path = try tiny.directory.file(
            "others.npy", array(sentences.map { [Float($0.tokens[0]), 1, 0, 0, 0, 0] }))
        let others = TrainingExamples.distillation(
            sentences, try TargetVectors([path], texts: [(sentences.count, "texts")]))
        let error = #expect(throws: KindredError.self) {
            try train(tiny, "run", options, others, resume: true)
        }
        #expect(error?.message.contains("data_fingerprint") == true)
    }

    @Test func `texts longer than the student reads are counted`() throws {
        let tiny = try TinyRun()
        let collector = try ExampleCollector(
            tiny.model, usage: tiny.model.usage, maximumTokens: 5, limit: .max)
        let texts = ["bees", "a much longer text about bees and their hives"].map { collector.input($0) }
        #expect(texts.map(\.isCut) == [false, true])
        #expect(TrainingExamples.sentences(texts).cutTexts == 1)
    }
}

@Suite struct ScoredPairsTests {
    @Test func `pairs with scores are trained on their distribution`() throws {
        let tiny = try TinyRun(sentences: true)
        guard case .sentences(let texts) = tiny.examples else { return }
        let pairs = (0..<30).map { index in
            TrainingExamples.Pair(
                query: texts[4 * index], positive: texts[4 * index + 1],
                negatives: [texts[4 * index + 2], texts[4 * index + 3]], scores: [0.9, 0.5, 0.1])
        }
        var options = tiny.options
        (options.objective, options.steps, options.attentionDropout, options.validation) = (.pairs, 40, 0, 0)
        let trainer = try Trainer(
            tiny.model, examples: .pairs(pairs), options: options, maskToken: nil, sources: [],
            run: tiny.run("run"))
        let report = try trainer.train(resume: false)
        #expect(report.lastLoss! < 0.5 * report.firstLoss!)
    }

    @Test func `scores are read with their pair, and others are refused with the line`() throws {
        let directory = try TemporaryDirectory()
        func pair(_ scores: String) -> String {
            "{\"query\": \"q\", \"positive\": \"p\", \"negatives\": [\"n\", \"m\"], \"scores\": \(scores)}"
        }
        var lines: [PairsFile.Line] = []
        let good = try directory.file("good", Array((pair("[1, 0.5, -2e-1]") + "\nq\tp\n").utf8))
        try PairsFile.forEachLine(in: good.string) { lines.append($0) }
        #expect(lines.map(\.scores) == [[1, 0.5, -0.2], nil] && lines.map(\.number) == [1, 2])
        for wrong in [
            "[1, 0.5]", "[]", "[1, 2, 3, 4]", "[1, 2, \"x\"]", "1", "[1, 2, null]", "[1, 2, 1e999]",
        ] {
            let path = try directory.file("wrong", Array(("q\tp\n" + pair(wrong)).utf8))
            let error = #expect(throws: KindredError.self) {
                try PairsFile.forEachLine(in: path.string) { _ in }
            }
            #expect(error?.code == .invalidData && error?.location?.line == 2, "\(wrong)")
        }
    }
}
