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

    /// How numbers of a weight file are stored.
    package enum Precision: String, Sendable {
        case f32 = "F32"
        case f16 = "F16"
        case bf16 = "BF16"
        /// With a scale for each row, in a tensor beside it.
        case i8 = "I8"

        package var bytes: Int {
            switch self {
            case .f32: 4
            case .f16, .bf16: 2
            case .i8: 1
            }
        }
    }
}

extension BLAS.Operand {
    /// The same memory as the element-wise kernels take it.
    package var elementRows: LayerKernels.Rows {
        LayerKernels.Rows(buffer, offset: offset, rows: rows, columns: columns, stride: stride)
    }
}
