import Foundation
import KindredSystem
import KindredTensors
import KindredTestSupport
import SystemPackage
import Testing

@testable import KindredIndex

private let fingerprint = Fingerprint(bytes: [UInt8](repeating: 7, count: 32))!

@Suite struct MergeAndRepairTests {
    /// The share of the ten nearest by all codes that walks find.
    private func recall(_ segment: Segment, _ queries: [[Float]]) throws -> Double {
        let searcher = SegmentSearcher(segment, limits: .init(vectors: 0, accepted: 0))
        let truth = try searcher.search(Matrix(queries), k: 10, efSearch: nil)
        let found = try searcher.search(Matrix(queries), k: 10, efSearch: 64)
        let hits = zip(truth, found).reduce(0) { sum, pair in
            sum + Set(pair.0.map(\.id)).intersection(pair.1.map(\.id)).count
        }
        return Double(hits) / Double(10 * queries.count)
    }

    @Test(arguments: VectorMetric.allCases)
    func `half of the vectors replaced costs half a point of recall at most and leaves every node reachable`(
        metric: VectorMetric
    ) throws {
        let data = unequalVectors(6000, dimensions: 24, seed: 4)
        let queries = unequalVectors(400, dimensions: 24, seed: 5)
        let directory = try TemporaryDirectory()
        var options = SegmentOptions()
        options.metric = metric
        func write(_ rows: Range<Int>, _ name: String) throws -> Segment {
            let path = directory.path.appending(name)
            try SegmentWriter.write(
                vectors: Matrix(Array(data[rows])), ids: rows.map(Int64.init), fingerprint: fingerprint,
                to: path, options: options)
            return try Segment(path: path)
        }
        var current = try write(0..<4000, "first.hnsw")
        for round in 0..<4 {
            let added = try write(4000 + round * 500..<4500 + round * 500, "added\(round).hnsw")
            let path = directory.path.appending("merged\(round).hnsw")
            try SegmentWriter.merge(
                [current, added], dropping: { $0 >= Int64(round) * 500 && $0 < Int64(round + 1) * 500 },
                to: path, options: options)
            current = try Segment(path: path)
            try current.verify()
        }
        let (churned, built) = (
            try recall(current, queries), try recall(write(2000..<6000, "fresh.hnsw"), queries)
        )
        #expect(churned >= built - 0.005, "\(churned) after churn, \(built) rebuilt")

        // Compaction: half of what is left goes, and nothing comes.
        let path = directory.path.appending("compacted.hnsw")
        try SegmentWriter.merge([current], dropping: { $0 % 2 == 0 }, to: path, options: options)
        let compacted = try Segment(path: path)
        try compacted.verify()
        #expect(compacted.count == 2000)
        let left = directory.path.appending("left.hnsw")
        let rows = stride(from: 2001, to: 6000, by: 2)
        try SegmentWriter.write(
            vectors: Matrix(rows.map { data[$0] }), ids: rows.map(Int64.init), fingerprint: fingerprint,
            to: left, options: options)
        let (after, anew) = (try recall(compacted, queries), try recall(Segment(path: left), queries))
        #expect(after >= anew - 0.005, "\(after) after compaction, \(anew) rebuilt")
    }

