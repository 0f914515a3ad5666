import CKindredKernels

/// The element-wise parts of a decoder's layers, on ranges that are checked here. See `kindred_layers.h`.
package enum LayerKernels {
    /// `rows` rows of `columns` elements in a buffer, the first at `offset`, each `stride` after the one before.
    package struct Rows {
        let buffer: AlignedBuffer<Float>
        let offset: Int
        let rows: Int
        let columns: Int
        let stride: Int

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

        var pointer: UnsafeMutablePointer<Float> { buffer.pointer(offset..<offset) }
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

    /// Normalisation of each row to mean 0 and variance 1, times `weight` plus `bias`; `out` may be `x`.
    package static func layerNorm(
        _ x: Rows, weight: AlignedBuffer<Float>, bias: AlignedBuffer<Float>, epsilon: Float, into out: Rows
    ) {
        precondition(out.rows == x.rows && out.columns == x.columns)
        precondition(weight.count == x.columns && bias.count == x.columns)
        kindred_layer_norm(
            out.pointer, out.stride, x.pointer, x.stride, weight.pointer(0..<weight.count),
            bias.pointer(0..<bias.count), x.rows, x.columns, epsilon)
    }

    /// What a feed-forward layer does to each element.
    package enum Activation: Sendable {
        case silu, gelu, geluTanh, relu

        fileprivate var kernel: kindred_activation {
            switch self {
            case .silu: KINDRED_SILU
            case .gelu: KINDRED_GELU
            case .geluTanh: KINDRED_GELU_TANH
            case .relu: KINDRED_RELU
            }
        }
    }

    /// x ← activation(x), or activation(x) · up, element by element.
    package static func activate(_ x: Rows, _ activation: Activation, times up: Rows?) {
        if let up { precondition(x.rows == up.rows && x.columns == up.columns) }
        kindred_activate(
            x.pointer, x.stride, up?.pointer, up?.stride ?? 0, x.rows, x.columns, activation.kernel)
    }

    /// x ← cap · tanh(scale · x / cap), element by element.
    package static func cap(_ x: Rows, scale: Float, cap: Float) {
        kindred_cap(x.pointer, x.stride, x.rows, x.columns, scale, cap)
    }

    /// Softmax of `scale` × each row in place; with `causal` row r sees columns 0...r and has zeros elsewhere.
    package static func softmax(_ scores: Rows, scale: Float, causal: Bool) {
        kindred_softmax(scores.pointer, scores.stride, scores.rows, scores.columns, scale, causal ? 1 : 0)
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
    package enum Precision: String, Sendable, CaseIterable {
        case f32 = "F32"
        case f16 = "F16"
        case bf16 = "BF16"
        /// With a scale for each row, in a tensor beside it.
        case i8 = "I8"
        /// Blocks of a GGUF file, see `kindred_blocks.h`.
        case q4Zero = "Q4_0"
        case q4One = "Q4_1"
        case q5Zero = "Q5_0"
        case q5One = "Q5_1"
        case q8Zero = "Q8_0"
        case q2K = "Q2_K"
        case q3K = "Q3_K"
        case q4K = "Q4_K"
        case q5K = "Q5_K"
        case q6K = "Q6_K"

        fileprivate var block: kindred_block_kind? {
            switch self {
            case .f32, .f16, .bf16, .i8: nil
            case .q4Zero: KINDRED_Q4_0
            case .q4One: KINDRED_Q4_1
            case .q5Zero: KINDRED_Q5_0
            case .q5One: KINDRED_Q5_1
            case .q8Zero: KINDRED_Q8_0
            case .q2K: KINDRED_Q2_K
            case .q3K: KINDRED_Q3_K
            case .q4K: KINDRED_Q4_K
            case .q5K: KINDRED_Q5_K
            case .q6K: KINDRED_Q6_K
            }
        }

        /// Whether numbers lie in blocks that share a scale.
        package var isBlocked: Bool { block != nil }

        /// Numbers that lie together: 1, or a block's.
        package var blockNumbers: Int { block.map { kindred_block_numbers($0) } ?? 1 }

        /// Bytes of `count` numbers, whole blocks.
        package func bytes(_ count: Int) -> Int {
            if let block { return count / kindred_block_numbers(block) * kindred_block_bytes(block) }
            switch self {
            case .f32: return count * 4
            case .f16, .bf16: return count * 2
            default: return count
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
        let source = file.pointer(offset..<offset + precision.bytes(count))!
        let target = out.pointer(start..<start + count)
        if let block = precision.block {
            precondition(count % precision.blockNumbers == 0, "not a whole number of blocks")
            return kindred_blocks_to_f32(
                target, source.assumingMemoryBound(to: UInt8.self), count / precision.blockNumbers, block)
        }
        switch precision {
        case .f16: kindred_f16_to_f32(target, source.assumingMemoryBound(to: UInt16.self), count)
        case .bf16: kindred_bf16_to_f32(target, source.assumingMemoryBound(to: UInt16.self), count)
        case .i8:
            let bytes = source.assumingMemoryBound(to: Int8.self)
            for index in 0..<count { target[index] = Float(bytes[index]) }
        default: UnsafeMutableRawPointer(target).copyMemory(from: source, byteCount: count * 4)
        }
    }
}
