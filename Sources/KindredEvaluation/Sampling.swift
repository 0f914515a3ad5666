import KindredSystem

extension SplitMix64 {
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
