import Crypto
import Foundation
import KindredEncoder
import KindredSystem
import KindredTensors
import KindredTestSupport
import SystemPackage
import Testing

@testable import KindredTraining

@Suite struct TrainerTests {
    @Test(arguments: [false, true])
    func `an interrupted and resumed run ends with the bytes of an uninterrupted one`(sentences: Bool) throws
    {
        let tiny = try TinyRun(sentences: sentences)
        let whole = try tiny.train("whole")
        #expect(whole.steps == 12 && !whole.stopped)
        // Stopped between checkpoints, and again; as after a crash, the log is longer than the checkpoint.
        #expect(try tiny.train("parts", stopAfter: 5).stopped)
        #expect(try tiny.train("parts", resume: true, stopAfter: 2).steps == 7)
        #expect(try tiny.train("parts", resume: true).resumedFrom == 7)
        #expect(try tiny.adapterBytes("parts") == tiny.adapterBytes("whole"))
        let log = tiny.run("parts").entries()
        #expect(log.map(\.step) == Array(1...12))
        #expect(log.map(\.loss) == tiny.run("whole").entries().map(\.loss))
        #expect(log[3].validationLoss != nil && log[4].validationLoss == nil)
    }

    @Test func `a resumed run may be longer or shorter than it was started`() throws {
        let tiny = try TinyRun()
        var options = tiny.options
        options.steps = 6
        try tiny.train("run", options)
        (options.steps, options.checkpointEvery) = (9, 2)
        let longer = try tiny.train("run", options, resume: true)
        #expect(longer.resumedFrom == 6 && longer.steps == 9)
        #expect(tiny.run("run").entries().map(\.step) == Array(1...9))
        let bytes = try tiny.adapterBytes("run")
        options.steps = 4
        // The checkpoint is past it: what it holds is the result.
        let shorter = try tiny.train("run", options, resume: true)
        #expect(shorter.steps == 9 && !shorter.stopped && shorter.result != nil)
        #expect(try tiny.adapterBytes("run") == bytes)
        options.batch = 5
        let error = #expect(throws: KindredError.self) { try tiny.train("run", options, resume: true) }
        #expect(error?.message.contains("batch") == true)
    }

