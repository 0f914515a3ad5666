import ArgumentParser
import Foundation
import KindredEncoder
import KindredEvaluation
import KindredIndex
import KindredSystem
import KindredTensors
import SystemPackage

struct EvalRetrievalCommand: ParsableCommand {
    /// A mode, or all of them.
    struct Modes: ExpressibleByArgument {
        /// In the order in which they are shown.
        static let all = [SearchMode.semantic, .keyword, .hybrid]
        static var allValueStrings: [String] { all.map(\.rawValue) + ["all"] }

        let chosen: [SearchMode]

        init?(argument: String) {
            if argument == "all" {
                chosen = Self.all
            } else {
                guard let mode = SearchMode(rawValue: argument) else { return nil }
                chosen = [mode]
            }
        }
    }

    static let configuration = CommandConfiguration(
        commandName: "retrieval",
        abstract: "Retrieval: nDCG@10, recall and MRR on data sets in BEIR's layout.",
        discussion: """
            A data set is a directory with corpus.jsonl, queries.jsonl and qrels/SPLIT.tsv. Vectors are compared \
            exhaustively; keyword and hybrid search are those of an index. --semantic-share tries other shares of the two \
            scores, --fusion-constant and --semantic-weight try reciprocal rank fusion. Several values give one line each.

              kindred eval retrieval scifact --mode all
            """)

    @Argument(help: "Data sets.", completion: .directory) var directories: [String]
    @Option(help: "Search mode; repeatable (default: semantic).")
    var mode: [Modes] = []
    @Option(help: ArgumentHelp("Which judgments, if a data set has several.", valueName: "name"))
    var split: String?
    @OptionGroup var encoder: EncoderArguments
    @Option(help: "plain, or echo: each text twice, pooled over its second copy (default: the model's).")
    var encodingMode: EncoderConfiguration.Mode?
    @Option(help: ArgumentHelp("Put before each query; attended to but not pooled.", valueName: "text"))
    var instruction: String?
    @Flag(
        name: .customLong("ignore-identical-ids"),
        help: "Remove the document with the query's id from its ranking, as BEIR does.")
    var ignoreIdenticalIDs = false
    @Option(
        parsing: .upToNextOption,
        help: ArgumentHelp(
            "Share of the semantic score in hybrid search, from 0 to 1 (default: 0.65).", valueName: "s"))
    var semanticShare: [Double] = []
    @Option(
        parsing: .upToNextOption,
        help: ArgumentHelp("Fuse by reciprocal ranks instead, with this constant.", valueName: "c"))
    var fusionConstant: [Double] = []
    @Option(
        parsing: .upToNextOption,
        help: ArgumentHelp(
            "Fuse by reciprocal ranks, with this weight for the semantic ranking and 1 for the keyword ranking.",
            valueName: "w"))
    var semanticWeight: [Double] = []
    @Option(
        help: ArgumentHelp(
            "Write the vectors for numpy.load, in the files' order: NAME.queries.npy and NAME.documents.npy (one data set).",
            valueName: "name.npy"), completion: .file(extensions: ["npy"]))
    var vectors: String?
    @Option(
        help: ArgumentHelp(
            "Write what was found in trec_eval's format, 100 documents a query (one data set).",
            valueName: "file"), completion: .file())
    var rankings: String?
    @OptionGroup var output: EvalOutputArguments

    func validate() throws {
        if vectors != nil || rankings != nil, directories.count > 1 {
            throw ValidationError("--vectors and --rankings take one data set.")
        }
        if let wrong = (fusionConstant + semanticWeight).first(where: { !$0.isFinite || $0 < 0 }) {
            throw ValidationError("--fusion-constant and --semantic-weight must be at least 0, not \(wrong).")
        }
        if let wrong = semanticShare.first(where: { !(0...1).contains($0) }) {
            throw ValidationError("--semantic-share must be between 0 and 1, not \(wrong).")
        }
    }

