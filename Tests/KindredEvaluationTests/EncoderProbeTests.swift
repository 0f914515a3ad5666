import Foundation
import KindredEncoder
import KindredSystem
import KindredTensors
import KindredTestSupport
import SystemPackage
import Testing

@testable import KindredEvaluation

/// The tiny random decoder of KindredEncoderTests.
private struct TinyModel {
    let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
        let fixtures = FilePath(#filePath).removingLastComponent().removingLastComponent()
            .appending("KindredEncoderTests").appending("Fixtures")
        let files = [
            "config.json": fixtures.appending("llama").appending("config.json"),
            "model.safetensors": fixtures.appending("llama").appending("model.safetensors"),
            "tokenizer.json": fixtures.appending("tokenizer.json"),
        ]
        for (name, source) in files {
            try FileManager.default.copyItem(
                atPath: source.string, toPath: directory.path.appending(name).string)
        }
    }

    func encoder(attention: EncoderConfiguration.Attention = .bidirectional) throws -> TextEncoder {
        var model = try ModelDirectory(directory.path)
        model.usage.attention = attention
        return try TextEncoder(model)
    }
}

@Suite struct TextVectorsTests {
    @Test func `a text that occurs again is encoded once, and every row is its text's`() throws {
        let model = try TinyModel()
        let encoder = try model.encoder()
        let texts = ["a hive", "The queen of the hive", "a hive", "", "na\u{EF}ve", "nai\u{308}ve"]
        let told = Told()
        let vectors = try TextVectors(encoder) { told.last = $0.done * 100 + $0.total }.encode(texts)
        #expect(told.last == 505)
        for (row, text) in texts.enumerated() {
            let alone = try encoder.encode([text]).row(0)
            #expect(zip(vectors.row(row), alone).allSatisfy { abs($0 - $1) < 1e-6 })
        }
        let instructed = try TextVectors(encoder).encode(["a hive"], instruction: "Find: ").row(0)
        #expect(zip(instructed, vectors.row(0)).contains { abs($0 - $1) > 1e-4 })
    }

    private final class Told: @unchecked Sendable { var last = 0 }
}

@Suite struct WordProbeTests {
    private func words(_ texts: String...) -> [AnnotatedWords.Word] {
        texts.enumerated().map { .init(text: $1, label: "L\($0)", followsSpace: $0 > 0) }
    }

    @Test(arguments: [EncoderConfiguration.Attention.causal, .bidirectional])
    func `a word is the mean of its tokens' states, or of those one position earlier`(
        attention: EncoderConfiguration.Attention
    ) throws {
        let model = try TinyModel()
        let encoder = try model.encoder(attention: attention)
        let sentence = words("Photosynthesis", "is", "green", ".")
        let (tokens, ranges) = encoder.input(forWords: ["Photosynthesis", " is", " green", " ."])
        #expect(tokens == encoder.input(for: "Photosynthesis is green .").tokens)
        #expect(try #require(ranges[0]).count > 1 && ranges[0]?.lowerBound == 1)
        let states = try #require(try encoder.hiddenStates([tokens]).first)
        for (alignment, shift) in [(WordProbe.Alignment.own, 0), (.previous, 1)] {
            let found = try WordProbe.words([sentence], by: encoder, alignment: alignment)
            #expect(found.labels == ["L0", "L1", "L2", "L3"] && found.leftOut == 0)
            for (row, range) in ranges.enumerated() {
                let range = try #require(range)
                for column in 0..<states.columns {
                    let mean = range.reduce(Float(0)) { $0 + states[$1 - shift, column] } / Float(range.count)
                    #expect(abs(found.states[row, column] - mean) < 1e-5)
                }
            }
        }
    }

    @Test func `sentences keep their order and words past the maximum are counted`() throws {
        let model = try TinyModel()
        let encoder = try model.encoder()
        let long = (0..<200).map {
            AnnotatedWords.Word(text: "word", label: "W\($0)", followsSpace: $0 > 0)
        }
        let found = try WordProbe.words(
            [words("one"), long, words("two", "more")], by: encoder, alignment: .previous)
        #expect(found.leftOut > 0 && found.leftOut == 203 - found.labels.count)
        #expect(found.labels.first == "L0" && found.labels.suffix(2) == ["L0", "L1"])
        #expect(
            found.sentences.first == 0..<1
                && found.sentences.last == found.labels.count - 2..<found.labels.count)
        let alone = try WordProbe.words([words("two", "more")], by: encoder, alignment: .previous)
        for column in 0..<encoder.dimensions {
            #expect(abs(found.states[found.labels.count - 1, column] - alone.states[1, column]) < 1e-5)
        }
    }

    @Test func `a probe tells words apart by what they are`() throws {
        let model = try TinyModel()
        let encoder = try model.encoder()
        // Words of one token each with one label, so that a word's own state tells it and no earlier one does.
        let lexicon = [
            ("water", "B-thing"), ("machine", "B-thing"), ("without", "O"), ("through", "O"),
            ("China", "B-place"), ("Europe", "B-place"),
        ]
        var generator = SeededGenerator(seed: 4)
        let sentences = (0..<120).map { _ in
            (0..<6).map { _ in
                let (text, label) = lexicon.randomElement(using: &generator)!
                return AnnotatedWords.Word(text: text, label: label, followsSpace: true)
            }
        }
        let training = try WordProbe.words(Array(sentences[..<90]), by: encoder, alignment: .own)
        let test = try WordProbe.words(Array(sentences[90...]), by: encoder, alignment: .own)
        let result = try WordProbe.probe(training: training, test: test, marksEntities: true)
        #expect(result.measures.accuracy > 0.95)
        #expect(try #require(result.entities).f1 > 0.9)
        // One position earlier, causal attention has seen nothing of the word.
        let causal = try model.encoder(attention: .causal)
        let blind = try WordProbe.probe(
            training: WordProbe.words(Array(sentences[..<90]), by: causal, alignment: .previous),
            test: WordProbe.words(Array(sentences[90...]), by: causal, alignment: .previous),
            marksEntities: true)
        #expect(blind.measures.accuracy < 0.6)
    }

    @Test func `labels that are all the same are refused`() throws {
        let model = try TinyModel()
        let found = try WordProbe.words([words("one")], by: model.encoder(), alignment: .own)
        #expect(throws: KindredError.self) {
            try WordProbe.probe(training: found, test: found, marksEntities: false)
        }
    }
}
