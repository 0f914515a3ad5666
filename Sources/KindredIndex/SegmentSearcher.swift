import KindredSystem
import KindredTensors

/// Searches a segment and owns the scratch memory for it; used by one thread at a time.
///
/// A walk over the graph compares coarse codes (heads); the full codes re-rank its result.
package final class SegmentSearcher: @unchecked Sendable {
    private let segment: Segment
    /// For the next searcher of the same segment, which must not keep the segment alive.
    let memory: Memory
    private var walk: GraphWalk { memory.walk }

    /// What searches of a segment work in.
    final class Memory: @unchecked Sendable {
        /// Of the walks that take turns.
        let queries: [CodedQuery]
        let walk: GraphWalk
        let rows = AlignedBuffer<UInt32>(repeating: 0, count: 1024)
        var scores = AlignedBuffer<Float>(repeating: 0, count: 1024)
        /// The best `k` scores so far, falling; how a ranking knows when to stop.
        var top: [Float] = []
        var isChecked = false

        init(_ segment: Segment) {
            queries = (0..<SegmentSearcher.walks).map { _ in CodedQuery(layout: segment.code.layout) }
            walk = GraphWalk(planes: segment.planes, links: segment.links)
        }

        func reserve(_ count: Int) {
            guard scores.count < count else { return }
            scores = AlignedBuffer(repeating: 0, count: count)
        }

        /// Takes a score in among the best `k`.
        func note(_ score: Float, k: Int) {
            if top.count == k, score <= top[k - 1] { return }
            if top.count == k { top.removeLast() }
            var at = top.count
            while at > 0, top[at - 1] < score { at -= 1 }
            top.insert(score, at: at)
        }
    }

    /// Up to this many vectors, or accepted ones, are scanned instead of walked.
    struct ScanLimits {
        var vectors = Segment.scanLimit
        var accepted = 8192
    }
    private let limits: ScanLimits
    /// Up to this share of accepted vectors a walk compares no others.
    static let twoHopShare = 0.4
    /// The walk starts from this many of the entries.
    static let seeds = 8
    /// Walks that take turns where there are several queries.
    static let walks = 4

    package convenience init(_ segment: Segment) { self.init(segment, limits: ScanLimits()) }

    /// - Parameters:
    ///   - limits: tests set lower ones, so that small segments are walked too.
    ///   - memory: of a searcher of this segment that is done.
    init(_ segment: Segment, limits: ScanLimits = ScanLimits(), memory: Memory? = nil) {
        self.segment = segment
        self.limits = limits
        self.memory = memory ?? Memory(segment)
    }

    /// The best of each query, best first, ties by id.
    ///
    /// - Parameters:
    ///   - queries: a query a row.
    ///   - efSearch: candidates that are kept on the walk, at least `k`; nil to look at every code.
    ///   - onResult: is told the number of each query as soon as it is answered.
    /// - Throws: `invalidRequest` for queries of other dimensions or with a number that is not finite; `invalidData`
    ///   where the file is damaged.
    package func search(
        _ queries: Matrix, k: Int, efSearch: Int?, filter: SegmentFilter? = nil,
        onResult: ((Int) -> Void)? = nil
    ) throws -> [[Neighbor]] {
        try check(queries)
        guard k > 0, queries.rows > 0 else { return Array(repeating: [], count: queries.rows) }
        let k = min(k, segment.count)
        if !memory.isChecked {
            try segment.checkWalked()
            memory.isChecked = true
        }
        let (rotated, starts) = self.rotated(queries)
        let filter = filter.flatMap { $0.count == segment.count ? nil : $0 }
        var results: [[Neighbor]] = []
        results.reserveCapacity(starts.count)
        for first in stride(from: 0, to: starts.count, by: Self.walks) {
            let some = memory.queries.prefix(min(Self.walks, starts.count - first))
            for (index, query) in some.enumerated() {
                query.set(
                    rotated, at: (first + index) * queries.columns, offset: starts[first + index].offset)
            }
            for found in try nearest(some, k: k, efSearch: efSearch, filter: filter) {
                let start = starts[results.count]
                results.append(found.map { similarity($0, start) })
                onResult?(results.count - 1)
            }
        }
        return results
    }

    /// The similarities of a query and some rows, in their order.
    ///
    /// - Parameter query: one row.
    /// - Throws: as `search` does.
    func similarities(_ query: Matrix, of rows: [UInt32]) throws -> [Neighbor] {
        try check(query)
        try segment.check(rows)
        let (rotated, starts) = self.rotated(query)
        memory.queries[0].set(rotated, at: 0, offset: starts[0].offset)
        let scores = AlignedBuffer<Float>(repeating: 0, count: rows.count)
        segment.planes.rescore(memory.queries[0], AlignedBuffer(rows), 0..<rows.count, into: scores)
        return rows.indices.map {
            similarity(Neighbor(id: segment.id(Int(rows[$0])), score: scores[$0]), starts[0])
        }
    }

    private func check(_ queries: Matrix) throws {
        guard queries.columns == segment.dimensions,
            VectorRows.firstUnusable(queries.elements, count: queries.rows, dimensions: queries.columns)
                == nil
        else {
            throw KindredError(
                .invalidRequest, "a query must have \(segment.dimensions) finite numbers below 1e15")
        }
    }

    private func rotated(_ queries: Matrix) -> (AlignedBuffer<Float>, [VectorCode.QueryStart]) {
        let given = AlignedBuffer<Float>(repeating: 0, count: queries.rows * queries.columns)
        given.copy(queries.elements, from: 0..<given.count, at: 0)
        let rotated = AlignedBuffer<Float>(repeating: 0, count: given.count)
        return (rotated, segment.code.queries(given, count: queries.rows, into: rotated))
    }

    /// The similarity that a code similarity stands for.
    private func similarity(_ found: Neighbor, _ start: VectorCode.QueryStart) -> Neighbor {
        guard segment.code.layout.hasBias else { return found }
        let score = start.scale * found.score + start.added
        // Rounding must not make a distance less than none.
        return Neighbor(id: found.id, score: segment.metric == .euclidean ? min(0, score) : score)
    }

    private func nearest(
        _ queries: ArraySlice<CodedQuery>, k: Int, efSearch: Int?, filter: SegmentFilter?
    ) throws -> [[Neighbor]] {
        guard let efSearch, segment.count > limits.vectors, (filter?.count ?? .max) > limits.accepted else {
            return try queries.map { try scan($0, k: k, filter: filter) }
        }
        let ef = min(max(efSearch, k), segment.count)
        let accepted = filter.map { filter in
            (
                bits: filter.bits,
                filter: Double(filter.count) <= Self.twoHopShare * Double(segment.count)
                    ? GraphWalk.Filter.twoHops : .collect
            )
        }
        walk.search(queries, ef: ef, entries: segment.entries, seeds: Self.seeds, accepted: accepted)
        return try zip(queries, walk.found).map { query, found in
            // A filter may have cut the walk off from what it accepts.
            guard found.count >= min(k, filter?.count ?? segment.count) else {
                return try scan(query, k: k, filter: filter)
            }
            return try ranked(query, found, k: k)
        }
    }

    /// Re-ranks a walk's result by the full codes, in order of coarse similarity. Stops when the next coarse similarity
    /// plus the largest gain so far cannot reach the best `k`.
    private func ranked(_ query: CodedQuery, _ found: Range<Int>, k: Int) throws -> [Neighbor] {
        var best: [Neighbor] = []
        memory.top.removeAll(keepingCapacity: true)
        var shortfall = -Float.infinity
        var next = found.lowerBound
        while next < found.upperBound {
            let size = best.isEmpty ? max(2 * k, Self.firstRanked) : Self.laterRanked
            let range = next..<min(next + size, found.upperBound)
            memory.reserve(range.count)
            let scores = memory.scores
            try segment.check(walk.rows, range)
            segment.planes.rescore(query, walk.rows, range, into: scores)
            for place in range {
                let score = scores[place - next]
                best.append(Neighbor(id: segment.id(Int(walk.rows[place])), score: score))
                shortfall = max(shortfall, score - walk.similarities[place])
                memory.note(score, k: k)
            }
            next = range.upperBound
            if next < found.upperBound, memory.top.count == k,
                walk.similarities[next] + shortfall < memory.top[k - 1]
            {
                break
            }
        }
        return best.best(k)
    }

    /// Rows that are re-ranked first, and then at a time.
    private static let (firstRanked, laterRanked) = (32, 8)

    /// Looks at every code, or every accepted one.
    private func scan(_ query: CodedQuery, k: Int, filter: SegmentFilter?) throws -> [Neighbor] {
        try segment.checkAll()
        let (rows, scores) = (memory.rows, memory.scores)
        var best: [Neighbor] = []
        var worst = -Float.infinity
        var row = 0
        while row < segment.count {
            var some = 0
            while row < segment.count, some < 1024 {
                if filter?.accepts(row) ?? true {
                    rows[some] = UInt32(row)
                    some += 1
                }
                row += 1
            }
            segment.planes.rescore(query, rows, 0..<some, into: scores)
            for index in 0..<some where scores[index] >= worst {
                best.append(Neighbor(id: segment.id(Int(rows[index])), score: scores[index]))
                if best.count >= 4 * k + 64 {
                    best = best.best(k)
                    worst = best.last?.score ?? worst
                }
            }
        }
        return best.best(k)
    }
}

extension Segment {
    fileprivate func check(_ rows: AlignedBuffer<UInt32>, _ range: Range<Int>) throws {
        try check(range.lazy.map { rows[$0] })
    }
}
