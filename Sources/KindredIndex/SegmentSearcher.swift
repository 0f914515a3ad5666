import KindredSystem
import KindredTensors

/// Searches a segment, with the memory that takes; owned by one thread at a time.
///
/// A query goes down the graph by the heads of the codes; what the walk found is ranked by all their bits.
package final class SegmentSearcher: @unchecked Sendable {
    private let segment: Segment
    private let query: CodedQuery
    private let walk: GraphWalk
    private var rows: AlignedBuffer<UInt32>
    private var scores: AlignedBuffer<Float>
    private var isChecked = false

    /// Up to so many accepted vectors each of them is looked at.
    static let scanOfAccepted = 8192
    /// Up to this share of accepted vectors a walk compares no others.
    static let twoHopShare = 0.4
    /// The walk starts from so many of the entries.
    static let seeds = 8

    package init(_ segment: Segment) {
        self.segment = segment
        query = CodedQuery(layout: segment.code.layout)
        walk = GraphWalk(planes: segment.planes, links: segment.links)
        rows = AlignedBuffer(repeating: 0, count: 1024)
        scores = AlignedBuffer(repeating: 0, count: 1024)
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
        if !isChecked {
            try segment.checkWalked()
            isChecked = true
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
        guard let efSearch, segment.count > Segment.scanLimit, (filter?.count ?? .max) > Self.scanOfAccepted
        else {
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
        reserve(walk.count)
        segment.planes.rescore(query, walk.rows, count: walk.count, into: scores)
        var best: [Neighbor] = []
        best.reserveCapacity(walk.count)
        for index in 0..<walk.count {
            best.append(Neighbor(id: segment.id(Int(walk.rows[index])), score: scores[index]))
        }
        return Self.best(best, k)
    }

    private func reserve(_ count: Int) {
        guard scores.count < count else { return }
        rows = AlignedBuffer(repeating: 0, count: count)
        scores = AlignedBuffer(repeating: 0, count: count)
    }

    /// Looks at every code, or every accepted one.
    private func scan(k: Int, filter: SegmentFilter?) throws -> [Neighbor] {
        try segment.checkAll()
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
