import Foundation
import KindredSystem
import KindredTensors
import KindredTestSupport
import SystemPackage
import Testing

@testable import KindredIndex

/// Unit vectors in clusters around a common mean, as encoders make them.
private func vectors(_ count: Int, dimensions: Int, seed: UInt64 = 1) -> [[Float]] {
    var generator = SeededGenerator(seed: seed)
    func noise(_ scale: Float) -> [Float] {
        (0..<dimensions).map { _ in
            // The sum of four uniform numbers is near enough to normal.
            scale * (0..<4).reduce(Float(0)) { sum, _ in sum + Float.random(in: -1...1, using: &generator) }
        }
    }
    func unit(_ vector: [Float]) -> [Float] {
        let length = vector.reduce(0) { $0 + $1 * $1 }.squareRoot()
        return vector.map { $0 / length }
    }
    let mean = noise(1)
    let centres = (0..<40).map { _ in zip(mean, noise(0.6)).map(+) }
    return (0..<count).map { unit(zip(centres[$0 % 40], noise(0.5)).map(+)) }
}

private func exact(_ query: [Float], _ vectors: [[Float]], k: Int) -> Set<Int64> {
    let scored = vectors.enumerated().map { (zip(query, $1).reduce(Float(0)) { $0 + $1.0 * $1.1 }, $0) }
    return Set(scored.sorted { $0.0 > $1.0 }.prefix(k).map { Int64($0.1) })
}

private let fingerprint = Fingerprint(bytes: UInt8(0)..<32)!

/// A segment with ids 0..<count in a directory of its own.
private struct BuiltSegment {
    let directory: TemporaryDirectory
    let vectors: [[Float]]
    let path: FilePath

    init(_ vectors: [[Float]], threads: Int = 2) throws {
        directory = try TemporaryDirectory()
        self.vectors = vectors
        path = directory.path.appending("000001.hnsw")
        try SegmentWriter.write(
            vectors: Matrix(vectors), ids: (0..<Int64(vectors.count)).map { $0 }, fingerprint: fingerprint,
            to: path,
            threads: threads)
    }

    func open() throws -> Segment {
        try withExtendedLifetime(directory) { try Segment(path: path, fingerprint: fingerprint) }
    }

    func bytes() throws -> [UInt8] {
        try withExtendedLifetime(directory) {
            try [UInt8](Data(contentsOf: URL(fileURLWithPath: path.string)))
        }
    }
}

@Suite struct SegmentTests {
    @Test func `recall at ten is at least 0.95 at the default efSearch`() throws {
        let data = vectors(4000, dimensions: 96)
        let built = try BuiltSegment(Array(data[..<3900]))
        let segment = try built.open()
        #expect(segment.count > Segment.scanLimit)
        try segment.verify()
        var found = 0
        for query in data[3900...] {
            let truth = exact(query, built.vectors, k: 10)
            found += try segment.search(query, k: 10).count { truth.contains($0.id) }
        }
        #expect(Double(found) / 1000 >= 0.95)
    }

    @Test func `the file does not depend on the number of threads`() throws {
        let data = vectors(700, dimensions: 40)
        let one = try BuiltSegment(data, threads: 1).bytes()
        #expect(try one == BuiltSegment(data, threads: 2).bytes())
    }

