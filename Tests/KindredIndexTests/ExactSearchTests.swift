import KindredIndex
import KindredSystem
import KindredTensors
import KindredTestSupport
import Testing

@Suite struct ExactSearchTests {
    @Test func `what is found is what sorting all products finds`() throws {
        var generator = SeededGenerator(seed: 5)
        func random(_ rows: Int) -> Matrix {
            Matrix((0..<rows).map { _ in (0..<9).map { _ in Float.random(in: -1...1, using: &generator) } })
        }
        // More than a block of each.
        let (queries, vectors) = (random(70), random(5000))
        let ids = (0..<5000).map { Int64(5000 - $0) }
        let found = try ExactSearch.nearest(
            of: MatrixVectors(queries), in: MatrixVectors(vectors), ids: ids, metric: .innerProduct, k: 12)
        for query in [0, 1, 63, 64, 69] {
            let products = (0..<vectors.rows).map { row in
                zip(vectors.row(row), queries.row(query)).reduce(Float(0)) { $0 + $1.0 * $1.1 }
            }
            let expected = products.indices.sorted { products[$0] > products[$1] }.prefix(12)
            #expect(found[query].map(\.id) == expected.map { ids[$0] })
            #expect(
                zip(found[query], expected).allSatisfy { abs($0.score - products[$1]) < 1e-5 })
        }
    }

    @Test func `equal vectors are ordered by id, and there are no more than there are`() throws {
        let vectors = Matrix([[1, 0], [1, 0], [0, 1]])
        let found = try ExactSearch.nearest(
            of: MatrixVectors(Matrix([[1, 0]])), in: MatrixVectors(vectors), ids: [9, 4, 1],
            metric: .innerProduct, k: 10)
        #expect(found == [[.init(id: 4, score: 1), .init(id: 9, score: 1), .init(id: 1, score: 0)]])
    }

    @Test func `of many equal vectors the smallest ids are found`() throws {
        let vectors = Matrix((0..<3000).map { _ in [1, 2] })
        let ids = (0..<3000).map { Int64(3000 - $0) }
        let found = try ExactSearch.nearest(
            of: MatrixVectors(Matrix([[1, 1]])), in: MatrixVectors(vectors), ids: ids, metric: .euclidean,
            k: 3)
        #expect(found[0].map(\.id) == [1, 2, 3])
    }
}
