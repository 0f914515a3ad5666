extension MatrixView {
    /// Where the first row starts, for the kernels; valid while the buffer lives.
    package var pointer: UnsafeMutablePointer<Float> { unsafe buffer.pointer(offset..<offset) }

    package func fill(_ value: Float) {
        for row in 0..<rows { unsafe (pointer + row * stride).update(repeating: value, count: columns) }
    }

    /// Takes the elements of a matrix of the same shape.
    package func copy(_ x: MatrixView) {
        precondition(rows == x.rows && columns == x.columns, "shapes do not fit")
        for row in 0..<rows {
            unsafe (pointer + row * stride).update(from: x.pointer + row * x.stride, count: columns)
        }
    }

    package func scale(by factor: Float) {
        for row in 0..<rows {
            let start = unsafe pointer + row * stride
            for column in 0..<columns { unsafe start[column] *= factor }
        }
    }

    /// Each row += the one row of `vector`.
    package func addToRows(_ vector: MatrixView) {
        precondition(vector.rows == 1 && vector.columns == columns)
        let added = unsafe vector.pointer
        for row in 0..<rows {
            let start = unsafe pointer + row * stride
            for column in 0..<columns { unsafe start[column] += added[column] }
        }
    }

    /// This += x.
    package func add(_ x: MatrixView) {
        precondition(x.rows == rows && x.columns == columns)
        for row in 0..<rows {
            let (start, added) = unsafe (pointer + row * stride, x.pointer + row * x.stride)
            for column in 0..<columns { unsafe start[column] += added[column] }
        }
    }

    /// This one row += each row of `x`.
    package func addRows(of x: MatrixView) {
        precondition(rows == 1 && x.columns == columns)
        for row in 0..<x.rows {
            let start = unsafe x.pointer + row * x.stride
            for column in 0..<columns { unsafe pointer[column] += start[column] }
        }
    }

    /// This += xᵀ.
    package func addTransposed(_ x: MatrixView) {
        precondition(rows == x.columns && columns == x.rows)
        for row in 0..<rows {
            for column in 0..<columns {
                unsafe pointer[row * stride + column] += x.pointer[column * x.stride + row]
            }
        }
    }

    /// Copies rows of `source` here: row i from its row `indices[i]`.
    package func gather(_ indices: [Int], from source: MatrixView) {
        precondition(indices.count == rows && source.columns == columns)
        for (row, index) in indices.enumerated() {
            precondition(index >= 0 && index < source.rows)
            unsafe (pointer + row * stride).update(
                from: source.pointer + index * source.stride, count: columns)
        }
    }

    /// Adds each row i of `x` to row `indices[i]` here.
    package func scatterAdd(_ x: MatrixView, to indices: [Int]) {
        precondition(indices.count == x.rows && x.columns == columns)
        for (row, index) in indices.enumerated() {
            precondition(index >= 0 && index < rows)
            let (target, source) = unsafe (pointer + index * stride, x.pointer + row * x.stride)
            for column in 0..<columns { unsafe target[column] += source[column] }
        }
    }
}
