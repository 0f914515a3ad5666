import ArgumentParser
import Foundation
import KindredIndex
import KindredSystem
import KindredTensors
import SystemPackage

struct VectorsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "vectors", abstract: "Build and search an index of your own vectors.",
        discussion: """
            Vectors and queries are arrays of NumPy (.npy, 64, 32 or 16 bit floats) or .fvecs files; the id of a vector is \
            its row.
            """,
        subcommands: [Build.self, Search.self, Truth.self, Info.self, Verify.self])

    struct Build: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Build an index of vectors.",
            discussion: "  kindred vectors build base.npy --out base.kv --metric cosine")

        @Argument(
            help: ArgumentHelp("The vectors: .npy or .fvecs.", valueName: "file"),
            completion: .file(extensions: ["npy", "fvecs"])) var vectors: String
        @Option(help: ArgumentHelp("The index to write.", valueName: "file"), completion: .file()) var out:
            String
        @Option(help: "cosine, inner-product or euclidean.") var metric = MetricName.cosine
        @Option(name: .customLong("m"), help: "M: a vector has at most 2 M links.") var m = 16
        @Option(help: "Threads; the index does not depend on them.") var threads = Processor.count
        @Option(help: ArgumentHelp("Random seed.", valueName: "number")) var seed: UInt64 = 1
        @OptionGroup var replacing: ForceArgument
        @Flag(help: "Print one JSON object.") var json = false

        func run() throws {
            try checkThreads(threads)
            guard out != "-" else {
                throw KindredError(
                    .invalidRequest, "an index cannot go to standard output; name a file")
            }
            try replacing.check(out, is: .segment, inputs: [vectors])
            let source = try VectorFile(FilePath(vectors))
            var options = SegmentOptions()
            options.metric = metric.metric
            options.m = m
            options.seed = seed
            let started = ContinuousClock.now
            try SegmentWriter.write(
                source, ids: (0..<Int64(source.count)).map { $0 },
                fingerprint: .none, to: FilePath(out), options: options, threads: threads)
            let seconds = (ContinuousClock.now - started) / .seconds(1)
            let segment = try Segment(path: FilePath(out))
            let output = VectorBuildOutput(
                vectors: segment.count, dimensions: segment.dimensions, bytes: segment.bytes,
                bytesPerVector: Double(segment.bytes) / Double(segment.count), seconds: seconds,
                threads: threads,
                peakBytes: Processor.peakMemory)
            if json { return try CommandOutput.json(output) }
            CommandOutput.line(
                "\(Terminal.sanitized(out)): \(Format.count(output.vectors)) vectors of \(output.dimensions) dimensions, "
                    + "\(Format.bytes(output.bytes)), \(Format.decimals(output.bytesPerVector, 1)) bytes a vector, in "
                    + "\(Format.duration(seconds))")
        }
    }

    struct Search: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Find the nearest vectors of queries.",
            discussion: """
                Queries are rotated along the index's axes, --batch at a time, then answered one after the other. A \
                latency is the time of a query's answer plus its share of the rotation.

                  kindred vectors search base.kv queries.npy --truth truth.npy --ef-search 32,64,128
                """)

        @Argument(help: ArgumentHelp("The index.", valueName: "index"), completion: .file()) var index: String
        @Argument(
            help: ArgumentHelp("The queries: .npy or .fvecs.", valueName: "file"),
            completion: .file(extensions: ["npy", "fvecs"])) var queries: String
        @Option(name: [.customShort("k")], help: "How many neighbours of each query.") var k = 10
        @Option(
            help: ArgumentHelp(
                "Candidates that the walk keeps; several, separated by commas, to compare.",
                valueName: "numbers"))
        var efSearch = "128"
        @Option(help: "Search threads; each answers its own queries.") var threads = 1
        @Option(help: "Queries that are rotated together.") var batch = 128
        @Option(help: "Runs over the queries; the fastest counts.") var repeats = 1
        @Option(
            help: ArgumentHelp(
                "Where to write the neighbours' rows, an array of 64-bit numbers.", valueName: "file"),
            completion: .file(extensions: ["npy"]))
        var ids: String?
        @Option(
            help: ArgumentHelp("Where to write their scores, an array of floats.", valueName: "file"),
            completion: .file(extensions: ["npy"]))
        var scores: String?
        @Option(
            help: ArgumentHelp(
                "The true neighbours' rows (from 'vectors truth'), to compute recall.", valueName: "file"),
            completion: .file(extensions: ["npy"]))
        var truth: String?
        @OptionGroup var replacing: ForceArgument
        @Flag(help: "Search the mapped file instead of copying codes and links into memory.")
        var mapped = false
        @Flag(help: "Print one JSON object.") var json = false

        func run() throws {
            try checkThreads(threads)
            let widths = efSearch.split(separator: ",").map { Int($0) }
            guard !widths.isEmpty, widths.allSatisfy({ ($0 ?? 0) > 0 }), batch > 0, repeats > 0 else {
                throw KindredError(.invalidRequest, "--ef-search, --batch and --repeats must be positive")
            }
            try checkNeighbors(k)
            for output in [ids, scores] {
                try replacing.check(
                    output, is: .array, inputs: [index, queries] + (truth.map { [$0] } ?? []))
            }
            let opening = ContinuousClock.now
            let segment = try Segment(path: FilePath(index), resident: !mapped)
            let openSeconds = (ContinuousClock.now - opening) / .seconds(1)
            let source = try VectorFile(FilePath(queries))
            let matrix = try matrix(source)
            let exact = try truth.map { try IDArray(FilePath($0), queries: matrix.rows, k: k) }
            var runs: [VectorSearchOutput.Run] = []
            var last: [[Neighbor]] = []
            for width in widths {
                let run = try SearchRun(
                    segment, matrix, k: k, efSearch: width!, threads: threads, batch: batch, repeats: repeats)
                last = run.results
                runs.append(
                    .init(
                        efSearch: width!, qps: run.qps,
                        recall: exact.map { $0.recall(of: run.results, k: k) },
                        latencyMicroseconds: run.percentiles))
            }
            if let ids {
                try writeIDs(last, k: k, to: ids)
            }
            if let scores {
                try NumpyFile.write(
                    last.flatMap { row in
                        (0..<k).map {
                            ($0 < row.count ? shown(row[$0].score, segment) : Float.nan).bitPattern
                        }
                    }, type: "<f4", columns: k, to: FilePath(scores))
            }
            let output = VectorSearchOutput(
                queries: matrix.rows, k: k, threads: threads, openMilliseconds: openSeconds * 1000, runs: runs
            )
            if json { return try CommandOutput.json(output) }
            for run in runs {
                CommandOutput.line(
                    "efSearch \(run.efSearch): \(Format.count(Int(run.qps))) queries/s"
                        + (run.recall.map { ", recall@\(k) \(Format.decimals($0, 4))" } ?? "")
                        + ", latency \(Int(run.latencyMicroseconds.p50)) µs (99 %: \(Int(run.latencyMicroseconds.p99)) µs)"
                )
            }
        }

        /// Distances are shown as such.
        private func shown(_ score: Float, _ segment: Segment) -> Float {
            segment.metric == .euclidean ? -score : score
        }
    }

    struct Truth: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Find the nearest vectors of queries by comparing with all of them.",
            discussion: "  kindred vectors truth base.npy queries.npy --out truth.npy -k 10")

        @Argument(
            help: ArgumentHelp("The vectors: .npy or .fvecs.", valueName: "file"),
            completion: .file(extensions: ["npy", "fvecs"])) var vectors: String
        @Argument(
            help: ArgumentHelp("The queries: .npy or .fvecs.", valueName: "file"),
            completion: .file(extensions: ["npy", "fvecs"])) var queries: String
        @Option(
            help: ArgumentHelp("Where to write the neighbours' rows.", valueName: "file"), completion: .file()
        ) var out: String
        @Option(name: [.customShort("k")], help: "How many neighbours of each query.") var k = 100
        @Option(help: "cosine, inner-product or euclidean.") var metric = MetricName.cosine
        @Option(help: "Threads.") var threads = Processor.count
        @OptionGroup var replacing: ForceArgument

        func run() throws {
            try checkThreads(threads)
            try checkNeighbors(k)
            try replacing.check(out, is: .array, inputs: [vectors, queries])
            let found = try ExactSearch.nearest(
                of: VectorFile(FilePath(queries)), in: VectorFile(FilePath(vectors)), metric: metric.metric,
                k: k,
                threads: threads)
            try writeIDs(found, k: k, to: out)
        }
    }

    struct Info: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Describe an index of vectors.", discussion: "  kindred vectors info base.kv")

        @Argument(help: ArgumentHelp("The index.", valueName: "index"), completion: .file()) var index: String
        @Flag(help: "Print one JSON object.") var json = false

        func run() throws {
            let started = ContinuousClock.now
            let segment = try Segment(path: FilePath(index))
            let milliseconds = (ContinuousClock.now - started) / .milliseconds(1)
            let facts = segment.facts
            let output = VectorInfoOutput(facts, openMilliseconds: milliseconds)
            if json { return try CommandOutput.json(output) }
            CommandOutput.line("  vectors  \(Format.count(facts.vectors)) of \(facts.dimensions) dimensions")
            CommandOutput.line("  metric   \(output.metric)")
            CommandOutput.line(
                "  codes    "
                    + output.groups.map { "\($0.dimensions) dimensions of \($0.bits) bits" }.joined(
                        separator: ", ")
                    + (facts.hasAxes ? ", along principal axes" : ""))
            CommandOutput.line(
                "  links    up to \(facts.links) a vector, \(Format.count(facts.entries)) entries")
            CommandOutput.line(
                "  on disk  \(Format.bytes(facts.fileBytes)), \(Format.decimals(output.bytesPerVector, 1)) bytes a vector: "
                    + "head \(facts.headBytes), rest \(facts.restBytes)")
        }
    }

    struct Verify: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Check every checksum and every invariant of an index of vectors.",
            discussion: "  kindred vectors verify base.kv --repair")

        @Argument(help: ArgumentHelp("The index.", valueName: "index"), completion: .file()) var index: String
        @Flag(help: "If links are damaged, rebuild them from the codes.") var repair = false

        func run() throws {
            let path = FilePath(index)
            do {
                try Segment(path: path).verify()
            } catch let error as KindredError where repair && error.code == .invalidData {
                CommandOutput.errorLine(Terminal.sanitized(error.description))
                try SegmentWriter.rebuildLinks(of: Segment(path: path, links: .ignore))
                try Segment(path: path).verify()
                CommandOutput.line("the links are rebuilt; the index is intact")
                return
            }
            CommandOutput.line("intact")
        }
    }
}

