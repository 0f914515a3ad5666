import CKindredKernels
import KindredSystem

/// Products of matrices in 8-bit integers: weights quantized for each output, activations for each row. Sums are exact,
/// so that every processor gives the same bits. See `kindred_int8.h`.
@safe
package enum Int8Products {
    /// A left factor: quantized rows. Owned by one thread; its memory grows with what it is given.
    @safe
    package final class Rows {
        private var buffer = AlignedBuffer<UInt8>(repeating: 0, count: 0)
        private var scales = AlignedBuffer<Float>(repeating: 0, count: 0)
        private var work = AlignedBuffer<Int16>(repeating: 0, count: 0)
        fileprivate private(set) var rows = 0
        fileprivate private(set) var inner = 0

        package init() {}

        /// Takes the rows of a matrix. A row that is not finite gives products that are not.
        package func take(_ x: BLAS.Operand) {
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
        package init(_ values: BLAS.Operand) {
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
        package func multiply(_ x: Rows, into y: BLAS.Operand, adding: Bool) {
            precondition(x.inner == inputs && y.rows == x.rows && y.columns == outputs, "shapes do not fit")
            unsafe kindred_int8_multiply(
                y.pointer, y.stride, x.pointer, x.scalePointer, packed.pointer(0..<packed.count),
                scales.pointer(0..<outputs), sums.pointer(0..<outputs), y.rows, outputs, inputs,
                adding ? 1 : 0, x.workPointer)
        }
    }

    /// Quantizes each row of `x`: x[r] ≈ scales[r] · out[r], with |out| ≤ 127.
    package static func quantize(
        _ x: BLAS.Operand, into out: AlignedBuffer<Int8>, scales: AlignedBuffer<Float>
    ) {
        unsafe kindred_int8_quantize(
            out.pointer(0..<x.rows * x.columns), scales.pointer(0..<x.rows), x.pointer, x.stride, x.rows,
            x.columns)
    }
}
