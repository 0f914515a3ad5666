import KindredSystem
import KindredTensors

/// The nearest vectors of queries by comparing them with all, in 32-bit floats: what recall is measured against.
package enum ExactSearch {
    private static let batchSize = 2048

    /// - Parameter ids: the id of each vector; nil where that is its row.
    /// - Returns: for each query its `k` nearest vectors, best first, ties by id; fewer where there are fewer.
    /// - Throws: `invalidRequest` where dimensions differ; what the sources throw.
    /// - Complexity: O(queries · vectors · dimensions).
    package static func nearest(
        of queries: some VectorSource, in source: some VectorSource, ids: [Int64]? = nil,
        metric: VectorMetric,
        k: Int, threads: Int = Processor.count
    ) throws -> [[Neighbor]] {
        precondition(ids.map { $0.count == source.count } ?? true)
        guard queries.count > 0, source.count > 0 else { return Array(repeating: [], count: queries.count) }
        guard queries.dimensions == source.dimensions, k > 0 else {
            throw KindredError(
                .invalidRequest,
                "the queries have \(queries.dimensions) dimensions, the vectors \(source.dimensions)")
        }
        let dimensions = source.dimensions
        let all = AlignedBuffer<Float>(repeating: 0, count: queries.count * dimensions)
        try queries.read((0..<UInt32(queries.count)).map { $0 }, into: all)
        if metric == .cosine { VectorRows.normalize(all, count: queries.count, dimensions: dimensions) }
        // Each part of the vectors by itself; then their best together.
        let parts = 8
        let size = (source.count + parts - 1) / parts
        let results = SharedArray<[[Neighbor]]>(repeating: [], count: parts)
        try Processor.parallelThrowing(parts, threads: threads) { part in
            let rows = min(part * size, source.count)..<min((part + 1) * size, source.count)
            results.set(
                part, try nearest(of: all, queries.count, in: source, rows, ids: ids, metric: metric, k: k))
        }
        let found = results.values
        return (0..<queries.count).map { query in found.flatMap { $0.isEmpty ? [] : $0[query] }.best(k) }
    }

    private static func nearest(
        of queries: AlignedBuffer<Float>, _ queryCount: Int, in source: some VectorSource, _ rows: Range<Int>,
        ids: [Int64]?, metric: VectorMetric, k: Int
    ) throws -> [[Neighbor]] {
        let dimensions = source.dimensions
        var found = Array(repeating: [Neighbor](), count: queryCount)
        var worst = Array(repeating: -Float.infinity, count: queryCount)
        for start in stride(from: rows.lowerBound, to: rows.upperBound, by: batchSize) {
            let some = (start..<min(start + batchSize, rows.upperBound)).map { UInt32($0) }
            let vectors = AlignedBuffer<Float>(repeating: 0, count: some.count * dimensions)
            try source.read(some, into: vectors)
            if metric == .cosine { VectorRows.normalize(vectors, count: some.count, dimensions: dimensions) }
            let squares = AlignedBuffer<Float>(repeating: 0, count: some.count)
            VectorRows.squares(vectors, count: some.count, dimensions: dimensions, into: squares)
            for query in stride(from: 0, to: queryCount, by: 256) {
                let count = min(256, queryCount - query)
                let products = AlignedBuffer<Float>(repeating: 0, count: count * some.count)
                BLAS.multiply(
                    MatrixView(queries, offset: query * dimensions, rows: count, columns: dimensions),
                    MatrixView(vectors, rows: some.count, columns: dimensions), transposed: true,
                    into: MatrixView(products, rows: count, columns: some.count))
                for index in 0..<count {
                    for column in 0..<some.count {
                        var score = products[index * some.count + column]
                        if metric == .euclidean { score = 2 * score - squares[column] }
                        guard score >= worst[query + index] else { continue }
                        let id = ids.map { $0[Int(some[column])] } ?? Int64(some[column])
                        found[query + index].append(Neighbor(id: id, score: score))
                        if found[query + index].count >= 4 * k + 64 {
                            found[query + index] = found[query + index].best(k)
                            worst[query + index] = found[query + index].last?.score ?? -.infinity
                        }
                    }
                }
            }
        }
        guard metric == .euclidean else { return found.map { $0.best(k) } }
        let squares = AlignedBuffer<Float>(repeating: 0, count: queryCount)
        VectorRows.squares(queries, count: queryCount, dimensions: dimensions, into: squares)
        return found.enumerated().map { query, neighbors in
            neighbors.best(k).map { Neighbor(id: $0.id, score: min(0, $0.score - squares[query])) }
        }
    }
}
