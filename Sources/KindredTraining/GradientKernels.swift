import KindredSystem
import KindredTensors

/// The element-wise parts of training, on ranges that are checked here. See `kindred_gradients.h`.
package enum GradientKernels {
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
}
