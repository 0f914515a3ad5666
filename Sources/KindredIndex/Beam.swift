import KindredSystem

/// A graph whose nodes are the rows of code planes, in levels.
protocol NavigableGraph {
    var count: Int { get }
    /// Puts the neighbours of `node` on `level` into `list`; every one is below `count`.
    func neighbors(of node: UInt32, level: Int, into list: inout [UInt32])
}

/// A row and its similarity; the better first, of equals the smaller row.
struct Candidate: Comparable, Sendable {
    let row: UInt32
    let score: Float

    static func < (a: Candidate, b: Candidate) -> Bool {
        a.score > b.score || (a.score == b.score && a.row < b.row)
    }
}

/// The walk over one level of a graph (Malkov and Yashunin 2018, Algorithm 2), with the memory it needs; owned by one
/// searching thread.
///
/// Candidates are one sorted list of at most `ef` with a cursor at the first that was not looked at: for a few hundred
/// entries that is quicker than two heaps.
struct Beam {
    private var visited: [UInt64]
    private var list: [UInt32] = []
    private let batch: CodePlanes.Batch
    private var candidates: [Candidate] = []
    private var expanded: [Bool] = []

    init(count: Int, widestNode: Int) {
        visited = Array(repeating: 0, count: (count + 63) / 64)
        batch = CodePlanes.Batch(capacity: max(widestNode, 64))
    }

    private mutating func visit(_ row: UInt32) -> Bool {
        let word = Int(row >> 6)
        let bit: UInt64 = 1 << UInt64(row & 63)
        let isNew = visited[word] & bit == 0
        visited[word] |= bit
        return isNew
    }

    /// The `ef` rows most similar to the query that a walk from `entries` finds, best first, by the high plane.
    mutating func search(
        _ graph: some NavigableGraph, _ planes: CodePlanes, _ query: CodePlanes.Query, from entries: [UInt32],
        level: Int, ef: Int
    ) -> [Candidate] {
        for word in visited.indices { visited[word] = 0 }
        candidates.removeAll(keepingCapacity: true)
        expanded.removeAll(keepingCapacity: true)
        batch.removeAll()
        for entry in entries where visit(entry) && batch.count < batch.capacity { batch.append(entry) }
        planes.scoreByHighPlane(query, batch)
        var cursor = 0
        take(ef: ef, cursor: &cursor)
        cursor = 0
        while cursor < candidates.count {
            guard !expanded[cursor] else {
                cursor += 1
                continue
            }
            expanded[cursor] = true
            graph.neighbors(of: candidates[cursor].row, level: level, into: &list)
            batch.removeAll()
            for row in list where visit(row) && batch.count < batch.capacity { batch.append(row) }
            planes.scoreByHighPlane(query, batch)
            cursor += 1
            take(ef: ef, cursor: &cursor)
        }
        return candidates
    }

    /// Puts the scored batch into the sorted list; the cursor goes back to the first new candidate before it.
    private mutating func take(ef: Int, cursor: inout Int) {
        for index in 0..<batch.count {
            let candidate = Candidate(row: batch.row(index), score: batch.score(index))
            if candidates.count >= ef, let last = candidates.last, !(candidate < last) { continue }
            var lower = 0
            var upper = candidates.count
            while lower < upper {
                let middle = (lower + upper) / 2
                if candidates[middle] < candidate { lower = middle + 1 } else { upper = middle }
            }
            if candidates.count >= ef {
                candidates.removeLast()
                expanded.removeLast()
            }
            candidates.insert(candidate, at: lower)
            expanded.insert(false, at: lower)
            cursor = min(cursor, lower)
        }
    }

    /// Walks from `entry` down to above `level`, one best row a level.
    mutating func descend(
        _ graph: some NavigableGraph, _ planes: CodePlanes, _ query: CodePlanes.Query, from entry: UInt32,
        top: Int,
        to level: Int
    ) -> UInt32 {
        var best = entry
        var current = top
        while current > level {
            best = search(graph, planes, query, from: [best], level: current, ef: 1).first?.row ?? best
            current -= 1
        }
        return best
    }

    /// The candidates with their similarities by both planes, best first.
    func rescored(_ candidates: [Candidate], _ planes: CodePlanes, _ query: CodePlanes.Query) -> [Candidate] {
        zip(candidates, scores(of: candidates, planes, query)).map { Candidate(row: $0.row, score: $1) }
            .sorted()
    }

    /// The similarities of the query to the candidates' rows by both planes, in order.
    func scores(of candidates: [Candidate], _ planes: CodePlanes, _ query: CodePlanes.Query) -> [Float] {
        var scores: [Float] = []
        scores.reserveCapacity(candidates.count)
        var start = 0
        while start < candidates.count {
            let end = min(start + batch.capacity, candidates.count)
            batch.removeAll()
            for candidate in candidates[start..<end] { batch.append(candidate.row) }
            planes.scoreByBothPlanes(query, batch)
            for index in 0..<batch.count { scores.append(batch.score(index)) }
            start = end
        }
        return scores
    }
}
