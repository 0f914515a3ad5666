import CKindredKernels
import KindredSystem

/// Products of matrices in bfloat16 with sums in 32-bit floats. See `kindred_bf16.h`.
@safe
package enum BrainFloat {
    /// Whether the processor multiplies pairs of bfloat16; elsewhere floats are as quick, and exact.
    package static let isNative = kindred_features() & UInt32(KINDRED_AVX512_BF16) != 0

    /// Whether rounding changes none of the numbers.
    package static func isExact(_ x: AlignedBuffer<Float>, _ range: Range<Int>) -> Bool {
        unsafe UnsafeBufferPointer(start: x.pointer(range), count: range.count)
            .allSatisfy { $0.bitPattern & 0xFFFF == 0 }
    }

    /// Numbers rounded to nearest even, into the first elements of `out`.
    package static func round(
        _ x: AlignedBuffer<Float>, _ range: Range<Int>, into out: AlignedBuffer<UInt16>
    ) {
        unsafe kindred_bf16_rows(
            out.pointer(0..<range.count), range.count, x.pointer(range), range.count, 1, range.count)
    }

    /// A left factor: rows of bfloat16. Owned by one thread; its memory grows with what it is given.
    @safe
    package final class Rows {
        private var buffer = AlignedBuffer<UInt16>(repeating: 0, count: 0)
        fileprivate private(set) var rows = 0
        fileprivate private(set) var inner = 0
        fileprivate var stride: Int { (inner + 1) / 2 * 2 }

        package init() {}

        private func resize(rows: Int, inner: Int) {
            self.rows = rows
            self.inner = inner
            if rows * stride > buffer.count { buffer = AlignedBuffer(repeating: 0, count: rows * stride) }
        }

        /// Takes the rows of a matrix.
        package func take(_ x: MatrixView) {
            resize(rows: x.rows, inner: x.columns)
            unsafe kindred_bf16_rows(pointer, stride, x.pointer, x.stride, x.rows, x.columns)
        }

        /// Takes the columns of a matrix as rows.
        package func take(transposed x: MatrixView) {
            resize(rows: x.columns, inner: x.rows)
            unsafe kindred_bf16_transposed(pointer, stride, x.pointer, x.stride, x.rows, x.columns)
        }

        fileprivate var pointer: UnsafeMutablePointer<UInt16> { unsafe buffer.pointer(0..<rows * stride) }
    }

    /// A right factor, packed. Its memory grows with what it is given.
    @safe
    package final class Packed: @unchecked Sendable {
        private var buffer = AlignedBuffer<UInt16>(repeating: 0, count: 0)
        package private(set) var columns = 0
        package private(set) var inner = 0

        package init() {}

        /// Takes x as the factor itself (inner × columns), or its transpose where x is columns × inner.
        package func take(_ x: MatrixView, transposed: Bool) {
            columns = transposed ? x.rows : x.columns
            inner = transposed ? x.columns : x.rows
            let count = kindred_bf16_packed_count(columns, inner)
            if count > buffer.count { buffer = AlignedBuffer(repeating: 0, count: count) }
            // The kernel names by its layout in memory what is the factor's transpose here.
            unsafe kindred_bf16_pack(pointer, x.pointer, x.stride, columns, inner, transposed ? 0 : 1)
        }

        fileprivate var pointer: UnsafeMutablePointer<UInt16> {
            unsafe buffer.pointer(0..<kindred_bf16_packed_count(columns, inner))
        }
    }

    /// c = a · b, or c += a · b.
    package static func multiply(_ a: Rows, _ b: Packed, into c: MatrixView, adding: Bool) {
        precondition(a.inner == b.inner && c.rows == a.rows && c.columns == b.columns, "shapes do not fit")
        unsafe kindred_bf16_multiply(
            c.pointer, c.stride, a.pointer, a.stride, b.pointer, a.rows, b.columns, a.inner, adding ? 1 : 0)
    }
}
