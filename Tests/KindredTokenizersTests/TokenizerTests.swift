import Foundation
import KindredSystem
import KindredTestSupport
import SystemPackage
import Testing

@testable import KindredTokenizers

@Suite struct TokenizerTests {
    private struct Golden: Decodable {
        let text: String
        let ids: [Int32]
        let bare: [Int32]
        let decoded: String
    }

    @Test(arguments: ["gpt2", "prefix-space", "llama3", "uncased", "digits", "numbers", "added"])
    func `ids and decoded text are those of the tokenizers library`(name: String) throws {
        let directory = Fixtures.directory()
        let tokenizer = try Tokenizer(path: directory.appending("\(name).json"))
        let data = try Data(
            contentsOf: URL(fileURLWithPath: directory.appending("\(name).goldens.json").string))
        let goldens = try JSONDecoder().decode([Golden].self, from: data)
        #expect(goldens.count > 30)
        for golden in goldens {
            #expect(tokenizer.encode(golden.text) == golden.ids, "\(golden.text.debugDescription)")
            #expect(tokenizer.encode(golden.text, addSpecialTokens: false) == golden.bare)
            #expect(
                Array(tokenizer.decode(golden.ids).unicodeScalars) == Array(golden.decoded.unicodeScalars),
                "\(golden.text.debugDescription)")
        }
    }

    @Test func `a word of ten thousand letters takes the queue and gives what the scan gives`() throws {
        let tokenizer = try Tokenizer(path: Fixtures.directory().appending("gpt2.json"))
        // Pieces that no merge crosses, because letters and digits are different words.
        let short = String(repeating: "thequeenofthehive", count: 2)
        let long = Array(repeating: short, count: 300).joined(separator: "1")
        let one = tokenizer.encode(short, addSpecialTokens: false)
        let digit = tokenizer.encode("1", addSpecialTokens: false)
        let expected = Array(Array(repeating: one, count: 300).joined(separator: digit))
        #expect(tokenizer.encode(long, addSpecialTokens: false) == expected)
        let run = String(repeating: "ab", count: 5000)
        #expect(tokenizer.decode(tokenizer.encode(run)) == run)
    }

    @Test func `canonically equal tokens stay two`() throws {
        let composed = "\u{E9}"
        let decomposed = "e\u{301}"
        let json = try JSONBytes(parsing: Array("{\"\(composed)\": 1, \"\(decomposed)\": 2}".utf8), path: "x")
        guard case .object(let members) = json else { throw CancellationError() }
        #expect(Set(members.map(\.key)).count == 2)
    }

    @Test(arguments: [
        #"{"model": {"type": "WordPiece", "vocab": {}}}"#,
        #"{"model": {"type": "BPE", "vocab": {"a": 0}, "merges": ["a b"]}}"#,
        #"{"model": {"type": "BPE", "vocab": {"a": -1}, "merges": []}}"#,
        #"{"model": {"type": "BPE", "vocab": {"a": 99999999999999}, "merges": []}}"#,
        #"{"model": {"type": "BPE", "vocab": {}, "merges": []}, "pre_tokenizer": {"type": "UnicodeScripts"}}"#,
        #"{"model": {"type": "BPE", "vocab": {}, "merges": []}, "pre_tokenizer": {"type": "Metaspace", "prepend_scheme": "last"}}"#,
        #"{"model": {"type": "BPE", "vocab": {}, "merges": []}, "pre_tokenizer": {"type": "Split", "pattern": {"Regex": "("}, "behavior": "Isolated"}}"#,
        #"{"model": {"type": "BPE", "vocab": {}, "merges": []}, "pre_tokenizer": {"type": "Split", "pattern": {"Regex": "\\h"}, "behavior": "Isolated"}}"#,
        #"{"model": {"type": "BPE", "vocab": {}, "merges": []}, "normalizer": {"type": "Precompiled", "precompiled_charsmap": "AAAA"}}"#,
        #"{"model": {"type": "BPE", "vocab": {}, "merges": []}, "normalizer": {"type": "ByteLevel"}}"#,
        #"{"model": {"type": "Unigram", "vocab": [["a", 0]], "unk_id": 1}}"#,
        #"{"model": {"type": "Unigram", "vocab": [["a"]]}}"#,
        #"{"model": {"type": "WordPiece", "vocab": {"a": 0}, "unk_token": "[UNK]"}}"#,
        #"{"model": {"type": "WordLevel", "vocab": {"a": 0}}, "pre_tokenizer": {"type": "ByteLevel"}}"#,
        #"{"model": {"type": "WordLevel", "vocab": {"a": 0}}, "post_processor": {"type": "BertProcessing"}}"#,
        #"{"model": {"type": "BPE", "vocab": {"a": 0}, "merges": [], "dropout": 0.1}, "pre_tokenizer": {"type": "ByteLevel"}}"#,
        #"{"model": {"type": "BPE", "vocab": {"a": 0}, "merges": [], "unk_token": "?"}, "pre_tokenizer": {"type": "ByteLevel"}}"#,
        #"{"model": {"type": "BPE", "vocab": {"aa": 0}, "merges": []}, "pre_tokenizer": {"type": "ByteLevel"}}"#,
        #"{"model": {"type": "BPE", "vocab": {"a": 0}, "merges": []}, "pre_tokenizer": {"type": "Sequence", "pretokenizers": ["#
            + String(repeating: #"{"type": "Digits"},"#, count: 50_000) + #"{"type": "ByteLevel"}]}}"#,
        #"{"model": "#, "[1, 2", "\u{1}", "", #"{"a": "\ud800"}"#, String(repeating: "[", count: 100_000),
    ])
    func `a tokenizer that is malformed or not supported is refused`(text: String) throws {
        let directory = try TemporaryDirectory()
        let path = try directory.file("tokenizer.json", Array(text.utf8))
        let error = #expect(throws: KindredError.self) { try Tokenizer(path: path) }
        #expect(error?.code == .invalidData)
        #expect(error?.location?.path == path.string)
    }

    @Test func `any damage to a tokenizer file is an error or a tokenizer, never a trap`() throws {
        let directory = try TemporaryDirectory()
        let good = try MappedFile(Fixtures.directory().appending("prefix-space.json"))
        var generator = SeededGenerator(seed: 3)
        for _ in 0..<60 {
            var bytes = good.bytes(0..<good.count)
            for _ in 0..<3 {
                bytes[Int.random(in: 0..<bytes.count, using: &generator)] = UInt8.random(
                    in: 0...255, using: &generator)
            }
            let path = try directory.file("tokenizer.json", bytes)
            if let tokenizer = try? Tokenizer(path: path) { _ = tokenizer.encode("The cat's hat 123 é") }
        }
    }
}

