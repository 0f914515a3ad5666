import CKindredKernels
import KindredSystem
import KindredTensors

extension GradientKernels {
    /// dx += the gradient of root mean square normalisation; `weightGradient` += its weight's, a row at `offset`.
    package static func rmsNorm(
        dx: MatrixView, dy: MatrixView, x: MatrixView, weight: MatrixView, weightGradient: MatrixView?,
        epsilon: Float
    ) {
        precondition(dx.rows == x.rows && dy.rows == x.rows && dx.columns == x.columns)
        precondition(dy.columns == x.columns && weight.rows == 1 && weight.columns == x.columns)
        precondition(weightGradient.map { $0.rows == 1 && $0.columns == x.columns } ?? true)
        unsafe kindred_rms_norm_gradient(
            dx.pointer, dx.stride, dy.pointer, dy.stride, x.pointer, x.stride, weight.pointer,
            weightGradient?.pointer, x.rows, x.columns, epsilon)
    }

    /// The gradient of p = softmax(scale · scores) with respect to the scores, in place of that to p.
    package static func softmax(_ gradient: MatrixView, p: MatrixView, scale: Float) {
        precondition(gradient.rows == p.rows && gradient.columns == p.columns && gradient.stride == p.stride)
        unsafe kindred_softmax_gradient(
            gradient.pointer, p.pointer, p.stride, p.rows, p.columns, scale)
    }

    /// Gate and up are overwritten by their gradients, and the product's gradient by the product.
    package static func siluMultiply(gate: MatrixView, up: MatrixView, gradient: MatrixView) {
        precondition(gate.rows == up.rows && gate.columns == up.columns && gate.stride == up.stride)
        precondition(gradient.rows == gate.rows && gradient.columns == gate.columns)
        unsafe kindred_silu_multiply_gradient(
            gate.pointer, up.pointer, gate.stride, gradient.pointer, gradient.stride, gate.rows, gate.columns)
    }

    /// out = dropout(x), or out += dropout(x); `out` may be `x`.
    /// - Parameter firstRow: number of the first row among all of the batch.
    package static func dropout(
        _ x: MatrixView, _ choice: Dropout, firstRow: Int, into out: MatrixView, adding: Bool = false
    ) {
        precondition(out.rows == x.rows && out.columns == x.columns)
        unsafe kindred_dropout(
            out.pointer, out.stride, x.pointer, x.stride, x.rows, x.columns, choice.threshold, choice.key,
            choice.site, UInt32(truncatingIfNeeded: firstRow), adding ? 1 : 0)
    }

    /// The sum of the rows' cross entropies with their targets; the rows become scale · (softmax − one-hot).
    package static func crossEntropy(_ logits: MatrixView, targets: [Int32], scale: Float) -> Double {
        precondition(
            targets.count == logits.rows && targets.allSatisfy { $0 >= 0 && Int($0) < logits.columns })
        return unsafe kindred_cross_entropy(
            logits.pointer, logits.stride, logits.rows, logits.columns, targets, scale)
    }

    /// One step on a range of weights; all buffers have one layout.
    package static func adamW(
        weights: AlignedBuffer<Float>, gradient: AlignedBuffer<Float>, m: AlignedBuffer<Float>,
        v: AlignedBuffer<Float>, range: Range<Int>, _ step: AdamWStep
    ) {
        unsafe kindred_adamw(
            weights.pointer(range), gradient.pointer(range), m.pointer(range), v.pointer(range), range.count,
            step.gradientScale, step.learningRate, step.beta1, step.beta2, step.epsilon, step.weightDecay,
            step.bias1, step.bias2)
    }

    /// out += scale · x, all of it or the elements of a range.
    package static func add(
        _ x: AlignedBuffer<Float>, scale: Float = 1, to out: AlignedBuffer<Float>, range: Range<Int>? = nil
    ) {
        precondition(x.count == out.count)
        let range = range ?? 0..<x.count
        unsafe kindred_add_scaled(out.pointer(range), x.pointer(range), range.count, scale)
    }

    package static func squareSum(_ x: AlignedBuffer<Float>) -> Double {
        unsafe kindred_square_sum(x.pointer(0..<x.count), x.count)
    }
}
