import Foundation
import KindredSystem

/// Pseudo-random numbers that depend on a seed and a place (what, which step, which item) alone, so that a resumed run
/// draws what an uninterrupted one does.
struct TrainingRandom: RandomNumberGenerator {
    private var generator: SplitMix64

    /// What numbers are drawn for.
    enum Purpose: UInt64 {
        case order = 1
        case masking, initialization, holdout, vocabulary
    }

    init(seed: UInt64, _ purpose: Purpose, _ place: Int...) {
        var state = seed
        for part in [purpose.rawValue] + place.map({ UInt64(bitPattern: Int64($0)) }) {
            state = SplitMix64.mix(state &+ SplitMix64.increment &+ part &* 0xD134_2543_DE82_EF95)
        }
        generator = SplitMix64(seed: state)
    }

    mutating func next() -> UInt64 { generator.next() }

    /// Uniform in [0, 1).
    mutating func uniform() -> Double { Double(next() >> 11) * 0x1p-53 }

    /// Standard normal, by Box and Muller.
    mutating func normal() -> Double {
        let radius = (-2 * log(1 - uniform())).squareRoot()
        return radius * cos(2 * .pi * uniform())
    }
}

/// Which examples a step sees: each epoch goes through all of them in an order of its own.
struct ExampleOrder {
    let count: Int
    let seed: UInt64
    private var epoch = -1
    private var order: [Int] = []

    init(count: Int, seed: UInt64) {
        precondition(count > 0)
        self.count = count
        self.seed = seed
    }

    /// The example at `position` of the endless sequence of epochs.
    mutating func example(at position: Int) -> Int {
        if position / count != epoch {
            epoch = position / count
            var random = TrainingRandom(seed: seed, .order, epoch)
            order = Array(0..<count).shuffled(using: &random)
        }
        return order[position % count]
    }
}