    @Test(arguments: [false, true])
    func `what a stopped run's checkpoint holds is exported as the run would have ended there`(full: Bool)
        throws
    {
        let tiny = try TinyRun()
        var options = tiny.options
        (options.full, options.schedule) = (full, .constant)
        try tiny.train("stopped", options, stopAfter: 5)
        let out = tiny.directory.path.appending("out")
        #expect(try Trainer.export(tiny.run("stopped"), to: out) == 5)
        options.steps = 5
        let whole = try #require(tiny.train("whole", options).result)
        #expect(try TextEncoder(directory: out).fingerprint == TextEncoder(directory: whole).fingerprint)
        #expect(
            #expect(throws: KindredError.self) { try Trainer.export(tiny.run("stopped"), to: out) }?.code
                == .cannotCreate)
        let other = tiny.directory.path.appending("other")
        #expect(
            #expect(throws: KindredError.self) { try Trainer.export(tiny.run("none"), to: other) }?.code
                == .notFound)
        try FileManager.default.removeItem(
            atPath: tiny.run("stopped").path.appending("checkpoint.safetensors").string)
        #expect(
            #expect(throws: KindredError.self) { try Trainer.export(tiny.run("stopped"), to: other) }?.code
                == .notFound)
    }

    @Test(arguments: [false, true])
    func `the number of threads does not change a bit`(sentences: Bool) throws {
        let tiny = try TinyRun(sentences: sentences)
        try tiny.train("one", threads: 1)
        try tiny.train("two", threads: 2)
        #expect(try tiny.adapterBytes("one") == tiny.adapterBytes("two"))
    }

    @Test func `saving memory changes nothing but the memory`() throws {
        for sentences in [false, true] {
            let tiny = try TinyRun(sentences: sentences)
            var low = tiny.options
            low.savesMemory = true
            try tiny.train("normal")
            try tiny.train("low", low)
            let (a, b) = (tiny.run("normal").entries(), tiny.run("low").entries())
            #expect(zip(a, b).allSatisfy { abs($0.loss - $1.loss) < 1e-5 })
        }
    }

    @Test func `masked next token prediction learns, with an adapter and with all weights`() throws {
        let tiny = try TinyRun()
        for full in [false, true] {
            var options = tiny.options
            options.steps = 100
            options.full = full
            try tiny.train("full \(full)", options)
            let losses = tiny.run("full \(full)").entries().map(\.loss)
            let (first, last) = (losses.prefix(10).reduce(0, +) / 10, losses.suffix(10).reduce(0, +) / 10)
            #expect(last < first - 0.5)
        }
    }

    @Test func `an embedding trains at the rate it is given, and stays where that is nothing`() throws {
        let tiny = try TinyRun()
        var options = tiny.options
        (options.full, options.steps, options.warmup, options.dropout) = (true, 1, 0, 0)
        let (layout, before) = (
            ParameterLayout.decoder(tiny.model.shape), try DecoderWeights.load(tiny.model)
        )
        func moved(_ name: String, at factor: Float?) throws -> [Float] {
            let directory = "\(factor ?? 1)"
            if !tiny.run(directory).exists {
                options.embeddingRate = factor
                try tiny.train(directory, options)
            }
            let after = try DecoderWeights.load(ModelDirectory(tiny.run(directory).model))
            return layout[name].range.map { abs(after[$0] - before[$0]) }
        }
        let (embedding, query) = ("embed_tokens.weight", "layers.0.self_attn.q_proj.weight")
        #expect(try moved(embedding, at: 0).allSatisfy { $0 == 0 })
        #expect(try moved(query, at: 0).contains { $0 > 1e-3 })
        // The first step of Adam is as long as the rate, whatever the gradient.
        let (whole, half) = (try moved(embedding, at: nil).max()!, try moved(embedding, at: 0.5).max()!)
        #expect(whole > 1e-3 && abs(half / whole - 0.5) < 0.01)
        #expect(throws: KindredError.self) { try moved(embedding, at: -1) }
    }

    @Test func `accumulated batches are averaged`() throws {
        let tiny = try TinyRun()
        var twice = tiny.options
        (twice.batch, twice.accumulate, twice.dropout) = (3, 2, 0)
        var once = tiny.options
        once.dropout = 0
        // Every block predicts a like number of tokens, so the mean of means is near the mean.
        let (a, b) = (try tiny.train("twice", twice), try tiny.train("once", once))
        #expect(abs(a.firstLoss! - b.firstLoss!) < 0.3)
        #expect(a.tokens == b.tokens)
    }

    @Test func `what is trained encodes as the merged model and as base with adapter`() throws {
        let tiny = try TinyRun()
        let report = try tiny.train("run")
        let adapter = try #require(report.result)
        #expect(try ModelDirectory(adapter).usage.attention == .bidirectional)
        let stacked = try TextEncoder(directory: adapter)
        let trained = try ModelDirectory(adapter)
        let merged = tiny.directory.path.appending("merged")
        try MergedModel.write(
            DecoderWeights.load(trained), of: trained, usage: trained.usage, as: .f32, to: merged)
        let whole = try TextEncoder(directory: merged)
        #expect(stacked.fingerprint != whole.fingerprint)
        let base = try TextEncoder(directory: tiny.model.path)
        let texts = ["The queen of the hive", "x"]
        let (a, b, c) = (try stacked.encode(texts), try whole.encode(texts), try base.encode(texts))
        for row in 0..<2 {
            #expect(zip(a.row(row), b.row(row)).allSatisfy { abs($0 - $1) < 1e-5 })
            #expect(zip(a.row(row), c.row(row)).contains { abs($0 - $1) > 1e-3 })
        }
    }

    @Test func `a model of 8 bits encodes like the whole one and can be trained on`() throws {
        let tiny = try TinyRun()
        let small = tiny.directory.path.appending("small")
        let weights = try DecoderWeights.load(tiny.model)
        try MergedModel.write(weights, of: tiny.model, usage: tiny.model.usage, as: .i8, to: small)
        let model = try ModelDirectory(small)
        let (whole, encoder) = (
            try TextEncoder(directory: tiny.model.path), try TextEncoder(directory: small)
        )
        #expect(encoder.precision == .int8 && whole.precision == .float32)
        let texts = ["The queen of the hive", "x"]
        let (a, b) = (try whole.encode(texts), try encoder.encode(texts))
        let exact = try TextEncoder(directory: small, precision: .float32).encode(texts)
        for row in 0..<2 {
            #expect(zip(a.row(row), b.row(row)).reduce(Float(0)) { $0 + $1.0 * $1.1 } > 0.995)
            #expect(zip(exact.row(row), b.row(row)).reduce(Float(0)) { $0 + $1.0 * $1.1 } > 0.995)
        }
        // What was rounded once is not rounded again.
        let again = tiny.directory.path.appending("again")
        try MergedModel.write(
            DecoderWeights.load(model), of: model, usage: model.usage, as: .i8, to: again)
        #expect(try TextEncoder(directory: again).fingerprint == encoder.fingerprint)
        let trainer = try Trainer(
            model, examples: tiny.examples, options: tiny.options, maskToken: 9, sources: [],
            run: tiny.run("on-small"))
        #expect(try trainer.train(resume: false).result != nil)
    }

    @Test func `an embedding has 8 bits unless a row has an element far larger than its others`() throws {
        let tiny = try TinyRun()
        let weights = try DecoderWeights.load(tiny.model)
        let entry = ParameterLayout.decoder(tiny.model.shape)["embed_tokens.weight"]
        let columns = entry.shape[1]
        func written(_ name: String) throws -> (StoredTensor, targets: Int) {
            let path = tiny.directory.path.appending(name)
            try MergedModel.write(weights, of: tiny.model, usage: tiny.model.usage, as: .i8, to: path)
            let fields = try JSONFile.object(path.appending("config.json"))["quantization_config"]
            let groups = (fields as? [String: Any])?["config_groups"] as? [String: Any]
            return (
                try TensorFile(directory: path).tensor("embed_tokens.weight", shape: entry.shape),
                try #require(groups).count
            )
        }
        for column in 0..<columns { weights[entry.offset + column] = column % 2 == 0 ? 0.02 : -0.01 }
        weights[entry.offset] = 0.1
        let even = try written("even")
        #expect(even.0.precision == .i8 && even.targets == 2)
        let values = even.0.floats()
        #expect((0..<columns).allSatisfy { abs(values[$0] - weights[entry.offset + $0]) <= 0.1 / 254 + 1e-7 })
        #expect(SafetensorsWriter.bearsEightBits(Self.row(of: 400, largest: 5)) == false)
        #expect(SafetensorsWriter.bearsEightBits(Self.row(of: 400, largest: 0.5)))
    }

    /// A row of 0.1s with one other element.
    private static func row(of columns: Int, largest: Float) -> SafetensorsWriter.Tensor {
        let buffer = AlignedBuffer<Float>(repeating: 0.1, count: columns)
        buffer[columns / 2] = largest
        return .init(name: "embed_tokens.weight", shape: [1, columns], buffer: buffer, offset: 0)
    }

    @Test func `8 bits without their scales are refused by name`() throws {
        let tiny = try TinyRun()
        let small = tiny.directory.path.appending("small")
        try MergedModel.write(
            DecoderWeights.load(tiny.model), of: tiny.model, usage: tiny.model.usage, as: .i8, to: small)
        let path = URL(fileURLWithPath: small.appending("model.safetensors").string)
        var data = try Data(contentsOf: path)
        let name = try #require(data.range(of: Data("layers.0.mlp.down_proj.weight_scale".utf8)))
        data[name.upperBound - 1] = UInt8(ascii: "x")
        try data.write(to: path)
        let error = #expect(throws: KindredError.self) { try TextEncoder(directory: small) }
        #expect(
            error?.code == .invalidData
                && error?.message.contains("layers.0.mlp.down_proj.weight_scale") == true)
    }

    @Test func `a second stage is an adapter on the first`() throws {
        let tiny = try TinyRun()
        let first = try #require(tiny.train("first").result)
        let second = try #require(tiny.train("second", on: ModelDirectory(first)).result)
        let model = try ModelDirectory(second)
        #expect(model.adapters.map(\.directory.lastComponent?.string) == ["adapter", "adapter"])
        #expect(model.adapters.count == 2 && model.base == tiny.model.path)
    }

    @Test func `an adapter is refused where another model took the place of its base`() throws {
        let tiny = try TinyRun()
        let first = try #require(tiny.train("first").result)
        let second = try #require(tiny.train("second", on: ModelDirectory(first)).result)
        let weights = URL(fileURLWithPath: tiny.model.base.appending("model.safetensors").string)
        var bytes = try Data(contentsOf: weights)
        bytes[bytes.count - 1] ^= 1
        try bytes.write(to: weights)
        for adapter in [first, second] {
            let error = #expect(throws: KindredError.self) { try ModelDirectory(adapter) }
            #expect(error?.code == .incompatible)
            #expect(error?.message.contains("train the adapter again") == true)
        }
        bytes[bytes.count - 1] ^= 1
        try bytes.write(to: weights)
        #expect(try ModelDirectory(second).adapters.count == 2)
    }
}

