import CKindredKernels
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

        package var pointer: UnsafeMutablePointer<Float> { buffer.pointer(offset..<offset) }
    }

    /// Root mean square normalisation of each row; `out` may be `x`.
    package static func rmsNorm(_ x: Rows, weight: AlignedBuffer<Float>, epsilon: Float, into out: Rows) {
        precondition(out.rows == x.rows && out.columns == x.columns && weight.count == x.columns)
        kindred_rms_norm(
            out.pointer, out.stride, x.pointer, x.stride, weight.pointer(0..<weight.count), x.rows, x.columns,
            epsilon)
    }

    /// The same with the weight as a row of a larger buffer.
    package static func rmsNorm(_ x: Rows, weight: BLAS.Operand, epsilon: Float, into out: Rows) {
        precondition(out.rows == x.rows && out.columns == x.columns)
        precondition(weight.rows == 1 && weight.columns == x.columns)
        kindred_rms_norm(
            out.pointer, out.stride, x.pointer, x.stride, weight.pointer, x.rows, x.columns, epsilon)
    }

    /// Softmax of `scale` × each row in place; with `causal` row r sees columns 0...r and has zeros elsewhere.
    package static func softmax(_ scores: Rows, scale: Float, causal: Bool) {
        kindred_softmax(scores.pointer, scores.stride, scores.rows, scores.columns, scale, causal ? 1 : 0)
    }

    /// gate ← silu(gate) · up, element by element.
    package static func siluMultiply(gate: Rows, up: Rows) {
        precondition(gate.rows == up.rows && gate.columns == up.columns)
        kindred_silu_multiply(
            gate.pointer, gate.stride, up.pointer, up.stride, gate.rows, gate.columns)
    }

    /// Rotary positions on heads of `headDimension` elements; `cosines` and `sines` have a row of half as many for
    /// each row of `x`.
    package static func rotate(
        _ x: Rows, headDimension: Int, cosines: AlignedBuffer<Float>, sines: AlignedBuffer<Float>
    ) {
        let half = headDimension / 2
        precondition(headDimension > 0 && headDimension % 2 == 0 && x.columns % headDimension == 0)
        precondition(cosines.count >= x.rows * half && sines.count >= x.rows * half)
        kindred_rotate(
            x.pointer, x.stride, x.rows, x.columns / headDimension, half, cosines.pointer(0..<cosines.count),
            sines.pointer(0..<sines.count))
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

    /// Numbers of a mapped file as floats, from byte `offset` of the file on, into `out` from element `start` on.
    package static func load(
        _ file: MappedFile, at offset: Int, count: Int, as precision: Precision,
        into out: AlignedBuffer<Float>,
        from start: Int
    ) {
        guard count > 0 else { return }
        let source = file.pointer(offset..<offset + count * precision.bytes)!
        let target = out.pointer(start..<start + count)
        switch precision {
        case .f32: UnsafeMutableRawPointer(target).copyMemory(from: source, byteCount: count * 4)
        case .f16: kindred_f16_to_f32(target, source.assumingMemoryBound(to: UInt16.self), count)
        case .bf16: kindred_bf16_to_f32(target, source.assumingMemoryBound(to: UInt16.self), count)
        case .i8:
            let bytes = source.assumingMemoryBound(to: Int8.self)
            for index in 0..<count { target[index] = Float(bytes[index]) }
        }
    }
}

extension BLAS.Operand {
    /// The same memory as the element-wise kernels take it.
    package var elementRows: LayerKernels.Rows {
        LayerKernels.Rows(buffer, offset: offset, rows: rows, columns: columns, stride: stride)
    }
}
