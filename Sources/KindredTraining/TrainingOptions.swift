import Foundation
import KindredEncoder
import KindredSystem
import KindredTensors

/// What a run does. It is written to `training.json`, and a resumed run must have the same.
package struct TrainingOptions: Codable, Hashable, Sendable {
    package enum Objective: String, Codable, Sendable, CaseIterable {
        /// Masked next token prediction.
        case mntp
        /// Sentences against themselves, seen with other dropout.
        case simcse
        /// Queries against passages.
        case pairs
        /// Every token from those before it.
        case causal
        /// Texts against a teacher's vectors.
        case distill
    }

    package var objective: Objective
    /// Whether all weights are trained; else an adapter.
    package var full = false
    package var steps = 1000
    /// Blocks, sentences or pairs of a batch.
    package var batch = 32
    /// Batches whose gradients are averaged for one step.
    package var accumulate = 1
    /// Tokens of a block, or of a text at most.
    package var length = 512
    package var learningRate = 5e-5
    package var warmup = 0
    package var schedule = LearningRateSchedule.Kind.linear
    package var weightDecay: Float = 0
    /// 0: never.
    package var clip: Float = 1
    package var seed: UInt64 = 1
    package var precision = Precision.float32
    /// Recompute activations in the backward pass (gradient checkpointing).
    package var savesMemory = false

    /// Where all weights are trained: what the learning rate is multiplied by for the token embedding; nil: 1.
    package var embeddingRate: Float?

    package var rank = 16
    package var alpha = 32.0
    package var dropout: Float = 0.05
    package var targets = AdapterConfiguration.knownModules
    package var initialization = AdapterConfiguration.Initialization.kaiming.rawValue
    package var attentionDropout: Float = 0

    package var attention = EncoderConfiguration.Attention.bidirectional.rawValue
    package var pooling = EncoderConfiguration.Pooling.mean.rawValue
    /// Contrast: what cosines are multiplied by.
    package var scale: Float = 20
    /// Pairs with a teacher's scores: what these are divided by before their softmax; nil: 0.05, for cosines.
    package var scoreTemperature: Float?
    /// Of the objective `distill`, and nil for others.
    package var distillation: DistillationOptions?

    package var maskShare = 0.2
    package var masksAll = false
    package var maskToken = "_"
    /// Prediction: tokens that are predicted among in a step, those to be predicted and others drawn evenly; nil: all.
    package var sampledTokens: Int?

    package var checkpointEvery = 100
    package var validateEvery = 100
    /// Examples that are held back for validation.
    package var validation = 64

    package init(objective: Objective) {
        self.objective = objective
        if objective == .distill { distillation = DistillationOptions() }
    }

    package var adapter: AdapterConfiguration {
        AdapterConfiguration(
            rank: rank, alpha: alpha, dropout: dropout, targetModules: targets,
            initialization: .init(rawValue: initialization) ?? .kaiming)
    }

    /// How the trained model encodes.
    package func usage(of model: ModelDirectory) -> EncoderConfiguration {
        var usage = model.usage
        usage.pooling = .init(rawValue: pooling) ?? .mean
        usage.attention = .init(rawValue: attention) ?? .bidirectional
        if objective == .causal { usage.attention = .causal }
        return usage
    }

    /// - Throws: `invalidRequest` naming what makes no sense.
    package func check() throws {
        func require(_ holds: Bool, _ message: String) throws {
            if !holds { throw KindredError(.invalidRequest, message) }
        }
        try require(
            steps > 0 && batch > 0 && accumulate > 0, "steps, batch and accumulate must be at least 1")
        try require(length > 1, "a block or text needs at least 2 tokens")
        try require(learningRate > 0 && learningRate.isFinite, "the learning rate must be above 0")
        try require(warmup >= 0 && warmup <= steps, "the warm-up must lie between 0 and the steps")
        try require(
            embeddingRate.map { $0 >= 0 && $0.isFinite } ?? true,
            "the embedding's rate is a factor of 0 or more")
        try require(
            (0..<1).contains(dropout) && (0..<1).contains(attentionDropout), "dropout must lie in 0..<1")
        try require(maskShare > 0 && maskShare <= 1, "the share of masked tokens must lie in 0...1, above 0")
        try require(
            sampledTokens.map { $0 > 1 } ?? true, "tokens are predicted among at least 2")
        try require(rank > 0 && rank <= 4096 && alpha.isFinite, "the rank must lie in 1...4096")
        try require(
            weightDecay >= 0 && clip >= 0 && weightDecay.isFinite && clip.isFinite,
            "decay and clip must be numbers of 0 or more")
        try require(scale.isFinite, "the scale must be a number")
        try require(validation >= 0, "examples to hold back cannot be fewer than 0")
        try require(
            checkpointEvery > 0 && validateEvery > 0,
            "checkpoints and validations need at least a step between")
        try require(!targets.isEmpty, "an adapter needs a module to change")
        for target in targets where !AdapterConfiguration.knownModules.contains(target) {
            try require(
                false,
                "no module \"\(target)\"; there are \(AdapterConfiguration.knownModules.joined(separator: ", "))"
            )
        }
        if let scoreTemperature {
            try require(scoreTemperature > 0 && scoreTemperature.isFinite, "the temperature must be above 0")
        }
        if let distillation {
            try require(
                distillation.relational >= 0 && distillation.relational.isFinite,
                "the weight of the similarity distributions must be 0 or more")
            try require(
                distillation.temperature > 0 && distillation.temperature.isFinite,
                "the temperature must be above 0")
            try require(
                distillation.mapRate >= 0 && distillation.mapRate.isFinite,
                "the map's rate is a factor of 0 or more")
            try require(
                distillation.relational == 0 || batch > 2,
                "similarity distributions need at least 3 examples in a batch")
        }
        if objective == .simcse || objective == .pairs {
            try require(batch > 1, "contrast needs at least 2 examples in a batch")
        }
    }
}
