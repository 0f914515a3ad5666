import KindredSystem

/// A matrix of 32-bit floats in row-major order, rows one after the other without padding.
///
/// Copies share their elements; they are as safe to share between threads as `AlignedBuffer`.
package struct Matrix: Sendable {
    package let rows: Int
    package let columns: Int
    /// `rows * columns` elements; row r starts at `r * columns`.
    package let elements: AlignedBuffer<Float>

    /// A matrix of zeros.
    package init(rows: Int, columns: Int) {
        self.init(rows: rows, columns: columns, elements: AlignedBuffer(repeating: 0, count: rows * columns))
    }

    /// The first `rows * columns` elements of a buffer that may be larger.
    package init(rows: Int, columns: Int, elements: AlignedBuffer<Float>) {
        precondition(rows >= 0 && columns >= 0 && elements.count >= rows * columns)
        self.rows = rows
        self.columns = columns
        self.elements = elements
    }

    /// The matrix whose rows are given; all of one length.
    package init(_ rows: [[Float]]) {
        self.init(
            rows: rows.count, columns: rows.first?.count ?? 0, elements: AlignedBuffer(rows.flatMap { $0 }))
    }

    @inlinable package subscript(row: Int, column: Int) -> Float {
        get { elements[row * columns + column] }
        nonmutating set { elements[row * columns + column] = newValue }
    }

    /// The first `rows` rows of the given matrices put one below the other; all of one width.
    package init(stacking parts: [Matrix], rows: Int) {
        precondition(parts.reduce(0) { $0 + $1.rows } >= rows)
        self.init(rows: rows, columns: parts.first?.columns ?? 0)
        var next = 0
        for part in parts {
            precondition(part.columns == columns)
            for row in 0..<min(part.rows, rows - next) {
                for column in 0..<columns { self[next + row, column] = part[row, column] }
            }
            next = min(rows, next + part.rows)
        }
    }

    /// A copy of some of the rows.
    package func rows(_ range: Range<Int>) -> Matrix {
        precondition(range.lowerBound >= 0 && range.upperBound <= rows)
        let part = Matrix(rows: range.count, columns: columns)
        part.elements.copy(elements, from: range.lowerBound * columns..<range.upperBound * columns, at: 0)
        return part
    }

    /// A copy of row `row`.
    package func row(_ row: Int) -> [Float] { elements.array(row * columns..<(row + 1) * columns) }
}

extension [Float] {
    /// The cosine of the angle between two vectors of one length, summed in 64 bits.
    package func cosine(with other: [Float]) -> Double {
        func dot(_ a: [Float], _ b: [Float]) -> Double {
            zip(a, b).reduce(0) { $0 + Double($1.0) * Double($1.1) }
        }
        return dot(self, other) / (dot(self, self) * dot(other, other)).squareRoot()
    }
}
