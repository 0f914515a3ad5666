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

/// Vectors of different lengths, whose variance falls from dimension to dimension.
private func unequalVectors(_ count: Int, dimensions: Int, seed: UInt64) -> [[Float]] {
    var generator = SeededGenerator(seed: seed)
    return unitVectors(count, dimensions: dimensions, seed: seed).map { vector in
        let length = Float.random(in: 0.5...1.5, using: &generator)
        return vector.enumerated().map { length * $1 / (1 + Float($0) / 20) + 0.02 }
    }
}

/// What searches must give, from the definition.
private func score(_ query: [Float], _ vector: [Float], _ metric: VectorMetric) -> Float {
    func product(_ x: [Float], _ y: [Float]) -> Float { zip(x, y).reduce(0) { $0 + $1.0 * $1.1 } }
    switch metric {
    case .cosine:
        return product(query, vector) / (product(query, query) * product(vector, vector)).squareRoot()
    case .innerProduct: return product(query, vector)
    case .euclidean: return -zip(query, vector).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
    }
}

/// Segments with deletions, as an index keeps them, beside a dictionary that always knows the truth.
private struct ModelledIndex {
    let metric: VectorMetric
    let directory: TemporaryDirectory
    private(set) var truth: [Int64: [Float]] = [:]
    private(set) var segments: [Segment] = []
    /// The ids of each segment that are neither deleted nor replaced.
    private(set) var live: [Set<Int64>] = []
    private var written = 0
    /// Neighbours that searches had to find, and those that they did.
    private(set) var wanted = 0
    private(set) var found = 0
    private(set) var walks = 0

    init(_ metric: VectorMetric) throws {
        self.metric = metric
        directory = try TemporaryDirectory()
    }

    private var options: SegmentOptions {
        var options = SegmentOptions()
        options.metric = metric
        return options
    }

    private mutating func nextFile() -> FilePath {
        written += 1
        return directory.path.appending("\(written).hnsw")
    }

    /// Inserts vectors; those whose ids are there already replace the old ones.
    mutating func insert(_ vectors: [Int64: [Float]]) throws {
        let ids = vectors.keys.sorted()
        for index in live.indices { live[index].subtract(ids) }
        let path = nextFile()
        try SegmentWriter.write(
            vectors: Matrix(ids.map { vectors[$0]! }), ids: ids, fingerprint: fingerprint, to: path,
            options: options)
        segments.append(try Segment(path: path))
        live.append(Set(ids))
        truth.merge(vectors) { $1 }
    }

    mutating func delete(_ ids: some Sequence<Int64>) {
        for id in ids {
            truth[id] = nil
            for index in live.indices { live[index].remove(id) }
        }
    }

    /// Leaves out what is dead, segment by segment, as a compaction does; then merges all.
    mutating func checkpoint() throws {
        guard !truth.isEmpty else { return }
        var parts: [Segment] = []
        for (index, segment) in segments.enumerated() where !live[index].isEmpty {
            let path = nextFile()
            try SegmentWriter.merge(
                [segment], dropping: { !live[index].contains($0) }, to: path, options: options)
            parts.append(try Segment(path: path))
        }
        let path = nextFile()
        try SegmentWriter.merge(parts, dropping: { _ in false }, to: path, options: options)
        segments = [try Segment(path: path)]
        live = [Set(truth.keys)]
    }

    mutating func reopen(resident: Bool) throws {
        segments = try segments.map { try Segment(path: $0.path, resident: resident) }
    }

    /// Searches with and without walks, for those ids that `accepts`, and compares with the dictionary.
    mutating func check(_ query: [Float], k: Int, efSearch: Int, accepts: (Int64) -> Bool) throws {
        let expected = truth.filter { accepts($0.key) }.map { (score(query, $0.value, metric), $0.key) }
            .sorted { $0.0 > $1.0 }
        // The least similar that looking at every code found.
        var least: Float?
        for walked in [false, true] {
            let limits = SegmentSearcher.ScanLimits(
                vectors: walked ? 0 : Segment.scanLimit, accepted: walked ? 0 : 8192)
            var hits: [Neighbor] = []
            for (index, segment) in segments.enumerated() {
                let filter = try SegmentFilter(segment) { live[index].contains($0) && accepts($0) }
                let some = try SegmentSearcher(segment, limits: limits).search(
                    Matrix([query]), k: k, efSearch: efSearch, filter: filter)[0]
                // Each segment gives as many as it has.
                #expect(some.count == min(k, filter.count))
                #expect(zip(some, some.dropFirst()).allSatisfy { $0.score >= $1.score })
                hits += some
            }
            hits.sort { ($1.score, $0.id) < ($0.score, $1.id) }
            let best = hits.prefix(k)
            #expect(best.count == min(k, expected.count) && Set(best.map(\.id)).count == best.count)
            for hit in best {
                let vector = try #require(truth[hit.id])
                #expect(accepts(hit.id) && abs(score(query, vector, metric) - hit.score) < 0.03)
            }
            // Codes may swap near equals; what is found must be as near as what is true.
            guard let last = best.last, let exact = expected.prefix(k).last else { continue }
            if let least {
                wanted += best.count
                found += best.count { $0.score >= least - 1e-5 }
                walks += 1
            } else {
                #expect(last.score > exact.0 - 0.03)
                least = last.score
            }
        }
    }
}

