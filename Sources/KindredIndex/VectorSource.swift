import KindredSystem
import KindredTensors

/// Where a build reads vectors from, in any order and more than once. Safe to read from several threads.
package protocol VectorSource: Sendable {
    var count: Int { get }
    var dimensions: Int { get }

    /// Puts the vectors of `rows` into the buffer, one after the other.
    /// - Throws: `inputOutput` and the like; `invalidData` for a number that is not finite.
    func read(_ rows: [UInt32], into buffer: AlignedBuffer<Float>) throws

    /// Where a vector lies, for messages; nil where it is in no file.
    func location(of row: Int) -> KindredError.Location?
}

extension VectorSource {
    package func location(of row: Int) -> KindredError.Location? { nil }
}

/// How many vectors a build reads, turns and codes at a time, on each thread: about 2 MB of floats.
enum VectorBatch {
    static func rows(dimensions: Int) -> Int { min(max((1 << 19) / dimensions, 16), 1024) }
}

/// The rows of a matrix as vectors.
package struct MatrixVectors: VectorSource {
    private let matrix: Matrix
    package var count: Int { matrix.rows }
    package var dimensions: Int { matrix.columns }

    package init(_ matrix: Matrix) { self.matrix = matrix }

    package func read(_ rows: [UInt32], into buffer: AlignedBuffer<Float>) throws {
        for (index, row) in rows.enumerated() {
            buffer.copy(
                matrix.elements, from: Int(row) * dimensions..<(Int(row) + 1) * dimensions,
                at: index * dimensions)
        }
        if let bad = VectorRows.firstUnusable(buffer, count: rows.count, dimensions: dimensions) {
            throw KindredError(
                .invalidData, "vector \(rows[bad]) has a number that is not finite, or beyond 1e15")
        }
    }
}

/// What `kindred vectors` compares by.
package enum VectorMetric: UInt32, CaseIterable, Sendable {
    /// The angle: vectors and queries are scaled to length 1.
    case cosine = 0
    case innerProduct = 1
    /// Euclidean distance.
    case euclidean = 2
}