enum MetricName: String, ExpressibleByArgument, CaseIterable {
    case cosine
    case innerProduct = "inner-product"
    case euclidean

    var metric: VectorMetric {
        switch self {
        case .cosine: .cosine
        case .innerProduct: .innerProduct
        case .euclidean: .euclidean
        }
    }
}

private func checkThreads(_ threads: Int) throws {
    guard (1...1024).contains(threads) else {
        throw KindredError(.invalidRequest, "--threads must be 1 to 1024, not \(threads)")
    }
}

/// An answer has k places for each query, whatever is found.
private func checkNeighbors(_ k: Int) throws {
    guard (1...100_000).contains(k) else {
        throw KindredError(.invalidRequest, "-k must be 1 to 100000, not \(k)")
    }
}

/// Writes the ids of each query's neighbours, a row of `k`; -1 where there are fewer.
private func writeIDs(_ found: [[Neighbor]], k: Int, to path: String) throws {
    try NumpyFile.write(
        found.flatMap { row in (0..<k).map { $0 < row.count ? row[$0].id : -1 } }, type: "<i8", columns: k,
        to: FilePath(path))
}

private func matrix(_ source: VectorFile) throws -> Matrix {
    let matrix = Matrix(rows: source.count, columns: source.dimensions)
    try source.read((0..<UInt32(source.count)).map { $0 }, into: matrix.elements)
    return matrix
}

