import Foundation
import KindredSystem
import KindredTestSupport
import SystemPackage
import Testing

@testable import KindredEvaluation

/// Writes files below a directory of its own.
private struct Files {
    let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    func write(_ name: String, _ text: String) throws -> FilePath { try write(name, Array(text.utf8)) }

    func write(_ name: String, _ bytes: [UInt8]) throws -> FilePath { try directory.file(name, bytes) }
}

@Suite struct SentencePairsTests {
    private let files: Files

    init() throws { files = try Files() }

    @Test func `pairs are read and what is none is counted by reason`() throws {
        let path = try files.write(
            "a.tsv",
            "score\tfirst\tsecond\r\n4.5\t A cat.\tA feline. \r\n\n1\tonly two\n2\tx\t\n0.25\tnaïve\tnai\u{308}ve\nnan\ta\tb"
        )
        let set = try SentencePairs(path: path)
        #expect(
            set.pairs == [
                .init(score: 4.5, first: "A cat.", second: "A feline."),
                .init(score: 0.25, first: "naïve", second: "nai\u{308}ve"),
            ])
        #expect(set.remarks.skipped == 5)
        let numbers = try #require(set.remarks.entries.first { $0.reason == "the score is not a number" })
        #expect(numbers.count == 2 && numbers.first == "a.tsv, line 1")
    }

    @Test func `bytes that are not UTF-8 are read and remarked on`() throws {
        let path = try files.write("a.tsv", Array("1\ta\tb\n2\tcaf".utf8) + [0xE9] + Array("\td\n".utf8))
        let set = try SentencePairs(path: path)
        #expect(set.pairs[1].first == "caf\u{FFFD}")
        #expect(set.remarks.entries.map(\.kind) == [.changed] && set.remarks.skipped == 0)
    }

    @Test func `a file without two pairs is refused`() throws {
        let path = try files.write("a.tsv", "1\ta\tb\n")
        let error = #expect(throws: KindredError.self) { try SentencePairs(path: path) }
        #expect(error?.code == .invalidData && error?.location?.path == path.string)
        let missing = #expect(throws: KindredError.self) { try SentencePairs(path: "/nowhere/a.tsv") }
        #expect(missing?.code == .notFound)
    }
}

@Suite struct RetrievalSetTests {
    private let files: Files
    private var path: FilePath { files.directory.path }

    init() throws { files = try Files() }

    private func fill(judgments: [String: String]) throws {
        _ = try files.write(
            "corpus.jsonl",
            """
            {"_id": "d1", "title": "Bees", "text": "They make honey."}
            {"_id": "d2", "text": "No title."}
            {"_id": "d1", "title": "Again", "text": "x"}
            {"title": "No id", "text": "x"}
            """)
        _ = try files.write(
            "queries.jsonl",
            """
            {"_id": 7, "text": " who makes honey? "}
            {"_id": "q2", "text": "only irrelevant ones"}
            {"_id": "q3", "text": "of no split"}
            """)
        try FileManager.default.createDirectory(
            atPath: path.appending("qrels").string, withIntermediateDirectories: true)
        for (name, text) in judgments { _ = try files.write("qrels/\(name).tsv", text) }
    }

    @Test func `corpus, queries and judgments come together and the rest is counted`() throws {
        try fill(judgments: [
            "test":
                "query-id\tcorpus-id\tscore\n7\td1\t2\n7\td9\t1\nq2\td1\t0\nq9\td1\t1\n7\td2\tbad\nbroken"
        ])
        let set = try RetrievalSet(directory: path)
        #expect(set.split == "test")
        #expect(set.documents.map(\.id) == ["d1", "d2"])
        #expect(set.documents.map(\.encodedText) == ["Bees\nThey make honey.", "No title."])
        #expect(set.queries == [.init(id: "7", text: "who makes honey?", judgments: ["d1": 2, "d9": 1])])
        #expect(
            Set(set.remarks.entries.map(\.reason)) == [
                "a judgment that is not a whole number", "a judgment without three fields",
                "a document's id occurs again",
                "a document that is not a JSON object with \"_id\" and \"text\"",
                "a query without a relevant document", "a judged query that is not in queries.jsonl",
            ])
    }

    @Test func `a split has to be chosen where there are several`() throws {
        let judgments = "query-id\tcorpus-id\tscore\n7\td1\t1\n"
        try fill(judgments: ["dev": judgments, "test": judgments])
        let several = #expect(throws: KindredError.self) { try RetrievalSet(directory: path) }
        #expect(several?.code == .invalidRequest && several?.message.contains("dev, test") == true)
        #expect(try RetrievalSet(directory: path, split: "dev").split == "dev")
        let unknown = #expect(throws: KindredError.self) { try RetrievalSet(directory: path, split: "train") }
        #expect(unknown?.code == .notFound)
    }

    @Test func `judgments may lie beside the corpus`() throws {
        try fill(judgments: [:])
        let none = #expect(throws: KindredError.self) { try RetrievalSet(directory: path) }
        #expect(none?.code == .notFound)
        _ = try files.write("qrels.tsv", "7\td1\t1\n")
        let set = try RetrievalSet(directory: path)
        #expect(set.split == nil && set.queries.count == 1)
    }

    @Test func `a set without a relevant document is refused`() throws {
        try fill(judgments: ["test": "7\td1\t0\n"])
        #expect(throws: KindredError.self) { try RetrievalSet(directory: path) }
        let missing = #expect(throws: KindredError.self) { try RetrievalSet(directory: "/nowhere/set") }
        #expect(missing?.code == .notFound)
    }
}

