import KindredTestSupport

func unitVectors(_ count: Int, dimensions: Int, seed: UInt64) -> [[Float]] {
    var generator = SeededGenerator(seed: seed)
    return (0..<count).map { _ in
        let vector = (0..<dimensions).map { _ in Float.random(in: -1...1, using: &generator) }
        let length = vector.reduce(0) { $0 + $1 * $1 }.squareRoot()
        return vector.map { $0 / length }
    }
}

/// Vectors of different lengths, whose variance falls from dimension to dimension.
func unequalVectors(_ count: Int, dimensions: Int, seed: UInt64) -> [[Float]] {
    var generator = SeededGenerator(seed: seed)
    return unitVectors(count, dimensions: dimensions, seed: seed).map { vector in
        let length = Float.random(in: 0.5...1.5, using: &generator)
        return vector.enumerated().map { length * $1 / (1 + Float($0) / 20) + 0.02 }
    }
}
