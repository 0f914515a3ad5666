import KindredSystem
import KindredTensors
import KindredTestSupport
import SystemPackage
import Testing

@testable import KindredIndex

private let fingerprint = Fingerprint(bytes: [UInt8](repeating: 7, count: 32))!

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
}
