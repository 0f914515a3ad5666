/// How a block is put together, beside its sizes: what one family of transformers does otherwise than another.
package struct BlockShape: Sendable, Hashable {
    package enum Norm: String, Sendable {
        /// x / √(mean(x²) + ε) · w (Zhang and Sennrich 2019).
        case rms
        /// The same with w + 1 for w, as Gemma stores it.
        case rmsPlusOne
        /// (x − mean) / √(variance + ε) · w + b (Ba et al. 2016).
        case layer
    }

    /// Where norms stand.
    package enum NormPlacement: String, Sendable {
        /// Before attention and before the feed-forward layer.
        case before
        /// Before each, and on what each adds to the state (Gemma 2).
        case beforeAndAfter
        /// Before each, both on the block's input, and both results are added to it (GPT-NeoX).
        case parallel
        /// On the state after each has been added to it (BERT).
        case after
    }

    package enum Activation: String, Sendable {
        case silu
        /// x · Φ(x)
        case gelu
        /// The approximation of GELU by tanh.
        case geluTanh
        case relu

        /// By the names that transformers gives them.
        static let names: [String: Activation] = [
            "silu": .silu, "swish": .silu, "gelu": .gelu, "gelu_new": .geluTanh, "gelu_fast": .geluTanh,
            "gelu_pytorch_tanh": .geluTanh, "relu": .relu,
        ]

        init?(transformers name: String) {
            guard let known = Self.names[name] else { return nil }
            self = known
        }
    }

    package var norm = Norm.rms
    package var placement = NormPlacement.before
    package var activation = Activation.silu
    /// Whether the feed-forward layer is activation(gate) · up, or activation(up) alone.
    package var isGated = true
    package var hasFeedForwardBias = false
    /// Whether query and key heads are normalised before rotation.
    package var normalizesHeads = false
    /// What scores are multiplied by; nil: 1/√(head dimension).
    package var scoreScale: Float?
    /// c · tanh(score / c) in place of the score, for this c.
    package var scoreCap: Float?

    package init() {}
}
