import CKindredKernels
import KindredSystem

extension LayerKernels {
    /// Root mean square normalisation of each row; `out` may be `x`.
    package static func rmsNorm(
        _ x: MatrixView, weight: AlignedBuffer<Float>, epsilon: Float, into out: MatrixView
    ) {
        precondition(out.rows == x.rows && out.columns == x.columns && weight.count == x.columns)
        unsafe kindred_rms_norm(
            out.pointer, out.stride, x.pointer, x.stride, weight.pointer(0..<weight.count), x.rows, x.columns,
            epsilon)
    }

    /// The same with the weight as a row of a larger buffer.
    package static func rmsNorm(_ x: MatrixView, weight: MatrixView, epsilon: Float, into out: MatrixView) {
        precondition(out.rows == x.rows && out.columns == x.columns)
        precondition(weight.rows == 1 && weight.columns == x.columns)
        unsafe kindred_rms_norm(
            out.pointer, out.stride, x.pointer, x.stride, weight.pointer, x.rows, x.columns, epsilon)
    }

    /// Normalisation of each row to mean 0 and variance 1, times `weight` plus `bias`; `out` may be `x`.
    package static func layerNorm(
        _ x: MatrixView, weight: AlignedBuffer<Float>, bias: AlignedBuffer<Float>, epsilon: Float,
        into out: MatrixView
    ) {
        precondition(out.rows == x.rows && out.columns == x.columns)
        precondition(weight.count == x.columns && bias.count == x.columns)
        unsafe kindred_layer_norm(
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
    package static func activate(_ x: MatrixView, _ activation: Activation, times up: MatrixView?) {
        if let up { precondition(x.rows == up.rows && x.columns == up.columns) }
        unsafe kindred_activate(
            x.pointer, x.stride, up?.pointer, up?.stride ?? 0, x.rows, x.columns, activation.kernel)
    }

    /// x ← cap · tanh(scale · x / cap), element by element.
    package static func cap(_ x: MatrixView, scale: Float, cap: Float) {
        unsafe kindred_cap(x.pointer, x.stride, x.rows, x.columns, scale, cap)
    }

    /// Softmax of `scale` × each row in place; with `causal` row r sees columns 0...r and has zeros elsewhere.
    package static func softmax(_ scores: MatrixView, scale: Float, causal: Bool) {
        unsafe kindred_softmax(
            scores.pointer, scores.stride, scores.rows, scores.columns, scale, causal ? 1 : 0)
    }

    /// Rotary positions on heads of `headDimension` elements; `cosines` and `sines` have a row of half as many for
    /// each row of `x`.
    package static func rotate(
        _ x: MatrixView, headDimension: Int, cosines: AlignedBuffer<Float>, sines: AlignedBuffer<Float>
    ) {
        let half = headDimension / 2
        precondition(headDimension > 0 && headDimension % 2 == 0 && x.columns % headDimension == 0)
        precondition(cosines.count >= x.rows * half && sines.count >= x.rows * half)
        unsafe kindred_rotate(
            x.pointer, x.stride, x.rows, x.columns / headDimension, half, cosines.pointer(0..<cosines.count),
            sines.pointer(0..<sines.count))
    }

    /// IEEE half-precision numbers, as bits, as floats into `out` from element `start` on.
    package static func load(_ halves: AlignedBuffer<UInt16>, into out: AlignedBuffer<Float>, from start: Int)
    {
        guard halves.count > 0 else { return }
        unsafe kindred_f16_to_f32(
            out.pointer(start..<start + halves.count), halves.pointer(0..<halves.count), halves.count)
    }

    /// Numbers of a mapped file as floats, from byte `offset` of the file on, into `out` from element `start` on.
    package static func load(
        _ file: MappedFile, at offset: Int, count: Int, as precision: NumberFormat,
        into out: AlignedBuffer<Float>,
        from start: Int
    ) {
        guard count > 0 else { return }
        let source = unsafe file.pointer(offset..<offset + precision.bytes(count))!
        let target = unsafe out.pointer(start..<start + count)
        if let block = precision.block {
            precondition(count % precision.blockNumbers == 0, "not a whole number of blocks")
            return unsafe kindred_blocks_to_f32(
                target, source.assumingMemoryBound(to: UInt8.self), count / precision.blockNumbers, block)
        }
        switch precision {
        case .f16: unsafe kindred_f16_to_f32(target, source.assumingMemoryBound(to: UInt16.self), count)
        case .bf16: unsafe kindred_bf16_to_f32(target, source.assumingMemoryBound(to: UInt16.self), count)
        case .i8:
            let bytes = unsafe source.assumingMemoryBound(to: Int8.self)
            for index in 0..<count { unsafe target[index] = unsafe Float(bytes[index]) }
        default: unsafe UnsafeMutableRawPointer(target).copyMemory(from: source, byteCount: count * 4)
        }
    }
}