    private var modes: [SearchMode] {
        if mode.isEmpty { return [.semantic] }
        return Modes.all.filter { one in mode.contains { $0.chosen.contains(one) } }
    }

    private var fusions: [Fusion] {
        let shares = semanticShare.map(Fusion.scores)
        guard !(fusionConstant.isEmpty && semanticWeight.isEmpty) else {
            return shares.isEmpty ? [.standard] : shares
        }
        return shares
            + (fusionConstant.isEmpty ? [60] : fusionConstant).flatMap { constant in
                (semanticWeight.isEmpty ? [1] : semanticWeight).map { weight in
                    .ranks(constant: constant, semanticWeight: weight)
                }
            }
    }

    func run() throws {
        try output.replacing.check(rankings, is: .rankings, inputs: [])
        for file in vectors.map(Self.arrays) ?? [] {
            try output.replacing.check(file, is: .array, inputs: [])
        }
        let sets = try directories.map { try RetrievalSet(directory: FilePath($0), split: split) }
        let needsVectors = modes != [.keyword] || vectors != nil
        let encoder = needsVectors ? try self.encoder.open(mode: encodingMode) : nil
        let started = ContinuousClock.now
        var results: [RetrievalOutput.DataSet] = []
        for (directory, set) in zip(directories, sets) {
            let evaluation = RetrievalEvaluation(set, ignoresOwnID: ignoreIdenticalIDs)
            if let encoder { try encode(set, by: encoder, for: evaluation) }
            var measured: [RetrievalOutput.Measured] = []
            var trec = ""
            for mode in modes {
                for fusion in mode == .hybrid ? fusions : [.standard] {
                    let result = try evaluation.result(of: mode, fusion: fusion)
                    measured.append(.init(mode, fusion, result.measures))
                    if rankings != nil { trec += Self.trec(result, of: set, tag: measured.last!.tag) }
                }
            }
            if let rankings { try AtomicFile.replace(FilePath(rankings), with: Array(trec.utf8)) }
            results.append(.init(directory, set, measured))
        }
        let report = RetrievalOutput(
            encoder: encoder.map { EncoderOutput($0, name: self.encoder.name) }, sets: results,
            seconds: (ContinuousClock.now - started) / .seconds(1))
        if output.json { return try CommandOutput.json(report) }
        for set in sets { RemarkOutput.print(set.remarks, of: set.name) }
        print(report)
    }

    private func encode(
        _ set: RetrievalSet, by encoder: TextEncoder, for evaluation: RetrievalEvaluation
    ) throws {
        let documents = try output.vectors(encoder, of: "\(set.name)'s documents").encode(
            set.documents.map(\.encodedText), instruction: encoder.configuration.prompts.document)
        let queries = try output.vectors(encoder, of: "\(set.name)'s queries").encode(
            set.queries.map(\.text), instruction: instruction ?? encoder.configuration.prompts.query)
        try evaluation.rankByVectors(queries: queries, documents: documents)
        if let vectors {
            let files = Self.arrays(vectors)
            try NumpyFile.write(queries, to: FilePath(files[0]))
            try NumpyFile.write(documents, to: FilePath(files[1]))
        }
    }

    /// Where the queries' vectors go, and the documents'.
    private static func arrays(_ option: String) -> [String] {
        let name = option.hasSuffix(".npy") ? String(option.dropLast(4)) : option
        return [name + ".queries.npy", name + ".documents.npy"]
    }

    /// Lines `query Q0 document rank score tag`; spaces in ids, which the format has no room for, become underscores.
    private static func trec(
        _ result: RetrievalEvaluation.Result, of set: RetrievalSet, tag: String
    ) -> String {
        var lines = ""
        func column(_ id: String) -> String {
            String(id.map { $0.isWhitespace ? "_" : $0 })
        }
        for (query, hits) in zip(set.queries, result.rankings) {
            for (rank, hit) in hits.enumerated() {
                lines +=
                    "\(column(query.id)) Q0 \(column(set.documents[hit.document].id)) \(rank + 1) \(hit.score) \(tag)\n"
            }
        }
        return lines
    }

