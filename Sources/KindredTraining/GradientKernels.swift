import CKindredKernels
import KindredSystem
import KindredTensors

/// The element-wise parts of training, on ranges that are checked here. See `kindred_gradients.h`.
package enum GradientKernels {
    package typealias Rows = LayerKernels.Rows

    /// dx += the gradient of root mean square normalisation; `weightGradient` += its weight's, a row at `offset`.
    package static func rmsNorm(
        dx: Rows, dy: Rows, x: Rows, weight: BLAS.Operand, weightGradient: BLAS.Operand?, epsilon: Float
    ) {
        precondition(dx.rows == x.rows && dy.rows == x.rows && dx.columns == x.columns)
        precondition(dy.columns == x.columns && weight.rows == 1 && weight.columns == x.columns)
        precondition(weightGradient.map { $0.rows == 1 && $0.columns == x.columns } ?? true)
        kindred_rms_norm_gradient(
            dx.pointer, dx.stride, dy.pointer, dy.stride, x.pointer, x.stride, weight.pointer,
            weightGradient?.pointer, x.rows, x.columns, epsilon)
    }

    /// The gradient of p = softmax(scale · scores) with respect to the scores, in place of that to p.
    package static func softmax(_ gradient: Rows, p: Rows, scale: Float) {
        precondition(gradient.rows == p.rows && gradient.columns == p.columns && gradient.stride == p.stride)
        kindred_softmax_gradient(
            gradient.pointer, p.pointer, p.stride, p.rows, p.columns, scale)
    }

    /// Gate and up are overwritten by their gradients, and the product's gradient by the product.
    package static func siluMultiply(gate: Rows, up: Rows, gradient: Rows) {
        precondition(gate.rows == up.rows && gate.columns == up.columns && gate.stride == up.stride)
        precondition(gradient.rows == gate.rows && gradient.columns == gate.columns)
        kindred_silu_multiply_gradient(
            gate.pointer, up.pointer, gate.stride, gradient.pointer, gradient.stride, gate.rows, gate.columns)
    }

    /// Which elements dropout keeps: a function of the key, the site, the row and the column alone.
    package struct Dropout: Sendable {
        let threshold: UInt32
        let key: UInt64
        let site: UInt64

        /// - Parameters:
        ///   - rate: share of elements that become zero, 0..<1, kept to 1 / 65,536.
        ///   - key: of the run.
        ///   - site: where in the network and at which step.
        package init(rate: Float, key: UInt64, site: UInt64) {
            precondition((0..<1).contains(rate))
            threshold = min(65_535, UInt32((rate * 65_536).rounded()))
            self.key = key
            self.site = site
        }
    }

    /// out = dropout(x), or out += dropout(x); `out` may be `x`.
    /// - Parameter firstRow: number of the first row among all of the batch.
    package static func dropout(
        _ x: Rows, _ choice: Dropout, firstRow: Int, into out: Rows, adding: Bool = false
    ) {
        precondition(out.rows == x.rows && out.columns == x.columns)
        kindred_dropout(
            out.pointer, out.stride, x.pointer, x.stride, x.rows, x.columns, choice.threshold, choice.key,
            choice.site, UInt32(truncatingIfNeeded: firstRow), adding ? 1 : 0)
    }

    /// The sum of the rows' cross entropies with their targets; the rows become scale · (softmax − one-hot).
    package static func crossEntropy(_ logits: Rows, targets: [Int32], scale: Float) -> Double {
        precondition(
            targets.count == logits.rows && targets.allSatisfy { $0 >= 0 && Int($0) < logits.columns })
        return kindred_cross_entropy(
            logits.pointer, logits.stride, logits.rows, logits.columns, targets, scale)
    }

    /// Hyper-parameters of one AdamW step; the names are torch.optim.AdamW's.
    package struct AdamWStep: Sendable {
        package var gradientScale: Float
        package var learningRate: Float
        package var beta1: Float
        package var beta2: Float
        package var epsilon: Float
        package var weightDecay: Float
        /// 1 - beta1^t and 1 - beta2^t
        package var bias1: Float
        package var bias2: Float

        package init(
            gradientScale: Float, learningRate: Float, beta1: Float, beta2: Float, epsilon: Float,
            weightDecay: Float, bias1: Float, bias2: Float
        ) {
            self.gradientScale = gradientScale
            self.learningRate = learningRate
            self.beta1 = beta1
            self.beta2 = beta2
            self.epsilon = epsilon
            self.weightDecay = weightDecay
            self.bias1 = bias1
            self.bias2 = bias2
        }
    }

    /// One step on a range of weights; all buffers have one layout.
    package static func adamW(
        weights: AlignedBuffer<Float>, gradient: AlignedBuffer<Float>, m: AlignedBuffer<Float>,
        v: AlignedBuffer<Float>, range: Range<Int>, _ step: AdamWStep
    ) {
        kindred_adamw(
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
        kindred_add_scaled(out.pointer(range), x.pointer(range), range.count, scale)
    }

    package static func squareSum(_ x: AlignedBuffer<Float>) -> Double {
        kindred_square_sum(x.pointer(0..<x.count), x.count)
    }
}
