import Foundation
import KindredSystem
import KindredTensors
import KindredTestSupport
import Synchronization
import SystemPackage
import Testing

@testable import KindredIndex

private func unitVectors(_ count: Int, dimensions: Int, seed: UInt64) -> [[Float]] {
    var generator = SeededGenerator(seed: seed)
    return (0..<count).map { _ in
        let vector = (0..<dimensions).map { _ in Float.random(in: -1...1, using: &generator) }
        let length = vector.reduce(0) { $0 + $1 * $1 }.squareRoot()
        return vector.map { $0 / length }
    }
}

private let fingerprint = [UInt8](repeating: 7, count: 32)

@Suite struct IndexModelTests {
    /// Segments with deletions, as an index keeps them, beside a dictionary that always knows the truth.
    @Test(arguments: [1, 2, 3] as [UInt64])
    func
        `whatever is inserted, deleted, replaced, merged and filtered, searches find what a dictionary finds`(
            seed: UInt64
        ) throws
    {
        var generator = SeededGenerator(seed: seed)
        let directory = try TemporaryDirectory()
        let pool = unitVectors(4000, dimensions: 12, seed: seed)
        var truth: [Int64: [Float]] = [:]
        var segments: [Segment] = []
        var held: [Set<Int64>] = []
        var next = 0
        func live(_ index: Int) -> (Int64) -> Bool { { held[index].contains($0) } }
        func check() throws {
            let query = pool.randomElement(using: &generator)!
            let step = Int64.random(in: 1...4, using: &generator)
            func product(_ x: [Float]) -> Float { zip(query, x).reduce(0) { $0 + $1.0 * $1.1 } }
            let expected = truth.filter { $0.key % step == 0 }.mapValues(product).sorted {
                ($1.value, $0.key) < ($0.value, $1.key)
            }
            var found: [Neighbor] = []
            for (index, segment) in segments.enumerated() {
                found += try segment.search(query, k: 10) { held[index].contains($0) && $0 % step == 0 }
            }
            found.sort { ($1.score, $0.id) < ($0.score, $1.id) }
            #expect(found.prefix(10).count == min(10, expected.count))
            for hit in found.prefix(10) {
                let exact = try #require(truth[hit.id]).map { $0 }
                #expect(hit.id % step == 0 && abs(product(exact) - hit.score) < 0.02)
            }
            // Codes may swap near equals; what is found must be as near as what is true.
            for (hit, best) in zip(found.prefix(10), expected) { #expect(hit.score > best.value - 0.03) }
        }
        for _ in 0..<14 {
            switch Int.random(in: 0..<6, using: &generator) {
            case 0...2:
                // Insert, some of it under ids that are there already.
                let count = Int.random(in: 1...400, using: &generator)
                let ids = (0..<count).map { index in
                    index % 7 == 6
                        ? Int64.random(in: 0..<2000, using: &generator)
                        : Int64(2000 + truth.count * 3 + index)
                }
                let distinct = Array(Set(ids)).sorted()
                let vectors = distinct.map { _ in pool.randomElement(using: &generator)! }
                for index in held.indices { held[index].subtract(distinct) }
                let path = directory.path.appending("\(next).hnsw")
                next += 1
                try SegmentWriter.write(
                    vectors: Matrix(vectors), ids: distinct, fingerprint: fingerprint, to: path)
                segments.append(try Segment(path: path))
                held.append(Set(distinct))
                for (id, vector) in zip(distinct, vectors) { truth[id] = vector }
            case 3:
                for id in truth.keys.sorted().filter({ _ in Int.random(in: 0..<4, using: &generator) == 0 }) {
                    truth[id] = nil
                    for index in held.indices { held[index].remove(id) }
                }
            case 4 where segments.count > 1 && !truth.isEmpty:
                let path = directory.path.appending("\(next).hnsw")
                next += 1
                // An id may be dead in one segment and live in another, so dead ones are dropped segment by segment.
                var parts: [Segment] = []
                for (index, segment) in segments.enumerated() where !held[index].isEmpty {
                    let part = directory.path.appending("part\(next)-\(index).hnsw")
                    try SegmentWriter.merge([segment], dropping: { !held[index].contains($0) }, to: part)
                    parts.append(try Segment(path: part))
                }
                try SegmentWriter.merge(parts, dropping: { _ in false }, to: path)
                segments = [try Segment(path: path)]
                held = [Set(truth.keys)]
            default:
                // Open again.
                segments = try segments.map {
                    try Segment(path: $0.path, resident: Bool.random(using: &generator))
                }
            }
            for segment in segments { try segment.verify() }
            try check()
        }
    }

    @Test func `half of the vectors replaced by merges costs little recall and leaves every node reachable`()
        throws
    {
        let data = unitVectors(6000, dimensions: 16, seed: 4)
        let directory = try TemporaryDirectory()
        func write(_ rows: Range<Int>, _ name: String) throws -> Segment {
            let path = directory.path.appending(name)
            try SegmentWriter.write(
                vectors: Matrix(Array(data[rows])), ids: rows.map(Int64.init), fingerprint: fingerprint,
                to: path)
            return try Segment(path: path)
        }
        func recall(_ segment: Segment) throws -> Double {
            var found = 0
            for query in unitVectors(100, dimensions: 16, seed: 5) {
                let truth = Set(try segment.exactSearch(query, k: 10).map(\.id))
                found += try segment.search(query, k: 10, efSearch: 64).count { truth.contains($0.id) }
            }
            return Double(found) / 1000
        }
        var current = try write(0..<4000, "first.hnsw")
        for round in 0..<4 {
            let added = try write(4000 + round * 500..<4500 + round * 500, "added\(round).hnsw")
            let path = directory.path.appending("merged\(round).hnsw")
            try SegmentWriter.merge(
                [current, added], dropping: { $0 >= Int64(round) * 500 && $0 < Int64(round + 1) * 500 },
                to: path)
            current = try Segment(path: path)
            try current.verify()
        }
        let fresh = try write(2000..<6000, "fresh.hnsw")
        let (churned, built) = (try recall(current), try recall(fresh))
        #expect(churned >= built - 0.02, "\(churned) after churn, \(built) built anew")
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

@Suite struct DurabilityTests {
    /// Fails, tears or drops the n-th of the calls that make a file durable, and everything after it as a crash does.
    private final class Faults: Sendable {
        enum Kind: CaseIterable { case fail, tear, drop }

        private let calls = Atomic(0)
        let kind: Kind
        let failing: Int

        init(_ kind: Kind, at failing: Int) { (self.kind, self.failing) = (kind, failing) }

        var count: Int { calls.load(ordering: .relaxed) }

        private func isDue() -> Bool { calls.add(1, ordering: .relaxed).newValue == failing }

        var layer: FileLayer {
            let system = FileLayer.system
            return FileLayer(
                write: { descriptor, bytes, count in
                    guard self.isDue() else { return system.write(descriptor, bytes, count) }
                    switch self.kind {
                    case .fail:
                        errno = EIO
                        return -1
                    case .tear:
                        // A part is written, then the device is full.
                        _ = system.write(descriptor, bytes, count / 2)
                        errno = ENOSPC
                        return -1
                    case .drop: return count
                    }
                },
                sync: { descriptor in
                    guard self.isDue() else { return system.sync(descriptor) }
                    errno = EIO
                    return self.kind == .drop ? 0 : -1
                },
                rename: { from, to in
                    guard self.isDue() else { return system.rename(from, to) }
                    errno = EIO
                    return self.kind == .drop ? 0 : -1
                },
                syncDirectory: { descriptor in
                    guard self.isDue() else { return system.syncDirectory(descriptor) }
                    errno = EIO
                    return self.kind == .drop ? 0 : -1
                })
        }
    }

    @Test
    func
        `a write, sync or rename that fails, tears or is lost leaves the old file, the new one or a typed error`()
        throws
    {
        let directory = try TemporaryDirectory()
        let path = directory.path.appending("000001.hnsw")
        let old = unitVectors(300, dimensions: 24, seed: 1)
        let new = unitVectors(2000, dimensions: 24, seed: 2)
        func write(_ vectors: [[Float]], _ files: FileLayer = .system) throws {
            try SegmentWriter.write(
                vectors: Matrix(vectors), ids: (0..<Int64(vectors.count)).map { $0 },
                fingerprint: fingerprint, to: path,
                files: files)
        }
        let counting = Faults(.fail, at: .max)
        try write(new, counting.layer)
        #expect(counting.count >= 4)
        for kind in Faults.Kind.allCases {
            for call in 1...counting.count {
                try write(old)
                do {
                    try write(new, Faults(kind, at: call).layer)
                    #expect(kind == .drop)
                } catch let error as KindredError {
                    #expect(kind != .drop && [.inputOutput, .cannotCreate].contains(error.code))
                    #expect(error.location != nil)
                    let left = try FileManager.default.contentsOfDirectory(atPath: directory.path.string)
                    #expect(left == ["000001.hnsw"])
                }
                // What has the name is whole, or says that it is not.
                do {
                    let segment = try Segment(path: path)
                    try segment.verify()
                    #expect([300, 2000].contains(segment.count))
                } catch let error as KindredError {
                    #expect(kind == .drop && error.code == .invalidData, "\(error)")
                    #expect(error.location?.path == path.string && error.location?.byte != nil)
                }
            }
        }
    }

    @Test func `links are made anew from codes`() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path.appending("000001.hnsw")
        let data = unitVectors(3000, dimensions: 24, seed: 3)
        try SegmentWriter.write(
            vectors: Matrix(data), ids: (0..<3000).map(Int64.init), fingerprint: fingerprint, to: path)
        let header = try Segment(path: path).header
        var bytes = try [UInt8](Data(contentsOf: URL(fileURLWithPath: path.string)))
        for place in stride(from: header.offset(.links), to: header.offset(.entries), by: 1000) {
            bytes[place] ^= 0x55
        }
        _ = try directory.file("000001.hnsw", bytes)
        #expect(throws: KindredError.self) { try Segment(path: path).verify() }
        try SegmentWriter.rebuildLinks(of: Segment(path: path, links: .ignore))
        let repaired = try Segment(path: path)
        try repaired.verify()
        #expect(try repaired.search(data[5], k: 1).first?.id == 5)

        // Codes cannot be made again.
        bytes[header.offset(.rest) + 10] ^= 1
        _ = try directory.file("000001.hnsw", bytes)
        let error = #expect(throws: KindredError.self) {
            try SegmentWriter.rebuildLinks(of: Segment(path: path, links: .ignore))
        }
        #expect(error?.code == .invalidData)
    }
}

@Suite struct VectorFileTests {
    @Test func `arrays are read back as they were written, and others are refused with the place`() throws {
        let directory = try TemporaryDirectory()
        let values: [Float] = [1, -2.5, 3e-5, 4, 5, 6]
        let path = directory.path.appending("x.npy")
        try ArrayFile.write(values.map(\.bitPattern), type: "<f4", columns: 3, to: path)
        let file = try VectorFile(path)
        #expect(file.count == 2 && file.dimensions == 3)
        let buffer = AlignedBuffer<Float>(repeating: 0, count: 6)
        try file.read([1, 0], into: buffer)
        #expect(buffer.array() == [4, 5, 6, 1, -2.5, 3e-5])

        let halves = directory.path.appending("h.npy")
        try ArrayFile.write([0x3C00, 0xC100, 0x0001] as [UInt16], type: "<f2", columns: 3, to: halves)
        try VectorFile(halves).read([0], into: buffer)
        #expect(buffer.array(0..<3) == [1, -2.5, 0x1p-24])

        let fvecs = try directory.file(
            "x.fvecs", littleEndian([UInt32(2)]) + littleEndian([Float(7).bitPattern, Float(8).bitPattern]))
        try VectorFile(fvecs).read([0], into: buffer)
        #expect(buffer.array(0..<2) == [7, 8])

        let bytes = try [UInt8](Data(contentsOf: URL(fileURLWithPath: path.string)))
        for count in 0..<bytes.count {
            let cut = try directory.file("cut.npy", Array(bytes[..<count]))
            let error = #expect(throws: KindredError.self) { try VectorFile(cut) }
            #expect(error?.code == .invalidData && error?.location?.byte != nil)
        }
        let numbers = directory.path.appending("i.npy")
        try ArrayFile.write([1, 2] as [Int64], type: "<i8", columns: 2, to: numbers)
        #expect(throws: KindredError.self) { try VectorFile(numbers) }
        #expect(try ArrayFile.readRows(numbers) == [[1, 2]])
    }
}