    @Test func `a filter gives as many as there are, of those it accepts`() throws {
        let data = vectors(2500, dimensions: 24)
        let segment = try BuiltSegment(data).open()
        for step in [1, 2, 100, 1000, 5000] {
            let accepted = { (id: Int64) in id % Int64(step) == 0 }
            let hits = try segment.search(data[1], k: 20, where: accepted)
            #expect(
                try hits
                    == segment.exactSearch(data[1], k: 20, filter: SegmentFilter(segment, where: accepted)))
            #expect(hits.count == min(20, (0..<2500).count { accepted(Int64($0)) }))
            #expect(hits.allSatisfy { accepted($0.id) })
            #expect(zip(hits, hits.dropFirst()).allSatisfy { $0.score >= $1.score })
        }
        #expect(try segment.search(data[1], k: 20, where: { _ in false }).isEmpty)
    }

    @Test func `a thousand equal vectors leave the others findable`() throws {
        var data = vectors(1500, dimensions: 16)
        for row in 200..<1200 { data[row] = data[200] }
        let segment = try BuiltSegment(data).open()
        try segment.verify()
        for row in [0, 100, 199, 1200, 1499] {
            #expect(try segment.search(data[row], k: 1).first?.id == Int64(row))
        }
    }

    @Test(arguments: [1, 2, 3, 17, 40])
    func `small segments of few dimensions give every vector`(count: Int) throws {
        let data = vectors(count, dimensions: 3)
        let segment = try BuiltSegment(data).open()
        try segment.verify()
        #expect(try segment.search(data[0], k: count + 5).count == count)
    }

    @Test(arguments: [1, 2, 7, 100], [1, 3, 17, 100, 384, 2048, 5000])
    func `any shape is built, found, merged and mended`(count: Int, dimensions: Int) throws {
        let directory = try TemporaryDirectory()
        var data = vectors(count, dimensions: dimensions, seed: UInt64(dimensions))
        // Equal ones, zeros, and both ends of what a number may be.
        if count >= 7 {
            data[3] = data[2]
            data[4] = [Float](repeating: 0, count: dimensions)
            data[5] = data[5].map { $0 * 9e14 }
            data[6] = data[6].map { $0 * 1e-30 }
        }
        for metric in VectorMetric.allCases {
            var options = SegmentOptions()
            options.metric = metric
            let path = directory.path.appending("\(metric).hnsw")
            try SegmentWriter.write(
                vectors: Matrix(data), ids: (0..<Int64(count)).map { $0 << 33 }, fingerprint: fingerprint,
                to: path, options: options)
            let merged = directory.path.appending("merged.hnsw")
            try SegmentWriter.merge(
                [Segment(path: path)], dropping: { count > 1 && $0 == 1 << 33 }, to: merged, options: options)
            try SegmentWriter.rebuildLinks(of: Segment(path: path))
            for (file, count) in [(path, count), (merged, max(1, count - 1))] {
                let segment = try Segment(path: file)
                try segment.verify()
                #expect(segment.count == count)
                let searcher = SegmentSearcher(segment, limits: .init(vectors: 0, accepted: 0))
                for k in [1, count, count + 5, 1000] {
                    for efSearch in [1, 64] {
                        let found = try searcher.search(Matrix([data[0]]), k: k, efSearch: efSearch)[0]
                        #expect(found.count == min(k, count) && found.allSatisfy { $0.score.isFinite })
                    }
                }
                guard data.count < 7 else { continue }
                #expect(try segment.search(data[0], k: 1).first?.id == 0)
            }
        }
    }

    @Test func `a segment that was searched is let go with its file`() throws {
        let built = try BuiltSegment(vectors(300, dimensions: 8))
        weak var left: Segment?
        do {
            let segment = try built.open()
            _ = try segment.search(built.vectors[0], k: 3)
            left = segment
        }
        #expect(left == nil)
    }

    @Test func `a merge keeps what is not dropped and finds it`() throws {
        let data = vectors(3000, dimensions: 48)
        let directory = try TemporaryDirectory()
        var parts: [Segment] = []
        for part in 0..<3 {
            let rows = part * 1000..<(part + 1) * 1000
            let path = directory.path.appending("\(part).hnsw")
            try SegmentWriter.write(
                vectors: Matrix(Array(data[rows])), ids: rows.map(Int64.init), fingerprint: fingerprint,
                to: path)
            parts.append(try Segment(path: path))
        }
        let merged = directory.path.appending("merged.hnsw")
        try SegmentWriter.merge(parts, dropping: { $0 % 10 == 0 }, to: merged)
        let segment = try Segment(path: merged, fingerprint: fingerprint)
        try segment.verify()
        #expect(segment.count == 2700)
        var found = 0
        for row in stride(from: 1, to: 3000, by: 30) {
            let truth = exact(data[row], data, k: 20).filter { $0 % 10 != 0 }
            found += try segment.search(data[row], k: 10).count { truth.contains($0.id) }
        }
        #expect(Double(found) / 1000 >= 0.95)
    }

    @Test func `numbers that are not finite are refused`() throws {
        var data = vectors(10, dimensions: 4)
        let segment = try BuiltSegment(data).open()
        #expect(throws: KindredError.self) { try segment.search([.nan, 0, 0, 0], k: 1) }
        #expect(throws: KindredError.self) { try segment.search([1, 0], k: 1) }
        data[3][1] = .infinity
        let error = #expect(throws: KindredError.self) { try BuiltSegment(data) }
        #expect(error?.code == .invalidData)
    }
}

@Suite struct DamagedSegmentTests {
    @Test func `a segment of another encoder or of a newer Kindred is told as such`() throws {
        let built = try BuiltSegment(vectors(50, dimensions: 8))
        let other = #expect(throws: KindredError.self) {
            try Segment(path: built.path, fingerprint: Fingerprint(bytes: [UInt8](repeating: 9, count: 32)))
        }
        #expect(other?.code == .incompatible)

