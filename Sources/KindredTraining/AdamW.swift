import Foundation
import KindredSystem

/// AdamW (Loshchilov and Hutter 2019) with clipping of the gradient's norm, as torch has both.
package final class AdamW {
    package struct Options: Sendable, Hashable {
        package var beta1: Float = 0.9
        package var beta2: Float = 0.999
        package var epsilon: Float = 1e-8
        /// Pulls at matrices only.
        package var weightDecay: Float = 0
        /// The gradient is scaled down to this norm where it is longer; nil: never.
        package var maximumNorm: Float? = 1
        /// What the learning rate is multiplied by for single parameters; with 0 they stay, and so do their moments.
        package var rateFactors: [String: Float] = [:]

        package init() {}
    }

    private let options: Options
    private let layout: ParameterLayout
    /// First and second moments of the gradient.
    package let m: AlignedBuffer<Float>
    package let v: AlignedBuffer<Float>

    package init(_ options: Options, layout: ParameterLayout) {
        self.options = options
        self.layout = layout
        m = AlignedBuffer(repeating: 0, count: layout.count)
        v = AlignedBuffer(repeating: 0, count: layout.count)
    }

    /// Moves the parameters.
    ///
    /// - Parameters:
    ///   - norm: the gradient's, before clipping.
    ///   - step: counted from 1.
    ///   - threads: does not change the result.
    package func step(
        _ parameters: AlignedBuffer<Float>, gradient: AlignedBuffer<Float>, norm: Double, learningRate: Float,
        step: Int, threads: Int = Processor.count
    ) {
        var scale: Float = 1
        // torch.nn.utils.clip_grad_norm_ adds the 1e-6.
        if let maximum = options.maximumNorm { scale = min(1, maximum / (Float(norm) + 1e-6)) }
        var values = GradientKernels.AdamWStep(
            gradientScale: scale, learningRate: learningRate, beta1: options.beta1, beta2: options.beta2,
            epsilon: options.epsilon, weightDecay: 0,
            bias1: Float(1 - pow(Double(options.beta1), Double(step))),
            bias2: Float(1 - pow(Double(options.beta2), Double(step))))
        for entry in layout.entries {
            let factor = options.rateFactors[entry.name] ?? 1
            if factor == 0 { continue }
            values.learningRate = learningRate * factor
            values.weightDecay = entry.decays ? options.weightDecay : 0
            let (m, v, step) = (m, v, values)
            Processor.parallel(pieces: entry.range, threads: threads) { range in
                GradientKernels.adamW(
                    weights: parameters, gradient: gradient, m: m, v: v, range: range, step)
            }
        }
    }
}

/// The learning rate at each step: linear warm-up from zero, then linear decay to zero (transformers,
/// `get_linear_schedule_with_warmup`), or none.
package struct LearningRateSchedule: Sendable, Hashable {
    package enum Kind: String, Sendable, CaseIterable, Codable { case linear, constant }

    package var kind: Kind
    package var peak: Double
    package var warmup: Int
    package var steps: Int

    package init(kind: Kind = .linear, peak: Double, warmup: Int, steps: Int) {
        self.kind = kind
        self.peak = peak
        self.warmup = warmup
        self.steps = steps
    }

    /// - Parameter step: counted from 0.
    package func rate(at step: Int) -> Double {
        if step < warmup { return peak * Double(step) / Double(max(1, warmup)) }
        switch kind {
        case .constant: return peak
        case .linear: return peak * max(0, Double(steps - step) / Double(max(1, steps - warmup)))
        }
    }
}