@Suite struct TrainingErrorTests {
    @Test func `a run is neither overwritten nor resumed with other settings`() throws {
        let tiny = try TinyRun()
        try tiny.train("run", stopAfter: 2)
        let again = #expect(throws: KindredError.self) { try tiny.train("run") }
        #expect(again?.message.contains("--resume") == true)
        var other = tiny.options
        (other.learningRate, other.seed) = (1e-3, 7)
        let differs = #expect(throws: KindredError.self) { try tiny.train("run", other, resume: true) }
        #expect(differs?.message.contains("learning_rate was 0.005 and is 0.001") == true, "\(differs!)")
        #expect(differs?.message.contains("seed was 1 and is 7") == true)
        #expect(try tiny.train("run", resume: true).steps == 12)
    }

    @Test func `a loss that is not a number stops the run and keeps the last checkpoint`() throws {
        let tiny = try TinyRun()
        var wild = tiny.options
        (wild.learningRate, wild.clip, wild.warmup) = (1e30, 0, 0)
        wild.schedule = .constant
        wild.checkpointEvery = 1
        let error = #expect(throws: KindredError.self) { try tiny.train("run", wild) }
        #expect(error?.code == .invalidData && error?.message.contains("not finite at step") == true)
        #expect(FileManager.default.fileExists(atPath: tiny.run("run").checkpoint.string))
    }

