import Foundation
import KindredSystem
import KindredTensors
import KindredTestSupport
import SystemPackage
import Testing

@testable import KindredIndex

private let fingerprint = Fingerprint(bytes: [UInt8](repeating: 9, count: 32))!

/// Vectors that a code of few bits around a plain mean does not suit.
@Suite struct AwkwardVectorTests {
    private let dimensions = 24
    private let count = 1200

    /// About normal, with a deviation of 1.
    private func noise(_ count: Int, seed: UInt64) -> [[Float]] {
        var generator = SeededGenerator(seed: seed)
        return (0..<count).map { _ in
            (0..<dimensions).map { _ in
                (0..<3).reduce(Float(0)) { sum, _ in sum + Float.random(in: -1...1, using: &generator) }
            }
        }
    }

    private func score(_ query: [Float], _ vector: [Float], _ metric: VectorMetric) -> Double {
        func product(_ x: [Float], _ y: [Float]) -> Double {
            zip(x, y).reduce(0) { $0 + Double($1.0) * Double($1.1) }
        }
        switch metric {
        case .cosine:
            return product(query, vector)
                / (product(query, query).squareRoot() * product(vector, vector).squareRoot())
        case .innerProduct: return product(query, vector)
        case .euclidean: return 2 * product(query, vector) - product(vector, vector) - product(query, query)
        }
    }

    private func build(_ vectors: [[Float]], _ metric: VectorMetric, to path: FilePath) throws {
        var options = SegmentOptions()
        options.metric = metric
        try SegmentWriter.write(
            vectors: Matrix(vectors), ids: (0..<vectors.count).map(Int64.init), fingerprint: fingerprint,
            to: path, options: options)
    }

    /// The share of the ten nearest that a walk finds.
    private func recall(
        _ segment: Segment, _ vectors: [[Float]], _ queries: [[Float]], _ metric: VectorMetric
    ) throws -> Double {
        let searcher = SegmentSearcher(segment, limits: .init(vectors: 0, accepted: 0))
        let ids = Set(try segment.ids())
        let found = try searcher.search(Matrix(queries), k: 10, efSearch: 128)
        var hits = 0
        for (query, found) in zip(queries, found) {
            let scores = vectors.map { score(query, $0, metric) }
            let least = scores.indices.filter { ids.contains(Int64($0)) }.map { scores[$0] }.sorted(by: >)[9]
            hits += found.count { scores[Int($0.id)] >= least }
            let best = Int(found[0].id)
            let size =
                (score(query, query, .innerProduct) * score(vectors[best], vectors[best], .innerProduct))
                .squareRoot()
            #expect(abs(Double(found[0].score) - scores[best]) <= 0.02 * (metric == .cosine ? 1 : size))
        }
        return Double(hits) / Double(10 * queries.count)
    }

    private func shifted(_ vectors: [[Float]], all: Float, one: Float) -> [[Float]] {
        vectors.map { vector in
            vector.enumerated().map { $1 + all + ($0 == 5 ? one : 0) }
        }
    }

    @Test(
        arguments: [(-10, 0), (0, 100)] as [(Float, Float)],
        [VectorMetric.cosine, .innerProduct, .euclidean])
    func `vectors close together far from the origin are told apart`(
        shift: (all: Float, one: Float), metric: VectorMetric
    ) throws {
        let vectors = shifted(noise(count, seed: 1), all: shift.all, one: shift.one)
        let queries = shifted(noise(20, seed: 2), all: shift.all, one: shift.one)
        let directory = try TemporaryDirectory()
        let path = directory.path.appending("far.hnsw")
        try build(vectors, metric, to: path)
        let segment = try Segment(path: path)
        try segment.verify()
        #expect(segment.code.layout.hasBias)
        #expect(try recall(segment, vectors, queries, metric) >= 0.95)
        // From other places, too: beside the vectors, and opposite, where the codes must do alone.
        #expect(try recall(segment, vectors, noise(20, seed: 3), metric) >= 0.9)
        _ = try recall(segment, vectors, queries.map { $0.map { -$0 } }, metric)

        // Both ways of a merge keep what tells them apart.
        let parts = try [0, 1].map { part in
            let path = directory.path.appending("part\(part).hnsw")
            try SegmentWriter.merge([segment], dropping: { ($0 % 5 == 0) != (part == 1) }, to: path)
            return try Segment(path: path)
        }
        let whole = directory.path.appending("whole.hnsw")
        try SegmentWriter.merge(parts, dropping: { _ in false }, to: whole)
        let merged = try Segment(path: whole)
        try merged.verify()
        #expect(merged.count == count)
        #expect(try recall(merged, vectors, queries, metric) >= 0.9)
    }

