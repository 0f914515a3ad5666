import KindredSystem

/// The weights of a linear layer, output × input, kept in one precision, for products with many inputs.
package struct LinearWeights: Sendable {
    private enum Storage: Sendable {
        case float32(Matrix)
        case bfloat16(BrainFloat.Packed)
        case int8(Int8Products.Weights)
        case stored(StoredRows)
    }

    /// A matrix whose rows are turned into floats each time that they are multiplied: for models that as floats would not
    /// fit into memory.
    package struct StoredRows: Sendable {
        let rows: Int
        let columns: Int
        /// Puts some rows into the first elements of a buffer.
        let load: @Sendable (Range<Int>, AlignedBuffer<Float>) -> Void

        package init(
            rows: Int, columns: Int, load: @escaping @Sendable (Range<Int>, AlignedBuffer<Float>) -> Void
        ) {
            self.rows = rows
            self.columns = columns
            self.load = load
        }
    }

    private let storage: Storage

    /// - Parameter values: output × input; kept as they are in `float32`.
    package init(_ values: Matrix, precision: Precision) {
        let operand = MatrixView(values.elements, rows: values.rows, columns: values.columns)
        switch precision {
        case .float32: storage = .float32(values)
        case .bfloat16:
            let packed = BrainFloat.Packed()
            packed.take(operand, transposed: true)
            storage = .bfloat16(packed)
        case .int8: storage = .int8(Int8Products.Weights(operand))
        }
    }

    /// Weights that stay as they are stored; products are in 32 bits.
    package init(_ rows: StoredRows) { storage = .stored(rows) }

    /// What a thread needs for products beside the factors.
    package final class Scratch {
        fileprivate let halves = BrainFloat.Rows()
        fileprivate let bytes = Int8Products.Rows()
        fileprivate let outlierRatio: Float?
        /// Rows of stored weights as floats.
        fileprivate var floats = AlignedBuffer<Float>(repeating: 0, count: 0)

        /// - Parameter outlierRatio: with 8 bits, inputs with an element larger than this many times their root mean
        ///   square keep what one scale loses (`Int8Products.Rows`); nil: none does.
        package init(outlierRatio: Float? = nil) { self.outlierRatio = outlierRatio }
    }

    /// y = x · wᵀ, or y += x · wᵀ.
    package func multiply(_ x: MatrixView, into y: MatrixView, adding: Bool = false, _ scratch: Scratch) {
        switch storage {
        case .float32(let values):
            BLAS.multiply(
                x, MatrixView(values.elements, rows: values.rows, columns: values.columns),
                transposed: true, into: y, adding: adding ? 1 : 0)
        case .bfloat16(let packed):
            scratch.halves.take(x)
            BrainFloat.multiply(scratch.halves, packed, into: y, adding: adding)
        case .int8(let weights):
            scratch.bytes.take(x, outlierRatio: scratch.outlierRatio)
            weights.multiply(scratch.bytes, into: y, adding: adding)
        case .stored(let weights): Self.multiply(x, weights, into: y, adding: adding, scratch)
        }
    }

    /// Floats that are held at a time: few enough for the second-level cache and its neighbour.
    private static let floatsAtATime = 1 << 19

    private static func multiply(
        _ x: MatrixView, _ weights: StoredRows, into y: MatrixView, adding: Bool, _ scratch: Scratch
    ) {
        let step = max(1, min(weights.rows, floatsAtATime / weights.columns))
        if scratch.floats.count < step * weights.columns {
            scratch.floats = AlignedBuffer(repeating: 0, count: step * weights.columns)
        }
        for start in stride(from: 0, to: weights.rows, by: step) {
            let rows = start..<min(start + step, weights.rows)
            weights.load(rows, scratch.floats)
            BLAS.multiply(
                x, MatrixView(scratch.floats, rows: rows.count, columns: weights.columns), transposed: true,
                into: MatrixView(
                    y.buffer, offset: y.offset + start, rows: y.rows, columns: rows.count, stride: y.stride),
                adding: adding ? 1 : 0)
        }
    }
}