    @Test(arguments: VectorMetric.allCases)
    func `links that are rebuilt from codes find as much as the first ones`(metric: VectorMetric) throws {
        let directory = try TemporaryDirectory()
        let path = directory.path.appending("000001.hnsw")
        var options = SegmentOptions()
        options.metric = metric
        let data = unequalVectors(3000, dimensions: 24, seed: 3)
        let queries = unequalVectors(400, dimensions: 24, seed: 9)
        try SegmentWriter.write(
            vectors: Matrix(data), ids: (0..<3000).map(Int64.init), fingerprint: fingerprint, to: path,
            options: options)
        let before = try recall(Segment(path: path), queries)
        let header = try Segment(path: path).header
        var bytes = try [UInt8](Data(contentsOf: URL(fileURLWithPath: path.string)))
        for place in stride(from: header.offset(.links), to: header.offset(.checksums), by: 500) {
            bytes[place] ^= 0x55
        }
        _ = try directory.file("000001.hnsw", bytes)
        let damaged = #expect(throws: KindredError.self) { try Segment(path: path).verify() }
        #expect(damaged?.code == .invalidData && damaged?.location?.byte != nil)
        try SegmentWriter.rebuildLinks(of: Segment(path: path, links: .ignore))
        let repaired = try Segment(path: path)
        try repaired.verify()
        #expect(try repaired.ids().sorted() == (0..<3000).map(Int64.init))
        let after = try recall(repaired, queries)
        #expect(after >= before - 0.005, "\(after) after repair, \(before) before")

        // Codes cannot be made again.
        bytes[header.offset(.rest) + 10] ^= 1
        _ = try directory.file("000001.hnsw", bytes)
        let error = #expect(throws: KindredError.self) {
            try SegmentWriter.rebuildLinks(of: Segment(path: path, links: .ignore))
        }
        #expect(error?.code == .invalidData)
        #expect(try [UInt8](Data(contentsOf: URL(fileURLWithPath: path.string))) == bytes)
    }

    /// For sanitizers, which want real vectors: those of the file that `KINDRED_VECTORS` names.
    @Test(
        .enabled(if: ProcessInfo.processInfo.environment["KINDRED_VECTORS"] != nil),
        arguments: VectorMetric.allCases)
    func `the vectors of a file are built, searched, filtered, merged and mended`(metric: VectorMetric) throws
    {
        let file = try VectorFile(
            FilePath(try #require(ProcessInfo.processInfo.environment["KINDRED_VECTORS"])))
        let directory = try TemporaryDirectory()
        var options = SegmentOptions()
        options.metric = metric
        let whole = directory.path.appending("whole.hnsw")
        try SegmentWriter.write(
            file, ids: (0..<file.count).map(Int64.init), fingerprint: fingerprint, to: whole, options: options
        )
        let queries = Matrix(rows: min(200, file.count), columns: file.dimensions)
        try file.read(
            (0..<queries.rows).map { UInt32($0 * file.count / queries.rows) }, into: queries.elements)
        func check(_ segment: Segment) throws {
            try segment.verify()
            let searcher = SegmentSearcher(segment, limits: .init(vectors: 0, accepted: 0))
            for step in [1, 2, 5, 100] as [Int64] {
                let filter = try SegmentFilter(segment) { $0 % step == 0 }
                let truth = try searcher.search(queries, k: 10, efSearch: nil, filter: filter)
                var hits = 0
                for (exact, found) in zip(
                    truth, try searcher.search(queries, k: 10, efSearch: 100, filter: filter))
                {
                    #expect(found.count == exact.count && found.allSatisfy { $0.id % step == 0 })
                    hits += Set(exact.map(\.id)).intersection(found.map(\.id)).count
                }
                #expect(Double(hits) > 0.9 * Double(10 * queries.rows), "\(step): \(hits)")
            }
        }
        try check(Segment(path: whole))
        try SegmentWriter.rebuildLinks(of: Segment(path: whole))
        try check(Segment(path: whole, resident: true))
        // By the graph that is there, by rebuilding, and both together.
        let parts = try (0..<3).map { part in
            let path = directory.path.appending("part\(part).hnsw")
            try SegmentWriter.merge(
                [Segment(path: whole)], dropping: { $0 % 3 != Int64(part) }, to: path, options: options)
            return try Segment(path: path)
        }
        let merged = directory.path.appending("merged.hnsw")
        try SegmentWriter.merge(parts, dropping: { _ in false }, to: merged, options: options)
        try check(Segment(path: merged))
        let grown = directory.path.appending("grown.hnsw")
        let most = directory.path.appending("most.hnsw")
        try SegmentWriter.merge(
            [Segment(path: merged)], dropping: { $0 % 3 == 0 }, to: most, options: options)
        try SegmentWriter.merge(
            [Segment(path: most), parts[0]], dropping: { _ in false }, to: grown, options: options)
        try check(Segment(path: grown))
    }

    @Test func `merges do not depend on the number of threads`() throws {
        let data = unitVectors(1500, dimensions: 10, seed: 2)
        let directory = try TemporaryDirectory()
        let parts = try [0..<1000, 1000..<1500].map { rows in
            let path = directory.path.appending("\(rows.lowerBound).hnsw")
            try SegmentWriter.write(
                vectors: Matrix(Array(data[rows])), ids: rows.map(Int64.init), fingerprint: fingerprint,
                to: path)
            return try Segment(path: path)
        }
        let files = try [1, 2].map { threads in
            let path = directory.path.appending("merged\(threads).hnsw")
            try SegmentWriter.merge(parts, dropping: { $0 % 9 == 0 }, to: path, threads: threads)
            return try Data(contentsOf: URL(fileURLWithPath: path.string))
        }
        #expect(files[0] == files[1])
    }

    @Test(arguments: VectorMetric.allCases)
    func `principal axes and every metric find what exact search finds`(metric: VectorMetric) throws {
        var generator = SeededGenerator(seed: 6)
        // Variance that falls from dimension to dimension, and vectors of different lengths.
        let data = unitVectors(9000, dimensions: 160, seed: 8).map { vector in
            let length = Float.random(in: 0.5...1.5, using: &generator)
            return vector.enumerated().map { length * $1 / (1 + Float($0) / 20) + 0.02 }
        }
        let directory = try TemporaryDirectory()
        let path = directory.path.appending("axes.hnsw")
        var options = SegmentOptions()
        options.metric = metric
        let source = MatrixVectors(Matrix(Array(data[..<8900])))
        try SegmentWriter.write(
            source, ids: (0..<8900).map(Int64.init), fingerprint: fingerprint, to: path, options: options)
        let segment = try Segment(path: path)
        try segment.verify()
        #expect(segment.facts.hasAxes && segment.facts.groups.count > 1)
        let queries = Matrix(Array(data[8900...]))
        let truth = try ExactSearch.nearest(of: MatrixVectors(queries), in: source, metric: metric, k: 10)
        let found = try SegmentSearcher(segment).search(queries, k: 10, efSearch: 400)
        var hits = 0
        for (truth, found) in zip(truth, found) {
            let ids = Set(truth.map(\.id))
            hits += found.count { ids.contains($0.id) }
            #expect(abs(truth[0].score - found[0].score) < 0.01)
        }
        #expect(Double(hits) / 1000 > 0.93)
    }
}