/// All queries searched once or several times.
private struct SearchRun {
    private(set) var results: [[Neighbor]] = []
    private(set) var qps = 0.0
    private(set) var percentiles = VectorSearchOutput.Latency(p50: 0, p95: 0, p99: 0, worst: 0)

    init(
        _ segment: Segment, _ queries: Matrix, k: Int, efSearch: Int, threads: Int, batch: Int, repeats: Int
    ) throws {
        let batch = max(1, min(batch, queries.rows))
        let batches = (queries.rows + batch - 1) / batch
        for _ in 0..<repeats {
            let collected = Collected(count: batches)
            let started = ContinuousClock.now
            try Processor.parallelThrowing(threads, threads: threads) { thread in
                let searcher = SegmentSearcher(segment)
                for number in stride(from: thread, to: batches, by: threads) {
                    let rows = number * batch..<min((number + 1) * batch, queries.rows)
                    let part = queries.rows(rows)
                    var times: [Double] = []
                    var last = ContinuousClock.now
                    let found = try searcher.search(part, k: k, efSearch: efSearch) { _ in
                        let now = ContinuousClock.now
                        times.append((now - last) / .microseconds(1))
                        last = now
                    }
                    collected.set(number, found, times)
                }
            }
            let seconds = (ContinuousClock.now - started) / .seconds(1)
            let rate = Double(queries.rows) / seconds
            guard rate > qps else { continue }
            qps = rate
            let (found, times) = collected.all
            results = found
            percentiles = VectorSearchOutput.Latency(times)
        }
    }

