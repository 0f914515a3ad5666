import KindredSystem

/// A tensor in a mapped weight file.
package struct StoredTensor: Sendable {
    package var name: String
    package let precision: NumberFormat
    package let shape: [Int]
    /// Bytes of the file.
    package let range: Range<Int>
    package let file: MappedFile
    /// What the rows are multiplied by, where the numbers have 8 bits.
    package var rowScales: RowScales?
    /// Where the rows lie in the file, if not in order.
    package var rowOrder: RowOrder?
    /// Added to every number.
    package var addend: Float = 0

    package final class RowScales: Sendable {
        package let tensor: StoredTensor
        fileprivate let values: AlignedBuffer<Float>

        package init(_ tensor: StoredTensor) {
            self.tensor = tensor
            values = tensor.floats()
        }
    }

    /// Rows of query and key projections as llama.cpp stores them (convert_hf_to_gguf.py, `permute`): the two elements of
    /// a pair that is rotated together stand side by side, while transformers has them half a head apart.
    package struct RowOrder: Sendable, Hashable {
        package let headDimension: Int

        package init(headDimension: Int) { self.headDimension = headDimension }

        /// Where row `row` lies.
        func place(of row: Int) -> Int {
            let (head, element) = row.quotientAndRemainder(dividingBy: headDimension)
            let (half, pair) = element.quotientAndRemainder(dividingBy: headDimension / 2)
            return head * headDimension + 2 * pair + half
        }
    }

    package init(
        name: String, precision: NumberFormat, shape: [Int], range: Range<Int>, file: MappedFile
    ) {
        self.name = name
        self.precision = precision
        self.shape = shape
        self.range = range
        self.file = file
    }

    package var count: Int { shape.reduce(1, *) }

    /// All numbers as floats, row-major.
    package func floats() -> AlignedBuffer<Float> {
        let buffer = AlignedBuffer<Float>(repeating: 0, count: count)
        load(into: buffer, from: 0)
        return buffer
    }

    private var columns: Int { shape.count == 1 ? 1 : count / max(1, shape[0]) }
    private var liesAsItIs: Bool { rowOrder == nil && rowScales == nil && addend == 0 }

    /// All numbers as floats into part of a buffer.
    package func load(into buffer: AlignedBuffer<Float>, from start: Int) {
        guard liesAsItIs else { return load(rows: 0..<(shape.first ?? 1), into: buffer, from: start) }
        LayerKernels.load(file, at: range.lowerBound, count: count, as: precision, into: buffer, from: start)
    }

    /// Some rows as floats into part of a buffer; a vector has rows of one number.
    package func load(rows: Range<Int>, into buffer: AlignedBuffer<Float>, from start: Int) {
        precondition(rows.lowerBound >= 0 && rows.upperBound <= shape[0])
        if liesAsItIs, (rows.lowerBound * columns) % precision.blockNumbers == 0 {
            return LayerKernels.load(
                file, at: range.lowerBound + precision.bytes(rows.lowerBound * columns),
                count: rows.count * columns, as: precision, into: buffer, from: start)
        }
        for (index, row) in rows.enumerated() { loadRow(row, into: buffer, from: start + index * columns) }
    }

    /// Row `row` as floats into part of a buffer.
    package func loadRow(_ row: Int, into buffer: AlignedBuffer<Float>, from start: Int) {
        precondition(row >= 0 && row < shape[0])
        let place = rowOrder?.place(of: row) ?? row
        LayerKernels.load(
            file, at: range.lowerBound + precision.bytes(place * columns), count: columns, as: precision,
            into: buffer, from: start)
        if let rowScales { scale(row, by: rowScales, in: buffer, at: start) }
        if addend != 0 { for column in start..<start + columns { buffer[column] += addend } }
    }

    private func scale(_ row: Int, by scales: RowScales, in buffer: AlignedBuffer<Float>, at start: Int) {
        MatrixView(buffer, offset: start, rows: 1, columns: columns).scale(by: scales.values[row])
    }
}
