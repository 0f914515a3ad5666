import KindredSystem
import KindredTensors

/// Searches a segment, with the memory that takes; owned by one thread at a time.
///
/// A query goes down the graph by the heads of the codes; what the walk found is ranked by all their bits.
package final class SegmentSearcher: @unchecked Sendable {
    private let segment: Segment
    /// For the next searcher of the same segment, which must not keep the segment alive.
    let memory: Memory
    private var query: CodedQuery { memory.query }
    private var walk: GraphWalk { memory.walk }

    /// What searches of a segment work in.
    final class Memory: @unchecked Sendable {
        let query: CodedQuery
        let walk: GraphWalk
        var rows = AlignedBuffer<UInt32>(repeating: 0, count: 1024)
        var scores = AlignedBuffer<Float>(repeating: 0, count: 1024)
        var isChecked = false

        init(_ segment: Segment) {
            query = CodedQuery(layout: segment.code.layout)
            walk = GraphWalk(planes: segment.planes, links: segment.links)
        }

        func reserve(_ count: Int) {
            guard scores.count < count else { return }
            rows = AlignedBuffer(repeating: 0, count: count)
            scores = AlignedBuffer(repeating: 0, count: count)
        }
    }

    /// Up to so many vectors, or accepted ones, each is looked at instead of a walk.
    struct ScanLimits {
        var vectors = Segment.scanLimit
        var accepted = 8192
    }
    private let limits: ScanLimits
    /// Up to this share of accepted vectors a walk compares no others.
    static let twoHopShare = 0.4
    /// The walk starts from so many of the entries.
    static let seeds = 8

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
        guard queries.columns == segment.dimensions,
            VectorRows.firstUnusable(queries.elements, count: queries.rows, dimensions: queries.columns)
                == nil
        else {
            throw KindredError(
                .invalidRequest, "a query must have \(segment.dimensions) finite numbers below 1e15")
        }
        guard k > 0, queries.rows > 0 else { return Array(repeating: [], count: queries.rows) }
        let k = min(k, segment.count)
        if !memory.isChecked {
            try segment.checkWalked()
            memory.isChecked = true
        }
        let given = AlignedBuffer<Float>(repeating: 0, count: queries.rows * queries.columns)
        given.copy(queries.elements, from: 0..<given.count, at: 0)
        let rotated = AlignedBuffer<Float>(repeating: 0, count: given.count)
        let starts = segment.code.queries(given, count: queries.rows, into: rotated)
        let filter = filter.flatMap { $0.count == segment.count ? nil : $0 }
        return try starts.enumerated().map { index, start in
            query.set(rotated, at: index * queries.columns, offset: start.offset)
            let found = try ranked(k: k, efSearch: efSearch, filter: filter)
            onResult?(index)
            guard segment.metric == .euclidean else { return found }
            return found.map { Neighbor(id: $0.id, score: min(0, 2 * $0.score - start.square)) }
        }
    }

    private func ranked(k: Int, efSearch: Int?, filter: SegmentFilter?) throws -> [Neighbor] {
        guard let efSearch, segment.count > limits.vectors, (filter?.count ?? .max) > limits.accepted else {
            return try scan(k: k, filter: filter)
        }
        let ef = min(max(efSearch, k), segment.count)
        let accepted = filter.map { filter in
            (
                bits: filter.bits,
                filter: Double(filter.count) <= Self.twoHopShare * Double(segment.count)
                    ? GraphWalk.Filter.twoHops : .collect
            )
        }
        walk.search(query, ef: ef, entries: segment.entries, seeds: Self.seeds, accepted: accepted)
        // A filter may have cut the walk off from what it accepts.
        guard walk.count >= min(k, filter?.count ?? segment.count) else {
            return try scan(k: k, filter: filter)
        }
        try segment.check(walk.rows, count: walk.count)
        memory.reserve(walk.count)
        let scores = memory.scores
        segment.planes.rescore(query, walk.rows, count: walk.count, into: scores)
        var best: [Neighbor] = []
        best.reserveCapacity(walk.count)
        for index in 0..<walk.count {
            best.append(Neighbor(id: segment.id(Int(walk.rows[index])), score: scores[index]))
        }
        return Self.best(best, k)
    }

    /// Looks at every code, or every accepted one.
    private func scan(k: Int, filter: SegmentFilter?) throws -> [Neighbor] {
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
            segment.planes.rescore(query, rows, count: some, into: scores)
            for index in 0..<some where scores[index] >= worst {
                best.append(Neighbor(id: segment.id(Int(rows[index])), score: scores[index]))
                if best.count >= 4 * k + 64 {
                    best = Self.best(best, k)
                    worst = best.last?.score ?? worst
                }
            }
        }
        return Self.best(best, k)
    }

    private static func best(_ neighbors: [Neighbor], _ k: Int) -> [Neighbor] {
        Array(
            neighbors.sorted { $0.score > $1.score || ($0.score == $1.score && $0.id < $1.id) }.prefix(k))
    }
}

extension Segment {
    fileprivate func check(_ rows: AlignedBuffer<UInt32>, count: Int) throws {
        try check((0..<count).lazy.map { rows[$0] })
    }
}