@Suite struct TrimmedTokenizerTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private static let texts = [
        "The queen of the hive; 12 bees, don't stop", "<s> special <mask> x", "naïve façade caſte 日本語",
        "1234567 3.14", "\n\n  x   y", "", "emoji 👩‍👩‍👧‍👦 \u{1}", "the the the",
    ]

    @Test(arguments: ["gpt2", "prefix-space", "llama3", "uncased", "digits", "numbers", "added"])
    func `texts whose tokens are kept have the same tokens under new numbers`(name: String) throws {
        let path = Fixtures.directory().appending("\(name).json")
        let whole = try Tokenizer(path: path)
        let used = Set(Self.texts.flatMap { whole.encode($0) })
        let trimmed = try TrimmedTokenizer(path: path, keeping: used)
        let small = try Tokenizer(path: directory.file("tokenizer.json", trimmed.bytes))
        #expect(small.vocabularySize == trimmed.kept.count && small.vocabularySize < whole.vocabularySize)
        #expect(used.isSubset(of: trimmed.kept))
        for text in Self.texts {
            for special in [false, true] {
                let (before, after) = (
                    whole.encode(text, addSpecialTokens: special),
                    small.encode(text, addSpecialTokens: special)
                )
                #expect(after.map { trimmed.kept[Int($0)] } == before, "\(text.debugDescription)")
                #expect(small.decode(after) == whole.decode(before))
            }
        }
        for (number, id) in trimmed.kept.enumerated() {
            #expect(small.token(Int32(number)) == whole.token(id))
        }
        // What is not kept is made of smaller tokens, and decodes to the same text.
        let other = "unforeseen photosynthesis"
        #expect(small.encode(other).count >= whole.encode(other).count)
        #expect(small.decode(small.encode(other)) == whole.decode(whole.encode(other)))
    }

    @Test func `the ids of padding, template and added tokens follow`() throws {
        let text = #"""
            {"padding": {"pad_id": 5, "pad_token": "<p>"},
             "added_tokens": [{"id": 4, "content": "<s>", "special": true}, {"id": 5, "content": "<p>"}],
             "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false},
             "post_processor": {"type": "Sequence", "processors": [{"type": "TemplateProcessing",
                "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
                "special_tokens": {"<s>": {"id": "<s>", "ids": [4], "tokens": ["<s>"]}}}]},
             "model": {"type": "BPE", "dropout": null, "vocab": {"a": 0, "b": 1, "ab": 2, "\u00e9": 3}, "merges": [["a", "b"]]}}
            """#
        let path = try directory.file("all.json", Array(text.utf8))
        let trimmed = try TrimmedTokenizer(path: path, keeping: [])
        #expect(trimmed.kept == [0, 1, 3, 4, 5])
        let json = try JSONBytes(parsing: trimmed.bytes, path: "trimmed")
        #expect(json["padding"]?["pad_id"]?.tokenID == 4)
        #expect(json["added_tokens"]?.array?.map { $0["id"]?.tokenID } == [3, 4])
        #expect(json["model"]?["merges"]?.array?.isEmpty == true && json["model"]?["dropout"]?.isNull == true)
        let small = try Tokenizer(path: directory.file("small.json", trimmed.bytes))
        #expect(small.template.prefix == [3] && small.encode("ab") == [3, 0, 1])
    }
}