    @Test(arguments: [VectorMetric.euclidean, .innerProduct, .cosine])
    func `one vector far from all others does not blur them`(metric: VectorMetric) throws {
        var vectors = noise(count, seed: 4)
        vectors[17] = vectors[17].map { $0 * 1e6 }
        let directory = try TemporaryDirectory()
        let path = directory.path.appending("one.hnsw")
        try build(vectors, metric, to: path)
        let segment = try Segment(path: path)
        try segment.verify()
        #expect(try recall(segment, vectors, noise(20, seed: 5), metric) >= 0.9)
    }

    @Test func `vectors around the origin keep no bias, and a few of them far away move no centre`() throws {
        let vectors = noise(count, seed: 6)
        let code = try VectorCode(
            fitting: MatrixVectors(Matrix(vectors)), metric: .innerProduct, seed: 1)
        #expect(!code.layout.hasBias)
        for dimension in 0..<dimensions {
            let mean = vectors.reduce(0.0) { $0 + Double($1[dimension]) } / Double(count)
            #expect(code.centre[dimension] == Float(mean))
        }
        let some = vectors.enumerated().map { $0 % 100 == 0 ? $1.map { 1e4 + $0 } : $1 }
        let other = try VectorCode(fitting: MatrixVectors(Matrix(some)), metric: .euclidean, seed: 1)
        #expect((0..<dimensions).allSatisfy { abs(other.centre[$0] - code.centre[$0]) < 0.1 })
    }

    @Test func `the angle does not depend on the vectors' scale`() throws {
        let (vectors, queries) = (noise(count, seed: 7), noise(20, seed: 8))
        let directory = try TemporaryDirectory()
        func found(_ scale: Float, queries queryScale: Float) throws -> [[Int64]] {
            let path = directory.path.appending("scaled.hnsw")
            try build(vectors.map { $0.map { $0 * scale } }, .cosine, to: path)
            return try SegmentSearcher(Segment(path: path)).search(
                Matrix(queries.map { $0.map { $0 * queryScale } }), k: 10, efSearch: 128
            ).map { $0.map(\.id) }
        }
        let expected = try found(1, queries: 1)
        // Powers of two change no digit.
        #expect(try found(0x1p-90, queries: 1) == expected)
        #expect(try found(0x1p40, queries: 0x1p-90) == expected)
    }

    @Test(arguments: [VectorMetric.innerProduct, .euclidean])
    func `vectors whose products vanish are refused`(metric: VectorMetric) throws {
        let vectors = noise(50, seed: 9).map { $0.map { $0 * 1e-25 } }
        let directory = try TemporaryDirectory()
        let path = directory.path.appending("small.npy")
        try NumpyFile.write(
            vectors.flatMap { $0.map(\.bitPattern) }, type: "<f4", columns: dimensions, to: path)
        var options = SegmentOptions()
        options.metric = metric
        let out = directory.path.appending("small.hnsw")
        let error = #expect(throws: KindredError.self) {
            try SegmentWriter.write(
                VectorFile(path), ids: (0..<50).map(Int64.init), fingerprint: fingerprint, to: out,
                options: options)
        }
        let largest = vectors.indices.max { a, b in
            vectors[a].map(abs).max()! < vectors[b].map(abs).max()!
        }!
        #expect(error?.code == .invalidData)
        #expect(error?.message.contains("vector \(largest) has the largest") == true)
        #expect(error?.location?.path == path.string)
        #expect(!FileManager.default.fileExists(atPath: out.string))
        // Zeros are no less than they are.
        try build([[Float]](repeating: [Float](repeating: 0, count: 8), count: 5), metric, to: out)
    }

    @Test func `a segment of format 2 is read`() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path.appending("000001.hnsw")
        let vectors = noise(300, seed: 10)
        try build(vectors, .cosine, to: path)
        let expected = try Segment(path: path).search(vectors[3], k: 5)
        var bytes = try [UInt8](Data(contentsOf: URL(fileURLWithPath: path.string)))
        func seal() {
            bytes.replaceSubrange(4092..<4096, with: littleEndian([CRC32C(Array(bytes[..<4092])).value]))
        }
        bytes[8] = 2
        seal()
        let older = try Segment(path: directory.file("older.hnsw", bytes))
        try older.verify()
        #expect(try older.search(vectors[3], k: 5) == expected)
        // It has no bias beside its heads.
        bytes[140] = 1
        seal()
        let error = #expect(throws: KindredError.self) {
            try Segment(path: directory.file("none.hnsw", bytes))
        }
        #expect(error?.code == .invalidData)
    }
}
