import COpenBLAS

/// Products of matrices by OpenBLAS.
package enum BLAS {
    /// A row-major matrix inside a buffer: `rows` × `columns`, row r at `offset + r * stride`.
    package struct Operand {
        let buffer: AlignedBuffer<Float>
        let offset: Int
        let rows: Int
        let columns: Int
        let stride: Int

        package init(
            _ buffer: AlignedBuffer<Float>, offset: Int = 0, rows: Int, columns: Int, stride: Int? = nil
        ) {
            let stride = stride ?? columns
            precondition(rows > 0 && columns > 0 && offset >= 0 && stride >= columns)
            precondition(offset + (rows - 1) * stride + columns <= buffer.count, "operand out of bounds")
            self.buffer = buffer
            self.offset = offset
            self.rows = rows
            self.columns = columns
            self.stride = stride
        }

        var pointer: UnsafeMutablePointer<Float> { buffer.pointer(offset..<offset) }
    }

    /// OpenBLAS runs on the caller's thread. Kindred's products are many and small (a pack of passages, a head of a
    /// sequence): a thread for each pack scales better than two threads inside every product.
    private static let singleThreaded: Void = openblas_set_num_threads(1)

    /// c = a · b + beta · c, where b is transposed first if `transposed`: a is m × k, b is k × n (or n × k), c is m × n.
    package static func multiply(
        _ a: Operand, _ b: Operand, transposed: Bool = false, into c: Operand, adding beta: Float = 0
    ) {
        _ = singleThreaded
        let inner = transposed ? b.columns : b.rows
        let width = transposed ? b.rows : b.columns
        precondition(a.columns == inner && c.rows == a.rows && c.columns == width, "shapes do not fit")
        cblas_sgemm(
            CblasRowMajor, CblasNoTrans, transposed ? CblasTrans : CblasNoTrans, blasint(a.rows),
            blasint(width),
            blasint(inner), 1, a.pointer, blasint(a.stride), b.pointer, blasint(b.stride), beta, c.pointer,
            blasint(c.stride))
    }
}
