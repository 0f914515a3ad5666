import Foundation
import Kindred
import KindredTestSupport
import SystemPackage
import Testing

@testable import KindredCommand

extension CommandTests {
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

    @Test func `an encoder is trained in two stages, looked at, merged, and an index switches to it`() throws
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
        // The embedded encoder was trained for vectors, and predicts no tokens.
        #expect(masked.error.contains("the first loss is") && masked.error.contains("guessing has 10.3"))
        let again = try Run(
            ["train", "mntp", "--from-index", "sample", "--out", out("mntp")] + small, indexes: indexes)
        #expect(again.code == 64 && again.error.contains("--resume"))
        let exported = try json(
            run("train", "export", out("mntp"), "--out", out("exported"), "--precision", "bf16", "--json"))
        #expect(exported["steps"] as? Int == 2)
        #expect(try run("train", "export", out("mntp"), "--out", out("exported")).code == 73)
        #expect(try run("train", "export", out("nothing"), "--out", out("none")).code == 66)
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

    @Test func `a study of one part is written, resumed and kept apart from others`() throws {
        let pairs = (0..<12).map { "\($0 % 5)\tbees of hive \($0)\ta bridge of stone \($0 / 2)" }
        let folder = directory.path.appending("data/sts").string
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try Data(pairs.joined(separator: "\n").utf8).write(to: URL(fileURLWithPath: folder + "/small.tsv"))
        let model = try Resources.embeddedModel().string
        let out = directory.path.appending("study").string
        let arguments = [
            "study", model, "--data", directory.path.appending("data").string, "--out", out, "--part",
            "context",
            "--part", "layers", "--quiet",
        ]
        let first = try Run(arguments + ["--json"], indexes: indexes)
        #expect((try json(first)["results"] as? [String: Any])?["context/Bi/plus"] != nil)
        #expect(FileManager.default.fileExists(atPath: out + "/report.md"))
        #expect(try Run(arguments, indexes: indexes).code == 64)
        #expect(try Run(arguments + ["--resume"], indexes: indexes).code == 0)
        #expect(try Run(arguments + ["--resume", "--limit", "30"], indexes: indexes).code == 64)
        #expect(
            try run("study", model, "--data", directory.path.appending("none").string, "--out", out).code
                == 66)
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
}
