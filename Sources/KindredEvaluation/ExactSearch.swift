import KindredIndex
import KindredSystem
import KindredTensors

/// The nearest vectors by comparing with every one: what an index is measured against.
package enum ExactSearch {
    private static let queriesPerBlock = 64
    private static let vectorsPerBlock = 2048

    /// The `k` vectors of largest inner product with each query, best first; of equal ones the smaller id comes first.
    ///
    /// - Parameters:
    ///   - queries: queries × dimensions.
    ///   - vectors: count × dimensions.
    ///   - ids: the id of each vector.
    /// - Complexity: O(queries · count · dimensions).
    package static func nearest(
        _ k: Int, to queries: Matrix, in vectors: Matrix, ids: [Int64]
    ) -> [[Neighbor]] {
        precondition(ids.count == vectors.rows && (queries.rows == 0 || queries.columns == vectors.columns))
        guard queries.rows > 0, vectors.rows > 0, k > 0 else {
            return Array(repeating: [], count: queries.rows)
        }
        let dimensions = vectors.columns
        let kept = min(k, vectors.rows)
        let blocks = (queries.rows + queriesPerBlock - 1) / queriesPerBlock
        let foundIDs = AlignedBuffer<Int64>(repeating: 0, count: queries.rows * kept)
        let foundScores = AlignedBuffer<Float>(repeating: 0, count: queries.rows * kept)
        Processor.parallel(blocks) { block in
            let first = block * queriesPerBlock
            let rows = min(queriesPerBlock, queries.rows - first)
            let products = AlignedBuffer<Float>(repeating: 0, count: rows * vectorsPerBlock)
            var best = Array(repeating: NearestList(kept), count: rows)
            for start in stride(from: 0, to: vectors.rows, by: vectorsPerBlock) {
                let count = min(vectorsPerBlock, vectors.rows - start)
                BLAS.multiply(
                    BLAS.Operand(
                        queries.elements, offset: first * dimensions, rows: rows, columns: dimensions),
                    BLAS.Operand(
                        vectors.elements, offset: start * dimensions, rows: count, columns: dimensions),
                    transposed: true, into: BLAS.Operand(products, rows: rows, columns: count))
                for row in 0..<rows {
                    for column in 0..<count {
                        best[row].take(
                            Neighbor(id: ids[start + column], score: products[row * count + column]))
                    }
                }
            }
            for row in 0..<rows {
                for (rank, neighbor) in best[row].neighbors.enumerated() {
                    foundIDs[(first + row) * kept + rank] = neighbor.id
                    foundScores[(first + row) * kept + rank] = neighbor.score
                }
            }
        }
        return (0..<queries.rows).map { query in
            (query * kept..<(query + 1) * kept).map { Neighbor(id: foundIDs[$0], score: foundScores[$0]) }
        }
    }
}

/// The best so many of the neighbours that were taken, best first.
private struct NearestList {
    private let capacity: Int
    private(set) var neighbors: [Neighbor] = []

    init(_ capacity: Int) { self.capacity = capacity }

    mutating func take(_ neighbor: Neighbor) {
        if neighbors.count == capacity {
            guard Self.precedes(neighbor, neighbors[capacity - 1]) else { return }
            neighbors.removeLast()
        }
        var low = 0
        var high = neighbors.count
        while low < high {
            let middle = (low + high) / 2
            if Self.precedes(neighbors[middle], neighbor) { low = middle + 1 } else { high = middle }
        }
        neighbors.insert(neighbor, at: low)
    }

    private static func precedes(_ one: Neighbor, _ other: Neighbor) -> Bool {
        one.score > other.score || (one.score == other.score && one.id < other.id)
    }
}