    @Test func `the example whose loss is not a number is named`() throws {
        let tiny = try TinyRun(sentences: true)
        guard case .sentences(var sentences) = tiny.examples else { return }
        // A token that only one sentence has, with a row of the embedding that is not a number.
        sentences[11] = EncoderInput(tokens: [5, 1, 7], ownTokens: 1..<3)
        var options = tiny.options
        (options.steps, options.validation) = (40, 0)
        let run = tiny.run("run")
        let trainer = try Trainer(
            tiny.model, examples: .sentences(sentences), options: options, maskToken: nil,
            sources: [], run: run)
        let embedding = ParameterLayout.decoder(tiny.model.shape)["embed_tokens.weight"]
        trainer.decoder.weights[embedding.offset + 1 * tiny.model.shape.hiddenSize] = .nan
        let error = #expect(throws: KindredError.self) { try trainer.train(resume: false) }
        #expect(error?.message.contains("in example 11 (") == true, "\(error!)")
    }

    @Test func `weights that are no numbers are refused by the tensor's name`() throws {
        let tiny = try TinyRun()
        let weights = try DecoderWeights.load(tiny.model)
        let entry = ParameterLayout.decoder(tiny.model.shape)["layers.0.self_attn.q_proj.weight"]
        weights[entry.offset + 3] = .nan
        let broken = tiny.directory.path.appending("broken")
        try MergedModel.write(weights, of: tiny.model, usage: tiny.model.usage, as: .f32, to: broken)
        let error = #expect(throws: KindredError.self) { try DecoderWeights.load(ModelDirectory(broken)) }
        #expect(error?.code == .invalidData && error?.message.contains("layers.0.self_attn.q_proj") == true)
    }