@Suite struct IndexModelTests {
    @Test(arguments: VectorMetric.allCases, [1, 2] as [UInt64])
    func
        `whatever is inserted, deleted, replaced, merged and filtered, searches find what a dictionary finds`(
            metric: VectorMetric, seed: UInt64
        ) throws
    {
        var generator = SeededGenerator(seed: seed)
        let pool = unequalVectors(3000, dimensions: 12, seed: seed)
        var index = try ModelledIndex(metric)
        var next: Int64 = 0
        func batch(_ count: Int) -> [Int64: [Float]] {
            var vectors: [Int64: [Float]] = [:]
            for number in 0..<count {
                // Some of it under ids that are there already.
                let replaces = number % 7 == 6 && next > 0
                let id = replaces ? Int64.random(in: 0..<next, using: &generator) : next
                if !replaces { next += 1 }
                vectors[id] = pool.randomElement(using: &generator)!
            }
            return vectors
        }
        try index.insert(batch(1200))
        for _ in 0..<12 {
            switch Int.random(in: 0..<6, using: &generator) {
            case 0...2: try index.insert(batch(Int.random(in: 1...400, using: &generator)))
            case 3:
                index.delete(
                    index.truth.keys.sorted().filter { _ in Int.random(in: 0..<4, using: &generator) == 0 })
            case 4: try index.checkpoint()
            default: try index.reopen(resident: Bool.random(using: &generator))
            }
            for segment in index.segments { try segment.verify() }
            for step in [1, 2, Int64.random(in: 3...50, using: &generator)] {
                try index.check(
                    pool.randomElement(using: &generator)!, k: Int.random(in: 1...20, using: &generator),
                    efSearch: 64
                ) { $0 % step == 0 }
            }
        }
        try index.checkpoint()
        try index.segments[0].verify()
        for row in 0..<20 { try index.check(pool[row], k: 10, efSearch: 64) { _ in true } }
        #expect(
            Double(index.found) >= 0.97 * Double(index.wanted),
            "\(index.found) of \(index.wanted) neighbours in \(index.walks) searches")
    }

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
        #expect(churned >= built - 0.005, "\(churned) after churn, \(built) built anew")

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
        #expect(after >= anew - 0.005, "\(after) after compaction, \(anew) built anew")
    }

    @Test(arguments: VectorMetric.allCases)
    func `links that are made anew from codes find as much as the first ones`(metric: VectorMetric) throws {
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
        // By the graph that is there, by building anew, and both together.
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

    /// What a crash can lose is what was not synced; so all of a file is synced before it has its name, and its name
    /// before anyone is told.
    @Test func `a file is synced after its last write, then renamed, then its directory is synced`() throws {
        enum Call: Equatable { case write, sync, rename, syncDirectory }
        let calls = Mutex<[Call]>([])
        let system = FileLayer.system
        let layer = FileLayer(
            write: { descriptor, bytes, count in
                calls.withLock { $0.append(.write) }
                return system.write(descriptor, bytes, count)
            },
            sync: { descriptor in
                calls.withLock { $0.append(.sync) }
                return system.sync(descriptor)
            },
            rename: { from, to in
                calls.withLock { $0.append(.rename) }
                return system.rename(from, to)
            },
            syncDirectory: { descriptor in
                calls.withLock { $0.append(.syncDirectory) }
                return system.syncDirectory(descriptor)
            })
        let directory = try TemporaryDirectory()
        let path = directory.path.appending("000001.hnsw")
        let data = unitVectors(2000, dimensions: 24, seed: 2)
        func expectOrder() {
            let made = calls.withLock { calls in
                defer { calls = [] }
                return calls
            }
            #expect(made.drop { $0 == .write } == [.sync, .rename, .syncDirectory] && made.count > 3)
        }
        try SegmentWriter.write(
            vectors: Matrix(data), ids: (0..<2000).map(Int64.init), fingerprint: fingerprint, to: path,
            files: layer)
        expectOrder()
        let merged = directory.path.appending("000002.hnsw")
        try SegmentWriter.merge(
            [Segment(path: path)], dropping: { $0 < 100 }, to: merged, files: layer)
        expectOrder()
        try SegmentWriter.rebuildLinks(of: Segment(path: merged), files: layer)
        expectOrder()
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

        let doubles = directory.path.appending("d.npy")
        func write(_ values: [Double], columns: Int) throws {
            try ArrayFile.write(values.map(\.bitPattern), type: "<f8", columns: columns, to: doubles)
        }
        try write([0.1, -2.5, 7, 1e-300, 0, 1, 0, 0, 0], columns: 3)
        try VectorFile(doubles).read([1, 0], into: buffer)
        #expect(buffer.array() == [0, 0, 1, 0.1, -2.5, 7])
        // What 32 bits do not hold is not rounded away.
        for bad in [1e300, 1e-300] {
            try write([1, bad], columns: 1)
            let error = #expect(throws: KindredError.self) {
                try VectorFile(doubles).read([0, 1], into: buffer)
            }
            #expect(error?.code == .invalidData && error?.location?.byte == 128 + 8)
        }

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
        // Vectors of another length within the file, and numbers that are none.
        func vector(_ values: [Float]) -> [UInt8] {
            littleEndian([UInt32(values.count)]) + littleEndian(values.map(\.bitPattern))
        }
        let mixed = try directory.file("mixed.fvecs", vector([1, 2]) + vector([3, 4, 5, 6, 7]))
        let length = #expect(throws: KindredError.self) { try VectorFile(mixed).read([0, 1], into: buffer) }
        #expect(length?.code == .invalidData && length?.location?.byte == 12)
        for bad in [Float.nan, .infinity, -.infinity, 2e15] {
            let path = directory.path.appending("bad.npy")
            try ArrayFile.write([0, 1, 2, bad].map(\.bitPattern), type: "<f4", columns: 2, to: path)
            let error = #expect(throws: KindredError.self) {
                try VectorFile(path).read([0, 1], into: buffer)
            }
            #expect(error?.code == .invalidData && error?.location?.byte == 128 + 8)
            let index = directory.path.appending("bad.kv")
            #expect(throws: KindredError.self) {
                try SegmentWriter.write(
                    VectorFile(path), ids: [0, 1], fingerprint: fingerprint, to: index)
            }
            #expect(!FileManager.default.fileExists(atPath: index.string))
        }
        // No rows, and columns after each other.
        for (order, shape, message) in [("False", "(0, 3)", "no rows"), ("True", "(2, 3)", "Fortran")] {
            var header = "{'descr': '<f4', 'fortran_order': \(order), 'shape': \(shape), }"
            header += String(repeating: " ", count: 117 - header.utf8.count) + "\n"
            let content = [UInt8](repeating: 0, count: order == "True" ? 24 : 0)
            let path = try directory.file(
                "order.npy", [0x93] + Array("NUMPY".utf8) + [1, 0, 118, 0] + Array(header.utf8) + content)
            let error = #expect(throws: KindredError.self) { try VectorFile(path) }
            #expect(error?.code == .invalidData && error?.message.contains(message) == true)
        }
        // Shapes that no file can have.
        for shape in [
            "(1099511627776, 1048576)", "(99999999999999999999, 1)", "(-1, 4)", "(3,)", "()", "(1, 2, 3)",
        ] {
            for type in ["<f4", "<i8"] {
                var header = "{'descr': '\(type)', 'fortran_order': False, 'shape': \(shape), }"
                header += String(repeating: " ", count: 117 - header.utf8.count) + "\n"
                let bytes = [0x93] + Array("NUMPY".utf8) + [1, 0, 118, 0] + Array(header.utf8)
                let path = try directory.file("shape.npy", bytes)
                let error = #expect(throws: KindredError.self) {
                    if type == "<f4" { _ = try VectorFile(path) } else { _ = try ArrayFile.readRows(path) }
                }
                #expect(error?.code == .invalidData && error?.location?.byte != nil)
            }
        }
        let numbers = directory.path.appending("i.npy")
        try ArrayFile.write([1, 2] as [Int64], type: "<i8", columns: 2, to: numbers)
        #expect(throws: KindredError.self) { try VectorFile(numbers) }
        #expect(try ArrayFile.readRows(numbers) == [[1, 2]])
    }
}
