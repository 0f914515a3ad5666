import KindredSystem

/// The element-wise parts of a decoder's layers, on ranges that are checked here. See `kindred_layers.h`.
package enum LayerKernels {
    /// `rows` rows of `columns` elements in a buffer, the first at `offset`, each `stride` after the one before.
    package struct Rows {
        package let buffer: AlignedBuffer<Float>
        package let offset: Int
        package let rows: Int
        package let columns: Int
        package let stride: Int

        package init(
            _ buffer: AlignedBuffer<Float>, offset: Int = 0, rows: Int, columns: Int, stride: Int? = nil
        ) {
            let stride = stride ?? columns
            precondition(rows >= 0 && columns > 0 && offset >= 0 && stride >= columns)
            precondition(
                rows == 0 || offset + (rows - 1) * stride + columns <= buffer.count, "rows out of bounds")
            self.buffer = buffer
            self.offset = offset
            self.rows = rows
            self.columns = columns
            self.stride = stride
        }
    }
}

extension BLAS.Operand {
    /// The same memory as the element-wise kernels take it.
    package var elementRows: LayerKernels.Rows {
        LayerKernels.Rows(buffer, offset: offset, rows: rows, columns: columns, stride: stride)
    }
}