    @Test func `a checkpoint with a flipped bit is refused, wherever it is`() throws {
        let tiny = try TinyRun()
        try tiny.train("run", stopAfter: 3)
        let path = tiny.run("run").checkpoint
        let whole = try [UInt8](Data(contentsOf: URL(fileURLWithPath: path.string)))
        let header = 8 + Int(whole[0]) + Int(whole[1]) << 8
        let step = try #require(whole.firstRange(of: Array("\"step\":\"".utf8))).upperBound
        for place in [step, header, (header + whole.count) / 2, whole.count - 1] {
            var damaged = whole
            damaged[place] ^= 1
            try Data(damaged).write(to: URL(fileURLWithPath: path.string))
            let error = #expect(throws: KindredError.self, "byte \(place)") {
                try tiny.train("run", resume: true)
            }
            #expect(error?.code == .invalidData && error?.location?.path == path.string)
        }
        try Data(whole).write(to: URL(fileURLWithPath: path.string))
        #expect(try tiny.train("run", resume: true).resumedFrom == 3)
    }

    @Test func `a directory with other files is no place for a run`() throws {
        let tiny = try TinyRun()
        let path = tiny.run("run").path
        try FileManager.default.createDirectory(atPath: path.string, withIntermediateDirectories: true)
        try Data([1]).write(to: URL(fileURLWithPath: path.appending("log.jsonl").string))
        let error = #expect(throws: KindredError.self) { try tiny.train("run") }
        #expect(error?.code == .cannotCreate && error?.message.contains("other files") == true)
        #expect(try path.entries() == ["log.jsonl"])
        try FileManager.default.moveItem(
            atPath: path.appending("log.jsonl").string,
            toPath: path.appending("training.json.kindred-0123456789abcdef.tmp").string)
        #expect(try tiny.train("run").steps == 12)
        #expect(try path.entries().contains { $0.hasSuffix(".tmp") } == false)
    }

    @Test func `contrast with fewer examples than a batch is refused`() throws {
        let tiny = try TinyRun(sentences: true)
        var options = tiny.options
        options.batch = 128
        let error = #expect(throws: KindredError.self) { try tiny.train("run", options) }
        #expect(error?.code == .invalidData && error?.message.contains("120") == false, "\(error!)")
        #expect(!tiny.run("run").exists)
    }

    @Test func `an adapter of another base is refused by module`() throws {
        let goldens = try TrainingGoldens("llama")
        let other = try TrainingGoldens("qwen3").model.shape
        let error = #expect(throws: KindredError.self) {
            try Adapter(directory: goldens.directory.appending("adapter"), for: other)
        }
        #expect(error?.message.contains("is for another base: layers.0.") == true, "\(error!)")
    }

    @Test func `a damaged checkpoint is told`() throws {
        let tiny = try TinyRun()
        try tiny.train("run", stopAfter: 2)
        let path = tiny.run("run").checkpoint.string
        let data = try Data(contentsOf: URL(fileURLWithPath: path))
        try data.prefix(data.count - 9).write(to: URL(fileURLWithPath: path))
        #expect(
            #expect(throws: KindredError.self) { try tiny.train("run", resume: true) }?.code == .invalidData)
    }

    @Test func `options that make no sense are refused`() throws {
        for change: (inout TrainingOptions) -> Void in [
            { $0.steps = 0 }, { $0.batch = 0 }, { $0.learningRate = -1 }, { $0.dropout = 1 },
            { $0.targets = ["x_proj"] },
            { $0.warmup = 100 }, { $0.maskShare = 0 },
        ] {
            let tiny = try TinyRun()
            var options = tiny.options
            change(&options)
            let error = #expect(throws: KindredError.self) { try tiny.train("run", options) }
            #expect(error?.code == .invalidRequest)
        }
    }
}

