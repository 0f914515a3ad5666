import CKindredKernels
import KindredSystem

/// Products of matrices in 8-bit integers: weights quantized for each output, activations for each row. Sums are exact,
/// so that every processor gives the same bits. See `kindred_int8.h`.
@safe
package enum Int8Products {
    /// Whether the processor adds up products of bytes.
    package static let isNative =
        kindred_features() & UInt32(KINDRED_AVX512_VNNI | KINDRED_AVX_VNNI | KINDRED_NEON) != 0

    /// A left factor: quantized rows. Owned by one thread; its memory grows with what it is given.
    ///
    /// One scale for a row loses most of a row with an outlier, such as the first token's massive activation in a decoder
    /// (Sun et al. 2024, "Massive Activations in Large Language Models", arXiv 2402.17762). Such a row is quantized twice:
    /// as it is, and what that left of it; the product is the sum of both.
    @safe
    package final class Rows {
        private var buffer = AlignedBuffer<UInt8>(repeating: 0, count: 0)
        private var scales = AlignedBuffer<Float>(repeating: 0, count: 0)
        private var work = AlignedBuffer<Int16>(repeating: 0, count: 0)
        fileprivate private(set) var rows = 0
        fileprivate private(set) var inner = 0
        /// Numbers of the rows that have residuals.
        private var outliers = AlignedBuffer<Int32>(repeating: 0, count: 0)
        private var residualValues = AlignedBuffer<Float>(repeating: 0, count: 0)
        /// The residuals of the outliers, in order; nil: there are none.
        fileprivate private(set) var residuals: Rows?
        private var unusedResiduals: Rows?
        fileprivate var residualProducts = AlignedBuffer<Float>(repeating: 0, count: 0)

        package init() {}

        /// Takes the rows of a matrix. A row that is not finite gives products that are not.
        ///
        /// - Parameter outlierRatio: a row whose largest magnitude is more than this many times its root mean square is
        ///   quantized twice; nil: none is.
        package func take(_ x: MatrixView, outlierRatio: Float? = nil) {
            quantize(x)
            residuals = nil
            guard let outlierRatio else { return }
            if x.rows > outliers.count { outliers = AlignedBuffer(repeating: 0, count: x.rows) }
            let count = unsafe kindred_int8_outlier_rows(
                outliers.pointer(0..<x.rows), x.pointer, x.stride, x.rows, x.columns, outlierRatio)
            guard count > 0 else { return }
            if count * x.columns > residualValues.count {
                residualValues = AlignedBuffer(repeating: 0, count: count * x.columns)
            }
            unsafe kindred_int8_residuals(
                residualValues.pointer(0..<count * x.columns), x.pointer, x.stride,
                outliers.pointer(0..<count),
                count, x.columns)
            let own = unusedResiduals ?? Rows()
            unusedResiduals = own
            own.quantize(MatrixView(residualValues, rows: count, columns: x.columns))
            residuals = own
        }

        /// The row that residual `index` belongs to.
        fileprivate func row(ofResidual index: Int) -> Int { Int(outliers[index]) }

        private func quantize(_ x: MatrixView) {
            rows = x.rows
            inner = x.columns
            let count = rows * kindred_int8_row_bytes(inner)
            let workCount = kindred_int8_work_count(inner)
            if count > buffer.count { buffer = AlignedBuffer(repeating: 0, count: count) }
            if workCount > work.count { work = AlignedBuffer(repeating: 0, count: workCount) }
            if rows > scales.count { scales = AlignedBuffer(repeating: 0, count: rows) }
            unsafe kindred_int8_rows(
                buffer.pointer(0..<count), scales.pointer(0..<rows), x.pointer, x.stride, x.rows, x.columns)
        }

        fileprivate var pointer: UnsafeMutablePointer<UInt8> {
            unsafe buffer.pointer(0..<rows * kindred_int8_row_bytes(inner))
        }
        fileprivate var workPointer: UnsafeMutablePointer<Int16> {
            unsafe work.pointer(0..<kindred_int8_work_count(inner))
        }
        fileprivate var scalePointer: UnsafeMutablePointer<Float> { unsafe scales.pointer(0..<rows) }
    }

    /// The weights of a linear layer, output × input, quantized and packed.
    @safe
    package final class Weights: Sendable {
        package let outputs: Int
        package let inputs: Int
        private let packed: AlignedBuffer<Int8>
        private let scales: AlignedBuffer<Float>
        private let sums: AlignedBuffer<Int32>

        /// - Parameter values: output × input.
        package init(_ values: MatrixView) {
            outputs = values.rows
            inputs = values.columns
            let quantized = AlignedBuffer<Int8>(repeating: 0, count: outputs * inputs)
            packed = AlignedBuffer(repeating: 0, count: kindred_int8_packed_count(outputs, inputs))
            scales = AlignedBuffer(repeating: 0, count: outputs)
            sums = AlignedBuffer(repeating: 0, count: outputs)
            Int8Products.quantize(values, into: quantized, scales: scales)
            unsafe kindred_int8_pack(
                packed.pointer(0..<packed.count), sums.pointer(0..<outputs),
                quantized.pointer(0..<quantized.count), outputs, inputs)
        }

        /// y = x · wᵀ, or y += x · wᵀ.
        package func multiply(_ x: Rows, into y: MatrixView, adding: Bool) {
            precondition(x.inner == inputs && y.rows == x.rows && y.columns == outputs, "shapes do not fit")
            unsafe kindred_int8_multiply(
                y.pointer, y.stride, x.pointer, x.scalePointer, packed.pointer(0..<packed.count),
                scales.pointer(0..<outputs), sums.pointer(0..<outputs), y.rows, outputs, inputs,
                adding ? 1 : 0, x.workPointer)
            guard let residuals = x.residuals else { return }
            let count = residuals.rows * outputs
            if count > x.residualProducts.count {
                x.residualProducts = AlignedBuffer(repeating: 0, count: count)
            }
            multiply(
                residuals, into: MatrixView(x.residualProducts, rows: residuals.rows, columns: outputs),
                adding: false)
            for index in 0..<residuals.rows {
                unsafe kindred_add_scaled(
                    y.pointer + x.row(ofResidual: index) * y.stride,
                    x.residualProducts.pointer(index * outputs..<(index + 1) * outputs), outputs, 1)
            }
        }
    }

    /// Quantizes each row of `x`: x[r] ≈ scales[r] · out[r], with |out| ≤ 127.
    package static func quantize(
        _ x: MatrixView, into out: AlignedBuffer<Int8>, scales: AlignedBuffer<Float>
    ) {
        unsafe kindred_int8_quantize(
            out.pointer(0..<x.rows * x.columns), scales.pointer(0..<x.rows), x.pointer, x.stride, x.rows,
            x.columns)
    }

    /// Rounds each row of `x` to what `quantize` keeps of it.
    package static func round(_ x: MatrixView) {
        let quantized = AlignedBuffer<Int8>(repeating: 0, count: x.rows * x.columns)
        let scales = AlignedBuffer<Float>(repeating: 0, count: x.rows)
        quantize(x, into: quantized, scales: scales)
        for row in 0..<x.rows {
            for column in 0..<x.columns {
                x.buffer[x.offset + row * x.stride + column] =
                    Float(quantized[row * x.columns + column]) * scales[row]
            }
        }
    }
}