    private final class Collected: @unchecked Sendable {
        private let lock = NSLock()
        private var found: [[[Neighbor]]]
        private var times: [[Double]]

        init(count: Int) {
            found = Array(repeating: [], count: count)
            times = Array(repeating: [], count: count)
        }

        /// The first time includes the rotation of the whole batch, which is distributed over its queries.
        func set(_ batch: Int, _ results: [[Neighbor]], _ measured: [Double]) {
            var measured = measured
            if let first = measured.first, measured.count > 1 {
                let typical = measured.dropFirst().sorted()[(measured.count - 1) / 2]
                let share = max(0, first - typical) / Double(measured.count)
                measured[0] = min(first, typical)
                measured = measured.map { $0 + share }
            }
            lock.withLock {
                found[batch] = results
                times[batch] = measured
            }
        }

        var all: ([[Neighbor]], [Double]) { lock.withLock { (found.flatMap { $0 }, times.flatMap { $0 }) } }
    }
}

/// Rows of neighbours in an array file of 64-bit or 32-bit numbers.
private struct IDArray {
    private let rows: [[Int64]]

    init(_ path: FilePath, queries: Int, k: Int) throws {
        rows = try NumpyFile.readRows(path)
        guard rows.count == queries, rows.allSatisfy({ $0.count >= k }) else {
            throw KindredError(
                .invalidRequest, "must have a row for each of \(queries) queries, and \(k) columns or more",
                at: .init(path: path.string))
        }
    }

    func recall(of results: [[Neighbor]], k: Int) -> Double {
        var found = 0
        var wanted = 0
        for (truth, result) in zip(rows, results) {
            let true10 = Set(truth.prefix(k).filter { $0 >= 0 })
            wanted += true10.count
            found += result.count { true10.contains($0.id) }
        }
        return wanted > 0 ? Double(found) / Double(wanted) : 0
    }
}

private struct VectorBuildOutput: Encodable {
    let vectors, dimensions, bytes: Int
    let bytesPerVector, seconds: Double
    let threads, peakBytes: Int
}

private struct VectorSearchOutput: Encodable {
    struct Latency: Encodable {
        let p50, p95, p99, worst: Double

        init(p50: Double, p95: Double, p99: Double, worst: Double) {
            (self.p50, self.p95, self.p99, self.worst) = (p50, p95, p99, worst)
        }

        init(_ times: [Double]) {
            let sorted = times.sorted()
            func at(_ share: Double) -> Double {
                sorted.isEmpty ? 0 : sorted[min(sorted.count - 1, Int(share * Double(sorted.count)))]
            }
            self.init(p50: at(0.5), p95: at(0.95), p99: at(0.99), worst: sorted.last ?? 0)
        }
    }

    struct Run: Encodable {
        let efSearch: Int
        let qps: Double
        let recall: Double?
        let latencyMicroseconds: Latency
    }

    let queries, k, threads: Int
    let openMilliseconds: Double
    let runs: [Run]
}

private struct VectorInfoOutput: Encodable {
    struct Group: Encodable { let dimensions, bits: Int }

    let vectors, dimensions, links, entries, bytes, headBytes, restBytes: Int
    let metric: String
    let groups: [Group]
    let principalAxes: Bool
    let bytesPerVector, openMilliseconds: Double

    init(_ facts: Segment.Description, openMilliseconds: Double) {
        vectors = facts.vectors
        dimensions = facts.dimensions
        links = facts.links
        entries = facts.entries
        bytes = facts.fileBytes
        headBytes = facts.headBytes
        restBytes = facts.restBytes
        metric =
            switch facts.metric {
            case .cosine: MetricName.cosine.rawValue
            case .innerProduct: MetricName.innerProduct.rawValue
            case .euclidean: MetricName.euclidean.rawValue
            }
        groups = facts.groups.map { Group(dimensions: $0.dimensions, bits: $0.bits) }
        principalAxes = facts.hasAxes
        bytesPerVector = Double(facts.fileBytes) / Double(facts.vectors)
        self.openMilliseconds = openMilliseconds
    }
}