@Suite struct TrainingTextTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func documents(_ text: [UInt8]) throws -> [String] {
        let path = try directory.file("text", text)
        var found: [String] = []
        try TrainingText.forEachDocument(in: path.string) {
            found.append($0)
            return true
        }
        return found
    }

    @Test func `plain text is cut at empty lines, and marked documents at their marks`() throws {
        #expect(try documents(Array("a\nb\n\n\nc".utf8)) == ["a\nb", "c"])
        let marked =
            "<doc id=\"1\" url=\"\" title=\"T\">\nT\n\none\ntwo\n</doc>\n<doc id=\"2\">\nthree\n</doc>\n"
        #expect(try documents(Array(marked.utf8)) == ["T\none\ntwo", "three"])
        #expect(try documents([]).isEmpty)
    }

    @Test func `texts to train on are made as the result will encode them`() throws {
        let tiny = try TinyRun()
        var options = tiny.options
        options.pooling = EncoderConfiguration.Pooling.endOfSequence.rawValue
        let usage = options.usage(of: tiny.model)
        let collector = try ExampleCollector(tiny.model, usage: usage, maximumTokens: 16, limit: .max)
        let input = collector.input("The queen of the hive")
        #expect(input.tokens.last == tiny.model.shape.endToken)
        options.objective = .causal
        #expect(options.usage(of: tiny.model).attention == .causal && usage.attention == .bidirectional)
    }

    @Test func `a dump is read as its articles`() throws {
        let page =
            "<page><title>T</title><ns>0</ns><id>1</id><revision><id>1</id><text>'''Bold''' text.</text></revision></page>"
        let dump = "<mediawiki><siteinfo></siteinfo>\(page)</mediawiki>"
        #expect(try documents(Array(dump.utf8)) == ["Bold text."])
    }

    @Test func `bytes that are no UTF-8 are told with line and byte`() throws {
        let error = #expect(throws: KindredError.self) {
            try documents(Array("one\ntwo\n".utf8) + [0xFF, 0x0A])
        }
        #expect(error?.location?.line == 3 && error?.location?.byte == 8)
    }

    @Test func `pairs are JSON lines or tab-separated`() throws {
        let text = "{\"query\": \"q\", \"positive\": \"p\", \"negatives\": [\"n\"]}\nq2\tp2\tn2\tn3\n\n"
        let path = try directory.file("pairs", Array(text.utf8)).string
        var lines: [PairsFile.Line] = []
        try PairsFile.forEachLine(in: path) { lines.append($0) }
        #expect(lines.map(\.query) == ["q", "q2"] && lines.map(\.negatives) == [["n"], ["n2", "n3"]])
        for wrong in ["{\"query\": 1}", "only one", "{", "\t\t"] {
            let path = try directory.file("wrong", Array("q\tp\n\(wrong)x\n".utf8)).string
            let error = #expect(throws: KindredError.self) { try PairsFile.forEachLine(in: path) { _ in } }
            #expect(error?.location?.line == 2)
        }
    }

    @Test func `masking follows its shares and its seed`() {
        let masking = Masking(share: 0.2, masksAll: false, maskToken: 0, vocabularySize: 50)
        var random = TrainingRandom(seed: 1, .masking, 5)
        let block = (0..<20_000).map { Int32(100 + $0 % 7) }
        let example = masking.apply(to: block, &random)
        let share = Double(example.positions.count) / 20_000
        #expect(abs(share - 0.2) < 0.01 && !example.positions.contains(0))
        #expect(example.targets == example.positions.map { block[$0] })
        let masked = example.positions.count { example.tokens[$0] == 0 }
        let kept = example.positions.count { example.tokens[$0] == block[$0] }
        #expect(abs(Double(masked) / Double(example.positions.count) - 0.8) < 0.03)
        #expect(abs(Double(kept) / Double(example.positions.count) - 0.1) < 0.02)
        var same = TrainingRandom(seed: 1, .masking, 5)
        #expect(masking.apply(to: block, &same).positions == example.positions)
    }
}