    private func print(_ report: RetrievalOutput) {
        var table = Table(
            ["set", "mode", "queries", "documents", "nDCG@10", "recall@10", "recall@100", "MRR@10"],
            leftColumns: 2)
        func add(_ name: String, _ queries: Int, _ documents: Int, _ row: RetrievalOutput.Measured) {
            table.add([
                name, row.tag, Format.count(queries), Format.count(documents),
                Format.measure(row.measures.ndcgAt10), Format.measure(row.measures.recallAt10),
                Format.measure(row.measures.recallAt100), Format.measure(row.measures.mrrAt10),
            ])
        }
        for set in report.sets {
            for row in set.results { add(set.name, set.queries, set.documents, row) }
        }
        if report.sets.count > 1 {
            for row in report.mean {
                add(
                    "mean", report.sets.reduce(0) { $0 + $1.queries },
                    report.sets.reduce(0) { $0 + $1.documents }, row)
            }
        }
        table.print()
        if let encoder = report.encoder { CommandOutput.line("  encoder: \(encoder.line)") }
    }
}

/// What `kindred eval retrieval --json` prints.
private struct RetrievalOutput: Encodable {
    struct Measured: Encodable {
        let mode: SearchMode
        /// Of hybrid search.
        let fusion: Fusion?
        let measures: RankingMeasures

        enum CodingKeys: String, CodingKey {
            case mode, semanticShare, fusionConstant, semanticWeight
            case ndcgAt10 = "ndcg_at_10"
            case recallAt10 = "recall_at_10"
            case recallAt100 = "recall_at_100"
            case mrrAt10 = "mrr_at_10"
        }

        init(_ mode: SearchMode, _ fusion: Fusion?, _ measures: RankingMeasures) {
            self.mode = mode
            self.fusion = mode == .hybrid ? fusion : nil
            self.measures = measures
        }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(mode.rawValue, forKey: .mode)
            switch fusion {
            case .scores(let share): try container.encode(share, forKey: .semanticShare)
            case .ranks(let constant, let weight):
                try container.encode(constant, forKey: .fusionConstant)
                try container.encode(weight, forKey: .semanticWeight)
            case nil: break
            }
            try container.encode(measures.ndcgAt10, forKey: .ndcgAt10)
            try container.encode(measures.recallAt10, forKey: .recallAt10)
            try container.encode(measures.recallAt100, forKey: .recallAt100)
            try container.encode(measures.mrrAt10, forKey: .mrrAt10)
        }

        /// "semantic"; "hybrid", with share, or constant and weight, where they are not the product's.
        var tag: String {
            switch fusion {
            case nil, .standard: mode.rawValue
            case .scores(let share): "\(mode.rawValue):\(share)"
            case .ranks(let constant, let weight): "\(mode.rawValue):\(constant):\(weight)"
            }
        }
    }

    struct DataSet: Encodable {
        let name, directory: String
        let split: String?
        let queries, documents: Int
        let results: [Measured]
        let remarks: [RemarkOutput]

        init(_ directory: String, _ set: RetrievalSet, _ results: [Measured]) {
            name = set.name
            self.directory = directory
            split = set.split
            queries = set.queries.count
            documents = set.documents.count
            self.results = results
            remarks = RemarkOutput.all(set.remarks)
        }
    }

    let task = "retrieval"
    /// Absent where only keywords were searched.
    let encoder: EncoderOutput?
    let sets: [DataSet]
    /// Over the sets, for each mode.
    let mean: [Measured]
    let seconds: Double

    init(encoder: EncoderOutput?, sets: [DataSet], seconds: Double) {
        self.encoder = encoder
        self.sets = sets
        self.seconds = seconds
        mean = (sets.first?.results ?? []).indices.map { row in
            let rows = sets.map { $0.results[row] }
            return Measured(rows[0].mode, rows[0].fusion, .mean(rows.map(\.measures)))
        }
    }
}
