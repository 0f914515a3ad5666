import KindredSystem
import KindredTensors

/// A linear layer: y = x · Wᵀ + b. Matrices that read the same input are one, so that they are one product.
struct LinearLayer: Sendable {
    /// output × input
    let weights: LinearWeights
    /// output; nil without biases
    let bias: AlignedBuffer<Float>?

    /// y = x · Wᵀ + b, or y += x · Wᵀ + b.
    func apply(
        _ x: MatrixView, into y: MatrixView, adding: Bool = false, _ scratch: LinearWeights.Scratch
    ) {
        weights.multiply(x, into: y, adding: adding, scratch)
        if let bias { y.addToRows(MatrixView(bias, rows: 1, columns: y.columns)) }
    }
}

/// A norm's weights.
struct NormLayer: Sendable {
    let weight: AlignedBuffer<Float>
    /// With LayerNorm; nil: root mean square.
    let bias: AlignedBuffer<Float>?
    let epsilon: Float

    /// `out` may be `x`.
    func apply(_ x: MatrixView, into out: MatrixView) {
        if let bias {
            LayerKernels.layerNorm(x, weight: weight, bias: bias, epsilon: epsilon, into: out)
        } else {
            LayerKernels.rmsNorm(x, weight: weight, epsilon: epsilon, into: out)
        }
    }
}

/// The weights of one block; which norms stand where, `BlockShape.NormPlacement` says.
struct DecoderBlock: Sendable {
    let layer: Int
    let attentionNorm: NormLayer
    let afterAttentionNorm: NormLayer?
    /// Queries, keys, values: (query width + 2 · key/value width) × hidden
    let queryKeyValue: LinearLayer
    /// Head dimension each; nil where heads are not normalised.
    let queryNorm: NormLayer?
    let keyNorm: NormLayer?
    /// hidden × query width
    let output: LinearLayer
    let feedForwardNorm: NormLayer
    let afterFeedForwardNorm: NormLayer?
    /// Gate and up, (2 · intermediate) × hidden; without a gate intermediate × hidden
    let gateUp: LinearLayer
    /// hidden × intermediate
    let down: LinearLayer
}
