import Foundation
import Kindred
import KindredTestSupport
import SystemPackage
import Testing

@testable import KindredCommand

/// What a run of the built command gave.
struct Run {
    let code: Int32
    let output: String
    let error: String

    /// - Parameters:
    ///   - onTerminal: run on a pseudo-terminal, by util-linux's script; `error` is then part of `output`.
    ///   - redirecting: what a shell is to do with the output.
    init(
        _ arguments: [String], input: String? = nil, indexes: FilePath, onTerminal: Bool = false,
        redirecting: String? = nil
    ) throws {
        let process = Process()
        // The command is built beside the tests.
        let tests = try #require(CommandLine.arguments.first { $0.hasSuffix(".xctest") })
        process.executableURL = URL(fileURLWithPath: tests).deletingLastPathComponent()
            .appendingPathComponent("kindred")
        process.arguments = arguments
        if onTerminal {
            let command = ([process.executableURL!.path] + arguments).joined(separator: " ")
            process.executableURL = URL(fileURLWithPath: "/usr/bin/script")
            process.arguments = ["-qec", command, "/dev/null"]
        }
        if let redirecting {
            let command = ([process.executableURL!.path] + arguments).joined(separator: " ")
            process.executableURL = URL(fileURLWithPath: "/bin/sh")
            process.arguments = ["-c", "\(command) \(redirecting)"]
        }
        process.environment = ProcessInfo.processInfo.environment.merging(
            ["KINDRED_INDEXES": indexes.string, "KINDRED_HISTORY": "", "NO_COLOR": "1"]) { $1 }
        let (stdin, stdout, stderr) = (Pipe(), Pipe(), Pipe())
        process.standardInput = stdin
        process.standardOutput = stdout
        process.standardError = stderr
        try process.run()
        if let input { try stdin.fileHandleForWriting.write(contentsOf: Data(input.utf8)) }
        try stdin.fileHandleForWriting.close()
        output = String(decoding: stdout.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        error = String(decoding: stderr.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        code = process.terminationStatus
    }
}

@Suite(.serialized) struct CommandTests {
    private let directory: TemporaryDirectory
    private var indexes: FilePath { directory.path.appending("indexes") }

    init() throws { directory = try TemporaryDirectory() }

    private func run(_ arguments: String..., input: String? = nil) throws -> Run {
        try Run(arguments, input: input, indexes: indexes)
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
                "rank", "score", "title", "section", "url", "article_id", "passage_id", "text",
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
        #expect(verify.code == 0 && verify.output.contains("all is well"))
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
                withUnsafeBytes(of: Float.random(in: -1...1, using: &generator)) { Array($0) }
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
            #expect(try run("vectors", "verify", index).output.contains("all is well"))

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

    @Test func `eval measures an encoder and says what it left out`() throws {
        let pairs = try directory.file(
            "pairs.tsv",
            Array(
                "5\tA bee makes honey.\tHoney is made by a bee.\nbroken\n2\tA bee.\tA bridge.\n0\tOne\tTwo\n"
                    .utf8)
        ).string
        let vectors = directory.path.appending("v.npy").string
        let similarity = try json(try run("eval", "sts", pairs, "--json", "--vectors", vectors))
        let file = try #require((similarity["files"] as? [[String: Any]])?.first)
        #expect(file["pairs"] as? Int == 3 && file["spearman"] is Double)
        #expect((file["remarks"] as? [[String: Any]])?.first?["first"] as? String == "pairs.tsv, line 2")
        #expect(FileManager.default.fileExists(atPath: vectors))
        let own = try #require(similarity["encoder"] as? [String: Any])
        let other = try #require(
            json(
                try run(
                    "eval", "sts", pairs, "--json", "--pooling", "weighted_mean", "--attention",
                    "bidirectional"))["encoder"] as? [String: Any])
        #expect(
            other["pooling"] as? String == "weighted_mean" && other["attention"] as? String == "bidirectional"
        )
        #expect(own["fingerprint"] as? String != other["fingerprint"] as? String)
        let table = try run("eval", "sts", pairs)
        #expect(table.output.contains("Spearman") && table.error.contains("skipped 1, no three fields"))

        _ = try directory.file(
            "corpus.jsonl",
            Array(
                "{\"_id\": \"a\", \"title\": \"Bees\", \"text\": \"They make honey.\"}\n{\"_id\": \"b\", \"text\": \"Clay pots\"}"
                    .utf8))
        _ = try directory.file("queries.jsonl", Array("{\"_id\": \"q\", \"text\": \"who makes honey\"}".utf8))
        _ = try directory.file("qrels.tsv", Array("query-id\tcorpus-id\tscore\nq\ta\t1\n".utf8))
        let rankings = directory.path.appending("r.trec")
        let retrieval = try json(
            try run(
                "eval", "retrieval", directory.path.string, "--mode", "all", "--semantic-weight", "0", "2",
                "--semantic-share", "1", "--rankings", rankings.string, "--json"))
        let results = try #require(
            (retrieval["sets"] as? [[String: Any]])?.first?["results"] as? [[String: Any]])
        let modes = results.map { $0["mode"] as? String }
        #expect(modes == ["semantic", "keyword", "hybrid", "hybrid", "hybrid"])
        #expect(results.map { $0["semantic_share"] as? Double } == [nil, nil, 1, nil, nil])
        #expect(results.map { $0["semantic_weight"] as? Double } == [nil, nil, nil, 0, 2])
        #expect(results[1]["ndcg_at_10"] as? Double == 1 && results[3]["mrr_at_10"] as? Double == 1)
        let lines = try String(contentsOfFile: rankings.string, encoding: .utf8).split(separator: "\n")
        #expect(lines.contains { $0.hasPrefix("q Q0 a 1 ") && $0.hasSuffix(" keyword") })

        let labelled = try directory.file(
            "texts.tsv",
            Array(
                (0..<40).map { $0 % 2 == 0 ? "bees\tBee \($0) makes honey\n" : "pots\tPot \($0) of clay\n" }
                    .joined().utf8)
        ).string
        let classes = try json(try run("eval", "classification", labelled, labelled, "--json"))
        #expect(classes["accuracy"] as? Double == 1 && classes["classes"] as? Int == 2)
        let split = try json(
            try run(
                "eval", "classification", labelled, "--test-share", "0.25", "--samples-per-label", "4",
                "--json"))
        #expect(split["training"] as? Int == 30 && split["test"] as? Int == 10)
        #expect((split["experiments"] as? [Any])?.count == 10)

        let words = try directory.file(
            "words.conll",
            Array(String(repeating: "Bees\tO\nlive\tO\nin\tO\nParis\tB-place\n\n", count: 6).utf8)
        ).string
        let probe = try json(try run("eval", "words", words, words, "--align", "own", "--json"))
        #expect(
            probe["accuracy"] as? Double == 1 && (probe["entities"] as? [String: Any])?["f1"] as? Double == 1)
    }

    private func json(_ run: Run) throws -> [String: Any] {
        try #require(
            try JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [String: Any], "\(run.error)")
    }

    @Test func `an encoder is trained in two stages, looked at, merged, and an index goes over to it`() throws
    {
        #expect(try run("index", "--sample", "--quiet").code == 0)
        let runs = directory.path
        func out(_ name: String) -> String { runs.appending(name).string }
        let small = [
            "--steps", "2", "--batch", "2", "--length", "32", "--token-limit", "0.004", "--quiet", "--json",
        ]
        let masked = try Run(
            ["train", "mntp", "--from-index", "sample", "--out", out("mntp")] + small, indexes: indexes)
        #expect(try json(masked)["steps"] as? Int == 2)
        let again = try Run(
            ["train", "mntp", "--from-index", "sample", "--out", out("mntp")] + small, indexes: indexes)
        #expect(again.code == 64 && again.error.contains("--resume"))
        let text = try directory.file(
            "text.txt",
            Array((1...40).map { "This is sentence number \($0) of a text." }.joined(separator: "\n").utf8)
        ).string
        let contrast = try Run(
            ["train", "simcse", text, "--model", out("mntp/adapter"), "--out", out("simcse")] + small,
            indexes: indexes)
        let adapter = try #require(try json(contrast)["result"] as? String)
        #expect(
            try json(run("model", "info", adapter, "--json"))["adapters"].map { ($0 as? [Any])?.count } == 2)
        let merged = try json(run("model", "merge", adapter, "--out", out("merged"), "--json"))
        #expect((merged["adapters"] as? [Any])?.isEmpty == true)
        #expect(try run("model", "merge", adapter, "--out", out("merged")).code == 73)
        let cut = try json(
            run("model", "cut", adapter, "--layers", "2", "--vocabulary", text, "--out", out("cut"), "--json")
        )
        #expect(cut["layers"] as? Int == 2 && cut["vocabulary"] as? Int ?? .max < 1000)
        #expect(try run("model", "cut", adapter, "--layers", "2", "--out", out("cut")).code == 73)
        #expect(try run("model", "cut", adapter, "--layers", "99", "--out", out("none")).code == 64)
        #expect(try run("model", "cut", adapter, "--out", out("none")).code == 64)
        #expect(!FileManager.default.fileExists(atPath: out("none")))

        let reindex = try json(run("reindex", "sample", "--encoder", adapter, "--json", "--quiet"))
        #expect(reindex["nothing_to_do"] as? Bool == false)
        #expect(try run("search", "property is theft", "-k", "1").code == 0)
        #expect(try run("verify").code == 0)
        #expect(
            try json(run("reindex", "sample", "--encoder", adapter, "--json"))["nothing_to_do"] as? Bool
                == true)
    }

    @Test
    func `the vectors of one encoder are distilled into another, which then answers an index's queries`()
        throws
    {
        #expect(try run("index", "--sample", "--quiet").code == 0)
        let lines = (1...120).map { "This is text number \($0) about \($0 % 7 == 0 ? "bees" : "bridges")." }
        let text = try directory.file("text.txt", Array(lines.joined(separator: "\n").utf8)).string
        let json = try directory.file(
            "text.jsonl", Array(lines.map { "{\"text\": \"\($0)\"}" }.joined(separator: "\n").utf8)
        ).string
        func out(_ name: String) -> String { directory.path.appending(name).string }
        #expect(try run("encode", text, "--out", out("t.npy"), "--quiet").code == 0)
        let common = ["--steps", "2", "--batch", "4", "--length", "6", "--quiet", "--json"]
        let distilled = try Run(
            ["train", "distill", text, "--targets", out("t.npy"), "--out", out("adapter")] + common,
            indexes: indexes)
        let report = try self.json(distilled)
        #expect(report["examples"] as? Int == 120 && report["cut_texts"] as? Int == 120)
        #expect(report["validation_cosine"] is Double)
        let adapter = try #require(report["result"] as? String)
        let information = try self.json(run("model", "info", adapter, "--json"))
        #expect(information["dimensions"] as? Int == 384 && information["dense"] is [String: Any])
        let full = try Run(
            [
                "train", "full", "--objective", "distill", json, "--json-lines", "--targets", out("t.npy"),
                "--out", out("full"),
            ]
                + common, indexes: indexes)
        let model = try #require(try self.json(full)["result"] as? String)
        #expect(
            try self.json(run("reindex", "sample", "--encoder", model, "--json", "--quiet"))["nothing_to_do"]
                as? Bool == false)
        #expect(try run("search", "property is theft", "-k", "1").code == 0)
        #expect(try run("verify").code == 0)

        let short = try directory.file("short.txt", Array("one\ntwo\n".utf8)).string
        let scored = try directory.file(
            "scored.jsonl",
            Array(
                "a\tb\n{\"query\": \"q\", \"positive\": \"p\", \"negatives\": [\"n\"], \"scores\": [1, 0]}\n"
                    .utf8)
        ).string
        for (arguments, code, word) in [
            (
                ["train", "distill", short, "--targets", out("t.npy")], 65,
                "120 rows, and \(short) has 2 texts"
            ),
            (["train", "distill", short], 64, "1 files of texts and 0"),
            (["train", "distill", short, "--targets", short], 65, "short.txt"),
            (["train", "full", "--objective", "simcse", short, "--targets", out("t.npy")], 64, "distill"),
            (["train", "pairs", scored], 65, "line 2: has scores, and pairs before it have none"),
        ] as [([String], Int32, String)] {
            let result = try Run(arguments + ["--out", out("bad")], indexes: indexes)
            #expect(result.code == code && result.error.contains(word), "\(arguments): \(result.error)")
            #expect(!FileManager.default.fileExists(atPath: out("bad")))
        }
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

    @Test func `bad input gives one line and the right exit code`() throws {
        let html = try directory.file("page.html", Array("<html></html>".utf8)).string
        let text = try directory.file("text.txt", Array("Too short.".utf8)).string
        let latin = try directory.file("latin.txt", Array("caf".utf8) + [0xE9, 0x0A]).string
        let packed = try directory.file("text.xz", [0xFD, 0x37, 0x7A, 0x58, 0x5A, 0x00, 1, 2]).string
        let empty = try directory.file("empty.jsonl", Array("\"a\"\n{\"text\": \" \"}\n".utf8)).string
        let number = try directory.file("number.jsonl", Array("7\n".utf8)).string
        let out = directory.path.appending("run").string
        let expected: [([String], Int32, String)] = [
            (["train", "mntp", text, "--out", out], 65, "one block"),
            (["train", "simcse", text, "--out", out], 65, "sentences"),
            (["train", "mntp", latin, "--out", out], 65, "latin.txt, line 1, byte 0: is not UTF-8"),
            (["train", "mntp", packed, "--out", out], 65, "xz -dc"),
            (["train", "mntp", text, "--out", out, "--model", "/nowhere"], 66, "/nowhere"),
            (["train", "pairs", text, "--out", out], 65, "text.txt, line 1: is no pair"),
            (["train", "mntp", text, "--out", out, "--mask-token", "two words"], 64, "single token"),
            (["encode", empty, "--json-lines", "--out", out], 65, "empty.jsonl, line 2: is empty"),
            (["encode", number, "--json-lines", "--out", out], 65, "line 1: is neither a JSON string"),
            (["model", "info", "/nowhere/model"], 66, "/nowhere/model"),
            (["reindex", "none", "--encoder", "embedded"], 66, "no index"),
            (["index", "/nowhere/dump.bz2"], 66, "/nowhere/dump.bz2"),
            (["index", html], 65, "not a MediaWiki dump"),
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

@Suite struct FormatTests {
    @Test func `numbers are written for people`() {
        #expect(
            Format.count(1_234_567) == "1,234,567" && Format.count(-999) == "-999" && Format.count(0) == "0")
        #expect(Format.bytes(999) == "999 B" && Format.bytes(12_345_678) == "12.3 MB")
        #expect(Format.duration(0.04) == "0.0 s" && Format.duration(185) == "3 min 05 s")
        #expect(Format.duration(7_260) == "2 h 01 min" && Format.duration(.infinity) == "?")
        #expect(Format.decimals(0.9996, 3) == "1.000" && Format.decimals(-0.5, 1) == "-0.5")
    }

    @Test func `progress tells share, rate and time left`() {
        let line = Progress.line(
            unit: "passages", done: 500, fraction: 0.25, detail: "9 pages", seconds: 10)
        #expect(line == "25 %, 9 pages, 500 passages, 50.0 passages/s, 30 s left")
    }

    @Test(arguments: [
        ("enwiki-20240101-pages-articles-multistream.xml.bz2", "enwiki-20240101"),
        ("/a/b/simplewiki-latest-pages-articles.xml", "simplewiki"), ("my dump.xml.gz", "my-dump"),
        ("-", "stdin"),
        ("..xml", "dump"),
    ])
    func `an index is named after its dump`(path: String, name: String) {
        #expect(IndexCommand.name(for: path) == name)
    }

    @Test func `dumps whose names are in other scripts, or long, have indexes of their own`() throws {
        let paths = [
            "東京.xml", "大阪.xml", "Straße.xml", "Strase.xml", "wiki-京.xml.bz2", "wiki-都.xml.bz2",
            String(repeating: "a", count: 80) + ".xml", String(repeating: "a", count: 81) + ".xml",
        ]
        let names = paths.map(IndexCommand.name)
        #expect(Set(names).count == names.count)
        for name in names { _ = try IndexDirectory(root: "x", name: name) }
        #expect(names[4].hasPrefix("wiki-"))
        // The same name, however its letters are composed.
        #expect(IndexCommand.name(for: "e\u{301}.xml") == IndexCommand.name(for: "é.xml"))
        #expect(IndexCommand.name(for: "/dev/fd/63") == "stdin")
    }

    @Test func `a snippet is broken at words`() {
        let snippet = Snippet(of: "one two three four", query: "three")
        let lines = ResultList.lines(snippet, width: 9).map { $0.map(\.text).joined() }
        #expect(lines.count > 1 && lines.allSatisfy { $0.count <= 10 })
        #expect(lines.joined(separator: " ").split(separator: " ") == ["one", "two", "three", "four"])
    }
}