@Suite struct LabelledTextsTests {
    private let files: Files

    init() throws { files = try Files() }

    @Test func `quoted fields of CSV may hold commas, quotes and lines`() throws {
        let path = try files.write(
            "a.csv", "text,category\n\"one, \"\"two\"\"\nthree\",x\nplain,y\n,z\nfew\n\"\",w\n")
        let set = try LabelledTexts(path: path)
        #expect(
            set.examples == [
                .init(text: "one, \"two\"\nthree", label: "x"), .init(text: "plain", label: "y"),
            ])
        #expect(set.remarks.skipped == 3)
    }

    @Test func `other formats are told by the name`() throws {
        let tsv = try LabelledTexts(path: files.write("a.tsv", "x\ta text\nbroken\n"))
        #expect(tsv.examples == [.init(text: "a text", label: "x")] && tsv.remarks.skipped == 1)
        let json = try LabelledTexts(
            path: files.write(
                "a.jsonl",
                "{\"text\": \"a\", \"label\": 3, \"label_text\": \"three\"}\n{\"text\": \"b\", \"label\": 4}\n{}"
            ))
        #expect(json.examples.map(\.label) == ["three", "4"] && json.remarks.skipped == 1)
        let trec = "LOC:city Where is it ?\nDESC:def What is it ?\n"
        let path = try files.write("a.label", trec)
        #expect(try LabelledTexts(path: path).examples.map(\.label) == ["LOC", "DESC"])
        #expect(try LabelledTexts(path: path, fine: true).examples.map(\.label) == ["LOC:city", "DESC:def"])
        #expect(try LabelledTexts(path: path).examples[0].text == "Where is it ?")
    }

    @Test(arguments: [
        ("a.csv", "question,answer\nx,y\n", KindredError.Code.invalidData, "text"),
        ("a.csv", "text,label\n\"open,y\n", .invalidData, "quotation"),
        ("a.tsv", "no tab\n", .invalidData, "no two fields"),
        ("a.parquet", "x", .invalidRequest, "format"),
    ])
    func `a file that cannot be read says why`(
        name: String, text: String, code: KindredError.Code, word: String
    ) throws {
        let path = try files.write(name, text)
        let error = #expect(throws: KindredError.self) { try LabelledTexts(path: path) }
        #expect(error?.code == code && error?.message.contains(word) == true, "\(String(describing: error))")
    }
}

@Suite struct AnnotatedWordsTests {
    private let files: Files

    init() throws { files = try Files() }

    private func line(_ number: String, _ form: String, _ tag: String = "X", _ rest: String = "_") -> String {
        "\(number)\t\(form)\t_\t\(tag)\t\(tag.lowercased())\t_\t_\t_\t_\t\(rest)"
    }

    @Test func `the words of CoNLL-U stand as they do in the text`() throws {
        let lines = [
            "# text = I didn't, du.", line("1", "I", "PRON"), line("2-3", "didn't", "_", "SpaceAfter=No"),
            line("2", "did", "AUX"), line("3", "n't", "PART"), line("4", ",", "PUNCT"),
            line("5-6", "du", "_", "SpaceAfter=No"), line("5", "de", "ADP"), line("6", "le", "DET"),
            line("6.1", "ghost", "VERB"), line("7", ".", "PUNCT", "Foo=Bar|SpaceAfter=No"), "",
            line("1", "Next", "ADJ"), "broken", line("2", "one", "_"),
        ]
        let set = try AnnotatedWords(path: files.write("a.conllu", lines.joined(separator: "\n")))
        #expect(set.sentences.map(\.count) == [7, 1])
        let text = set.sentences[0].map { ($0.followsSpace ? " " : "") + $0.text }.joined()
        #expect(text == "I didn't, de le.")
        #expect(set.sentences[0].map(\.label) == ["PRON", "AUX", "PART", "PUNCT", "ADP", "DET", "PUNCT"])
        #expect(set.remarks.skipped == 2 && !set.marksEntities)
        let own = try AnnotatedWords(path: set.path, tag: .own)
        #expect(own.sentences[1].map(\.label) == ["adj"])
    }

    @Test func `columns of words and labels are sentences between empty lines`() throws {
        let set = try AnnotatedWords(
            path: files.write(
                "a.conll",
                "-DOCSTART- -X- O O\n\nEU NNP B-NP B-org\nrejects VBZ B-VP O\n\t\nPeter\tB-person\nlonely\n"))
        #expect(set.sentences.map { $0.map(\.text) } == [["EU", "rejects"], ["Peter"]])
        #expect(set.sentences[0].map(\.label) == ["B-org", "O"])
        #expect(set.sentences[0].map(\.followsSpace) == [false, true])
        #expect(set.marksEntities && set.remarks.skipped == 1)
    }

    @Test func `a file without words is refused`() throws {
        let path = try files.write("a.conll", "\n\n")
        let error = #expect(throws: KindredError.self) { try AnnotatedWords(path: path) }
        #expect(error?.code == .invalidData)
    }
}

@Suite struct TextLinesTests {
    @Test func `lines end with LF or CRLF, the last with nothing, and have no mark before them`() throws {
        let files = try Files()
        let path = try files.write("a.txt", [0xEF, 0xBB, 0xBF] + Array("one\r\n\ntwo".utf8))
        var lines: [TextLines.Line] = []
        try TextLines.forEach(in: path) { lines.append($0) }
        #expect(lines.map(\.text) == ["one", "", "two"] && lines.map(\.number) == [1, 2, 3])
    }
}
