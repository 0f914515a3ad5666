import Foundation
import Kindred
import KindredTestSupport
import SystemPackage
import Testing

@testable import KindredCommand

@Suite(.serialized) struct CommandTests {
    let directory: TemporaryDirectory
    var indexes: FilePath { directory.path.appending("indexes") }

    init() throws { directory = try TemporaryDirectory() }

    func run(_ arguments: String..., input: String? = nil) throws -> Run {
        try Run(arguments, input: input, indexes: indexes)
    }

    func json(_ run: Run) throws -> [String: Any] {
        try #require(
            try JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [String: Any], "\(run.error)")
    }

    @Test func `index, search, repl, status and verify work together`() throws {
        let index = try run("index", "--sample", "--json", "--quiet")
        #expect(index.code == 0, "\(index.error)")
        let report = try #require(
            try JSONSerialization.jsonObject(with: Data(index.output.utf8)) as? [String: Any])
        #expect(report["pages"] as? Int == 68 && report["redirects"] as? Int == 6)

        let search = try run("search", "who", "argued that property is theft", "--json", "-k", "3")
        let answer = try #require(
            try JSONSerialization.jsonObject(with: Data(search.output.utf8)) as? [String: Any])
        #expect(Set(answer.keys) == ["query", "index", "mode", "took_ms", "hits"])
        let hits = try #require(answer["hits"] as? [[String: Any]])
        #expect(hits.count == 3 && hits[0]["title"] as? String == "Pierre-Joseph Proudhon")
        #expect(
            Set(hits[0].keys) == [
                "rank", "score", "relevance", "cosine", "word_share", "title", "section", "url", "article_id",
                "passage_id", "text", "metadata",
            ])

        let repl = try run(
            "repl",
            input:
                "property is theft\n:k 1\n:mode keyword\n:open 1\n:stats\n:index\n:nonsense\n:open 99\n?!\n:quit\nnever\n"
        )
        #expect(repl.code == 0)
        #expect(repl.output.contains("Pierre-Joseph Proudhon › Property"))
        #expect(repl.output.contains("free associations"))
        #expect(repl.output.contains("fingerprint"))
        #expect(repl.error.contains("no command \":nonsense\""))
        #expect(repl.error.contains("no letter, digit or symbol"))
        #expect(!repl.output.contains("never"))
        #expect(!repl.output.contains("\u{1B}"))

        #expect(try run("status", "--json").output.contains("\"fingerprint\""))
        let verify = try run("verify")
        #expect(verify.code == 0 && verify.output.contains("intact"))
        let again = try run("index", "--sample", "--quiet")
        #expect(again.code == 0 && again.output.contains("nothing to do"))

        // One flipped byte in a segment.
        let segments = indexes.appending("sample").appending("segments")
        let file = segments.appending(
            try #require(FileManager.default.contentsOfDirectory(atPath: segments.string).first))
        var bytes = try [UInt8](Data(contentsOf: URL(fileURLWithPath: file.string)))
        bytes[bytes.count / 2] ^= 4
        try Data(bytes).write(to: URL(fileURLWithPath: file.string))
        let damaged = try run("verify")
        #expect(damaged.code == 65 && damaged.output.contains(".hnsw, byte"))
    }

    @Test func `vectors are built, searched, verified and mended`() throws {
        var generator = SeededGenerator(seed: 1)
        let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (60, 4), }"
        let array =
            [0x93] + Array("NUMPY".utf8) + [1, 0, 118, 0]
            + Array((header + String(repeating: " ", count: 117 - header.utf8.count) + "\n").utf8)
            + (0..<240).flatMap { _ in
                let bits = Float.random(in: -1...1, using: &generator).bitPattern
                return (0..<4).map { UInt8(truncatingIfNeeded: bits >> (8 * $0)) }
            }
        let vectors = try directory.file("v.npy", array).string
        let (index, truth) = (
            directory.path.appending("v.kv").string, directory.path.appending("t.npy").string
        )
        for metric in ["cosine", "inner-product", "euclidean"] {
            #expect(try run("vectors", "build", vectors, "--out", index, "--metric", metric).code == 0)
            #expect(
                try run("vectors", "truth", vectors, vectors, "--out", truth, "--metric", metric, "-k", "5")
                    .code == 0)
            func recall() throws -> Double? {
                let search = try json(
                    try run("vectors", "search", index, vectors, "--truth", truth, "-k", "5", "--json"))
                return (search["runs"] as? [[String: Any]])?.first?["recall"] as? Double
            }
            let before = try #require(try recall())
            #expect(before > 0.95)
            #expect(try run("vectors", "verify", index).output.contains("intact"))

            var bytes = try [UInt8](Data(contentsOf: URL(fileURLWithPath: index)))
            // The header says where links start.
            let links = (0..<8).reduce(0) { $0 | Int(bytes[184 + $1]) << (8 * $1) }
            for place in stride(from: links, to: links + 2000, by: 7) { bytes[place] ^= 0x55 }
            try Data(bytes).write(to: URL(fileURLWithPath: index))
            let damaged = try run("vectors", "verify", index)
            #expect(damaged.code == 65 && damaged.error.contains("v.kv, byte"))
            #expect(try run("vectors", "verify", index, "--repair").code == 0)
            #expect(try run("vectors", "verify", index).code == 0)
            #expect(try recall() == before)
        }
        for arguments in [
            ["-k", "0"], ["-k", "9223372036854775807"], ["--ef-search", "0"], ["--batch", "0"],
        ] {
            #expect(try Run(["vectors", "search", index, vectors] + arguments, indexes: indexes).code == 64)
        }
        let large = ["--batch", "9223372036854775807", "--ef-search", "9223372036854775807", "-k", "100"]
        #expect(try Run(["vectors", "search", index, vectors] + large, indexes: indexes).code == 0)
    }

    @Test func `one index that cannot be read does not hide the others`() throws {
        for name in ["good", "torn"] {
            #expect(try run("index", "--sample", "--index", name, "--quiet").code == 0)
        }
        let reference = indexes.appending("torn").appending("encoder.json").string
        try Data("{".utf8).write(to: URL(fileURLWithPath: reference))
        let status = try run("status")
        #expect(status.code == 65 && status.output.contains("good") && status.error.contains("torn"))
        #expect(status.error.split(separator: "\n").count == 1)
    }

    @Test func `output that cannot be written is told, and an error that cannot be told keeps its exit code`()
        throws
    {
        let full = try Run(["status"], indexes: indexes, redirecting: "> /dev/full")
        #expect(full.code == 74 && full.error.contains("standard output"), "\(full.error)")
        #expect(try Run(["status"], indexes: indexes, redirecting: "| true").error.isEmpty)
        #expect(try Run(["search", "x"], indexes: indexes, redirecting: "2> /dev/full").code == 66)
    }

    @Test func `a line of the history comes back on a terminal`() throws {
        #expect(try run("index", "--sample", "--quiet").code == 0)
        // Up, up: the line before the last, which is then run again.
        let input = ":k 1\n:mode keyword\n\u{1B}[A\u{1B}[A\n:k\n:quit\n"
        let repl = try Run(["repl"], input: input, indexes: indexes, onTerminal: true)
        #expect(repl.code == 0, "\(repl.output)")
        #expect(repl.output.components(separatedBy: ":k 1").count >= 3, "\(repl.output)")
    }

    @Test func `a blank line among texts is a row of zeros and is counted`() throws {
        let texts = try directory.file(
            "texts.jsonl", Array("\"bees\"\n\" \"\n{\"text\": \"\"}\n\"tide\"\n".utf8))
        let out = directory.path.appending("vectors.npy").string
        let result = try run("encode", texts.string, "--json-lines", "--out", out, "--json")
        #expect(result.code == 0 && result.output.contains("\"blank_lines\" : 2"), "\(result.output)")
        // The header of a small array has 128 bytes.
        let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: out)).dropFirst(128))
        let size = bytes.count / 4
        let isBlank = (0..<4).map { row in bytes[row * size..<(row + 1) * size].allSatisfy { $0 == 0 } }
        #expect(isBlank == [false, true, true, false])
    }

    @Test func `bad input gives one line and the right exit code`() throws {
        let html = try directory.file("page.html", Array("<html></html>".utf8)).string
        let text = try directory.file("text.txt", Array("Too short.".utf8)).string
        let latin = try directory.file("latin.txt", Array("caf".utf8) + [0xE9, 0x0A]).string
        let packed = try directory.file("text.xz", [0xFD, 0x37, 0x7A, 0x58, 0x5A, 0x00, 1, 2]).string
        let empty = try directory.file("empty.jsonl", Array("\" \"\n{\"text\": \" \"}\n".utf8)).string
        let number = try directory.file("number.jsonl", Array("7\n".utf8)).string
        let out = directory.path.appending("run").string
        let expected: [([String], Int32, String)] = [
            (["train", "mntp", text, "--out", out], 65, "one block"),
            (["train", "simcse", text, "--out", out], 65, "sentences"),
            (["train", "mntp", latin, "--out", out], 65, "latin.txt, line 1, byte 0: is not UTF-8"),
            (["train", "mntp", packed, "--out", out], 65, "xz stream"),
            (["train", "mntp", text, "--out", out, "--model", "/nowhere"], 66, "/nowhere"),
            (["train", "pairs", text, "--out", out], 65, "text.txt, line 1: is not a pair"),
            (["train", "mntp", text, "--out", out, "--mask-token", "two words"], 64, "single token"),
            (["encode", empty, "--json-lines", "--out", out], 65, "empty.jsonl: has no text"),
            (["encode", number, "--json-lines", "--out", out], 65, "line 1: is neither a JSON string"),
            (["model", "info", "/nowhere/model"], 66, "/nowhere/model"),
            (["reindex", "none", "--encoder", "embedded"], 66, "no index"),
            (["index", "/nowhere/dump.bz2"], 66, "/nowhere/dump.bz2"),
            (["index", html, "--format", "dump"], 65, "not a MediaWiki dump"),
            (["index", html, "--encoder", "/nowhere/model"], 66, "/nowhere/model"),
            (["index", html, "--index", "../x"], 64, "cannot name an index"),
            (["search", "x", "--index", "none"], 66, "none"),
            (["search", "x", "--mode", "magic"], 64, "magic"),
            (["search"], 64, "query"), (["search", "--limt", "3"], 64, "'--limt'"),
            (["search", "-5 degrees", "--index", "none"], 66, "none"),
            (["encode", text, "--out", text], 64, "is an input"),
            (["encode", empty, "--out", text], 73, "--force"),
            (["encode", text, "--out", directory.path.string], 65, "directory"),
            (["vectors", "build", text, "--out", html], 73, "--force"),
            (["vectors", "truth", text, html, "--out", html], 64, "is an input"),
            (["verify"], 66, "no index"),
            (["nonsense"], 64, "nonsense"),
            (["eval", "sts", "/nowhere/pairs.tsv"], 66, "/nowhere/pairs.tsv"),
            (["eval", "sts", html], 65, "TAB"),
            (["eval", "retrieval", "/nowhere/set"], 66, "/nowhere/set"),
            (["eval", "retrieval", directory.path.string, "--mode", "magic"], 64, "magic"),
            (["eval", "retrieval", "x", "--semantic-weight", "inf"], 64, "inf"),
            (["eval", "retrieval", "x", "--semantic-share", "1.5"], 64, "1.5"),
            (["eval", "classification", html], 64, "format"),
            (["eval", "words", html, "--model", "/nowhere/model"], 65, "labelled word"),
        ]
        for (arguments, code, word) in expected {
            let result = try Run(arguments, indexes: indexes)
            #expect(result.code == code, "\(arguments): \(result.error)")
            #expect(result.error.contains(word), "\(arguments): \(result.error)")
            #expect(result.error.split(separator: "\n").count == 1, "\(arguments): \(result.error)")
        }
        #expect(!FileManager.default.fileExists(atPath: indexes.string))
        #expect(!FileManager.default.fileExists(atPath: out))
    }
}
