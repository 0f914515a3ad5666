/// A row-major matrix inside a buffer: `rows` × `columns`, row r at `offset + r * stride`.
package struct MatrixView {
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
            rows == 0 || offset + (rows - 1) * stride + columns <= buffer.count, "matrix out of bounds")
        self.buffer = buffer
        self.offset = offset
        self.rows = rows
        self.columns = columns
        self.stride = stride
    }
}

extension MatrixView {
    /// Some of the columns.
    package func slice(columns range: Range<Int>) -> MatrixView {
        precondition(range.lowerBound >= 0 && range.upperBound <= columns)
        return MatrixView(
            buffer, offset: offset + range.lowerBound, rows: rows, columns: range.count, stride: stride)
    }

    /// Some of the rows.
    package func slice(rows range: Range<Int>) -> MatrixView {
        precondition(range.lowerBound >= 0 && range.upperBound <= rows)
        return MatrixView(
            buffer, offset: offset + range.lowerBound * stride, rows: range.count, columns: columns,
            stride: stride)
    }
}
