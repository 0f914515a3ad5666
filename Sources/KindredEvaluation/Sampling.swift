/// Random choices that a seed decides, the same on every machine (SplitMix64, Steele, Lea and Flood 2014).
package struct Sampling: RandomNumberGenerator, Sendable {
    private var state: UInt64

    package init(seed: UInt64) { state = seed }

    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    /// `count` of the numbers below `total` for testing, the others for training; both in order.
    package mutating func split(_ total: Int, testing count: Int) -> (training: [Int], testing: [Int]) {
        let shuffled = Array(0..<total).shuffled(using: &self)
        return (shuffled.dropFirst(count).sorted(), shuffled.prefix(count).sorted())
    }

    /// Up to `count` positions of each label, in random order.
    package mutating func perLabel(_ count: Int, of labels: [Int]) -> [Int] {
        var taken: [Int: Int] = [:]
        return labels.indices.shuffled(using: &self).filter { position in
            taken[labels[position], default: 0] += 1
            return taken[labels[position]]! <= count
        }
    }
}