        var bytes = try built.bytes()
        bytes[8] = UInt8(SegmentHeader.version) + 1
        let path = try built.directory.file("newer.hnsw", bytes)
        let newer = #expect(throws: KindredError.self) { try Segment(path: path) }
        #expect(newer?.code == .incompatible)
        #expect(newer?.message.contains("newer") == true)
    }

    @Test func `a file that was cut off anywhere is refused`() throws {
        let built = try BuiltSegment(vectors(50, dimensions: 8))
        let bytes = try built.bytes()
        for count in Array(0..<20) + Array(stride(from: 20, to: bytes.count, by: 777)) + [bytes.count - 1] {
            let path = try built.directory.file("cut.hnsw", Array(bytes[..<count]))
            #expect(throws: KindredError.self) { try Segment(path: path) }
        }
    }

    @Test func `a file of an older format says to recreate the index`() throws {
        let built = try BuiltSegment(vectors(50, dimensions: 8))
        var bytes = try built.bytes()
        bytes[8] = 1
        let path = try built.directory.file("older.hnsw", bytes)
        let older = #expect(throws: KindredError.self) { try Segment(path: path) }
        #expect(older?.code == .incompatible)
        #expect(older?.message.contains("recreate the index") == true)
    }

    @Test func `every field of the header that is changed is told with its file and byte`() throws {
        let built = try BuiltSegment(vectors(50, dimensions: 8))
        let bytes = try built.bytes()
        for place in 0..<200 {
            var damaged = bytes
            damaged[place] ^= 1
            // With the checksum put right again, only the field's own check is left.
            for repaired in [false, true] {
                if repaired {
                    damaged.replaceSubrange(
                        4092..<4096, with: littleEndian([CRC32C(Array(damaged[..<4092])).value]))
                }
                let path = try built.directory.file("damaged.hnsw", damaged)
                do {
                    let segment = try Segment(path: path)
                    #expect(repaired, "byte \(place)")
                    // What the numbers say then may be another truth, but nothing may trap on it.
                    _ = try segment.search([Float](repeating: 0.5, count: segment.dimensions), k: 5)
                    try segment.verify()
                } catch let error as KindredError {
                    #expect(
                        error.location?.path == path.string && error.location?.byte != nil, "byte \(place)")
                }
            }
        }
    }

    @Test func `whatever a header says, nothing traps on it`() throws {
        let built = try BuiltSegment(vectors(50, dimensions: 300))
        let bytes = try built.bytes()
        var generator = SeededGenerator(seed: 3)
        for _ in 0..<600 {
            var forged = bytes
            for _ in 0..<Int.random(in: 1...3, using: &generator) {
                let place = 12 + 4 * Int.random(in: 0..<51, using: &generator)
                let value: UInt32 =
                    switch Int.random(in: 0..<4, using: &generator) {
                    case 0: .random(in: 0...4, using: &generator)
                    case 1: .random(in: 0...1024, using: &generator)
                    case 2:
                        Float(
                            sign: .plus, exponent: .random(in: -126...127, using: &generator), significand: 1
                        )
                        .bitPattern
                    default: .random(in: 0...UInt32.max, using: &generator)
                    }
                forged.replaceSubrange(place..<place + 4, with: littleEndian([value]))
            }
            forged.replaceSubrange(4092..<4096, with: littleEndian([CRC32C(Array(forged[..<4092])).value]))
            let path = try built.directory.file("forged.hnsw", forged)
            do {
                let segment = try Segment(path: path)
                let query = [Float](repeating: 9e14, count: segment.dimensions)
                _ = try SegmentSearcher(segment, limits: .init(vectors: 0, accepted: 0)).search(
                    Matrix([query]), k: 5, efSearch: 20)
                try segment.verify()
                let merged = built.directory.path.appending("merged.hnsw")
                try SegmentWriter.merge([segment], dropping: { $0 == 1 }, to: merged)
            } catch let error as KindredError {
                let isOfFile = error.location?.path == path.string && error.location?.byte != nil
                #expect(isOfFile || error.code == .invalidRequest, "\(error)")
            }
        }
    }

    /// Kinds of damage, in turn: each field of the header with each of several values, as it is and with the header's
    /// checksum put right again; then random bytes, in each section as often, and cuts. `KINDRED_TRIALS` says how many.
    @Test func `damage of any kind is told with file and byte, or answered rightly`() throws {
        let trials = ProcessInfo.processInfo.environment["KINDRED_TRIALS"].flatMap { Int($0) } ?? 250
        let data = vectors(8300, dimensions: 40)
        let built = try BuiltSegment(data)
        let queries = Matrix(Array(data[..<5]))
        func answers(_ path: FilePath) throws -> [[Neighbor]] {
            let segment = try Segment(path: path)
            let query =
                segment.dimensions == 40
                ? queries : Matrix([[Float](repeating: 0.5, count: segment.dimensions)])
            return try SegmentSearcher(segment).search(query, k: 10, efSearch: 64)
        }
        let right = try answers(built.path)
        let bytes = try built.bytes()
        let header = try built.open().header
        let starts = header.offsets + [4096]
        var generator = SeededGenerator(seed: 11)
        // Byte and size of every field; the table stands above SegmentHeader.
        let fields =
            [(0, 8), (8, 4), (12, 4), (16, 8)] + stride(from: 24, to: 144, by: 4).map { ($0, 4) }
            + stride(from: 144, to: 216, by: 8).map { ($0, 8) } + [(4088, 4), (4092, 4)]
        var damages: [(byte: Int, value: UInt64, size: Int, isRepaired: Bool)] = []
        for (byte, size) in fields {
            let old = (0..<size).reduce(UInt64(0)) { $0 | UInt64(bytes[byte + $1]) << UInt64(8 * $1) }
            let top = size == 8 ? UInt64.max : UInt64(UInt32.max)
            var values = [0, 1, old &+ 1, old &- 1, old &* 2, top, top >> 1]
            values += [.random(in: 0...top, using: &generator), .random(in: 0...1000, using: &generator)]
            for value in values where value & top != old {
                damages.append((byte, value, size, false))
                if byte < 4092 { damages.append((byte, value, size, true)) }
            }
        }
        if trials < damages.count { damages = damages.shuffled(using: &generator) }
        var counts: [String: Int] = [:]
        for trial in 0..<trials {
            var damaged = bytes
            var isRepaired = false
            var kind = "bytes"
            if trial < min(damages.count, trials / 2) {
                let damage = damages[trial]
                for place in 0..<damage.size {
                    damaged[damage.byte + place] = UInt8(
                        truncatingIfNeeded: damage.value >> UInt64(8 * place))
                }
                isRepaired = damage.isRepaired
                if isRepaired {
                    let checksum = CRC32C(Array(damaged[..<4092])).value
                    damaged.replaceSubrange(4092..<4096, with: littleEndian([checksum]))
                }
                kind = isRepaired ? "fields, checksum put right" : "fields"
            } else if trial % 10 == 0 {
                kind = "cuts"
                if Int.random(in: 0..<10, using: &generator) == 0 {
                    damaged += [UInt8](repeating: 0, count: .random(in: 1...5000, using: &generator))
                } else {
                    let places = [
                        Int.random(in: 0..<bytes.count, using: &generator),
                        starts.randomElement(using: &generator)!, .random(in: 0..<300, using: &generator),
                    ]
                    damaged.removeSubrange(min(places.randomElement(using: &generator)!, bytes.count - 1)...)
                }
            } else {
                let section = Int.random(in: 0..<8, using: &generator)
                let end = max(header.offsets[section + 1], header.offsets[section] + 1)
                let place = Int.random(in: header.offsets[section]..<end, using: &generator)
                damaged[place] ^= .random(in: 1...255, using: &generator)
            }
            let path = try built.directory.file("damaged.hnsw", damaged)
            do {
                let found = try answers(path)
                // What a forged header says may be another truth.
                #expect(isRepaired || found == right, "trial \(trial), \(kind)")
                counts[kind + ": answered", default: 0] += 1
            } catch let error as KindredError {
                #expect(error.location?.path == path.string && error.location?.byte != nil, "\(error)")
                counts[kind + ": told", default: 0] += 1
            }
        }
        #expect(counts.values.reduce(0, +) == trials)
        if trials > 1000 { print(counts.sorted { $0.key < $1.key }) }
    }

    @Test func `whatever byte is changed, a search answers rightly or throws, and verify finds it`() throws {
        let data = vectors(2200, dimensions: 8)
        let built = try BuiltSegment(data)
        let right = try built.open().search(data[0], k: 5)
        let bytes = try built.bytes()
        var generator = SeededGenerator(seed: 5)
        let places =
            Array(stride(from: 0, to: 200, by: 3))
            + (0..<150).map { _ in Int.random(in: 4096..<bytes.count, using: &generator) }
        for place in places {
            var damaged = bytes
            damaged[place] ^= UInt8.random(in: 1...255, using: &generator)
            let path = try built.directory.file("damaged.hnsw", damaged)
            do {
                #expect(try Segment(path: path).search(data[0], k: 5) == right, "byte \(place)")
            } catch let error as KindredError {
                #expect(error.location?.path == path.string && error.location?.byte != nil, "byte \(place)")
            }
            #expect(throws: KindredError.self, "byte \(place)") { try Segment(path: path).verify() }
        }
    }
}
