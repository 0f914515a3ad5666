import Foundation
import KindredSystem
import KindredTestSupport
import SystemPackage
import Testing

@testable import KindredTokenizers

/// Tokenizers whose words are UTF-8 rather than bytes; see Tools/goldens/tokenizers_goldens.py.
@Suite struct WordTokenizerTests {
    private struct Golden: Decodable {
        let text: String
        let ids: [Int32]
        let bare: [Int32]
    }

    private func goldens(_ name: String) throws -> [Golden] {
        let path = Fixtures.directory().appending("\(name).goldens.json")
        return try JSONDecoder().decode(
            [Golden].self, from: Data(contentsOf: URL(fileURLWithPath: path.string)))
    }

    private func check(_ tokenizer: Tokenizer, _ goldens: [Golden]) {
        #expect(goldens.count > 40)
        for golden in goldens {
            #expect(tokenizer.encode(golden.text) == golden.ids, "\(golden.text.debugDescription)")
            #expect(
                tokenizer.encode(golden.text, addSpecialTokens: false) == golden.bare,
                "\(golden.text.debugDescription)")
        }
    }

    @Test(arguments: ["wordpiece", "cased", "unigram", "word-level", "suffixes", "byte-fallback"])
    func `ids are those of the tokenizers library`(name: String) throws {
        try check(Tokenizer(path: Fixtures.directory().appending("\(name).json")), goldens(name))
    }

    @Test(arguments: ["unigram.model", "bpe.model"])
    func `a SentencePiece file gives the ids of the same parts in the tokenizers library`(name: String) throws
    {
        try check(Tokenizer(path: Fixtures.directory().appending(name)), goldens(name))
    }

    @Test func `the settings beside a SentencePiece file say what is put around a text`() throws {
        let directory = try TemporaryDirectory()
        let model = try MappedFile(Fixtures.directory().appending("bpe.model"))
        let path = try directory.file("tokenizer.model", model.bytes(0..<model.count))
        #expect(TokenizerSource.file(in: directory.path) == path)
        #expect(try Tokenizer(path: path).template == ([1], []))
        _ = try directory.file(
            "tokenizer_config.json", Array(#"{"add_bos_token": false, "add_eos_token": true}"#.utf8))
        #expect(try Tokenizer(path: path).template == ([], [2]))
    }

    @Test func `a vocabulary of BERT's gives what its tokenizer.json gives`() throws {
        let directory = try TemporaryDirectory()
        let whole = try Tokenizer(path: Fixtures.directory().appending("wordpiece.json"))
        let tokens = (0..<Int32(whole.vocabularySize)).map { whole.token($0) ?? "" }
        let path = try directory.file("vocab.txt", Array((tokens.joined(separator: "\n") + "\n").utf8))
        let tokenizer = try Tokenizer(path: path)
        // Words of more than 20 characters are unknown to the fixture, of more than 100 by default.
        for golden in try goldens("wordpiece")
        where golden.text.split(separator: " ").allSatisfy({ $0.count <= 20 }) {
            #expect(tokenizer.encode(golden.text) == golden.ids, "\(golden.text.debugDescription)")
        }
    }

    @Test func `a vocabulary and merges of GPT-2's give what its tokenizer.json gives`() throws {
        let directory = try TemporaryDirectory()
        let path = Fixtures.directory().appending("prefix-space.json")
        let whole = try MappedFile(path)
        let json = try JSONBytes(parsing: whole.bytes(0..<whole.count), path: path.string)
        let vocabulary = try #require(json["model"]?["vocab"])
        let merges = try #require(json["model"]?["merges"]?.array).map { pair in
            (pair.array ?? []).compactMap(\.string).joined(separator: " ")
        }
        let file = try directory.file("vocab.json", vocabulary.serialized)
        _ = try directory.file(
            "merges.txt", Array(("#version: 0.2\n" + merges.joined(separator: "\n") + "\n").utf8))
        _ = try directory.file("tokenizer_config.json", Array(#"{"add_prefix_space": true}"#.utf8))
        let (a, b) = (try Tokenizer(path: file), try Tokenizer(path: path))
        for text in ["Hello, world!", "  the cat's hat", "日本語", "é", ""] {
            #expect(a.encode(text) == b.encode(text))
        }
    }

    @Test(arguments: ["unigram.model", "bpe.model"])
    func `a SentencePiece file that is cut short or damaged is refused or read, never a trap`(name: String)
        throws
    {
        let directory = try TemporaryDirectory()
        let good = try MappedFile(Fixtures.directory().appending(name))
        let all = good.bytes(0..<good.count)
        var generator = SeededGenerator(seed: 4)
        for round in 0..<60 {
            var bytes = all
            if round % 2 == 0 {
                bytes = Array(bytes.prefix(Int.random(in: 0..<all.count, using: &generator)))
            } else {
                for _ in 0..<4 {
                    bytes[Int.random(in: 0..<bytes.count, using: &generator)] = .random(
                        in: 0...255, using: &generator)
                }
            }
            let path = try directory.file("tokenizer.model", bytes)
            if let tokenizer = try? Tokenizer(path: path) { _ = tokenizer.encode("The cat's hat 123 é") }
        }
    }

    @Test(arguments: ["wordpiece", "unigram", "byte-fallback", "word-level"])
    func `a text of one long run is cut in time that its length allows`(name: String) throws {
        let tokenizer = try Tokenizer(path: Fixtures.directory().appending("\(name).json"))
        for unit in ["a", " ", "é", "ab ", "日"] {
            let short = tokenizer.encode(String(repeating: unit, count: 10), addSpecialTokens: false)
            let long = tokenizer.encode(String(repeating: unit, count: 20_000), addSpecialTokens: false)
            #expect(long.count >= min(1, short.count))
        }
    }

    @Test func `a tokenizer whose words are not bytes is not trimmed`() throws {
        let path = Fixtures.directory().appending("unigram.json")
        let error = #expect(throws: KindredError.self) { try TrimmedTokenizer(path: path, keeping: [5]) }
        #expect(error?.code == .invalidData && error?.message.contains("Unigram") == true)
    }
}
