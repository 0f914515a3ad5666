import Foundation
import KindredSystem

/// Cosines and sines of every position's angles: positions × half a head.
package struct RotaryTable: Sendable {
    package let cosines: AlignedBuffer<Float>
    package let sines: AlignedBuffer<Float>
    /// For turning back.
    package let negativeSines: AlignedBuffer<Float>
    /// Pairs of a head.
    package let half: Int

    /// - Parameters:
    ///   - frequencies: angle per position of each pair.
    ///   - magnitude: what cosines and sines are multiplied by.
    package init(_ frequencies: [Double], positions: Int, magnitude: Double = 1) {
        half = frequencies.count
        cosines = AlignedBuffer(repeating: 0, count: positions * half)
        sines = AlignedBuffer(repeating: 0, count: positions * half)
        negativeSines = AlignedBuffer(repeating: 0, count: positions * half)
        for position in 0..<positions {
            for (pair, frequency) in frequencies.enumerated() {
                // The reference computes the angle in 32-bit floats; so does this.
                let angle = Float(position) * Float(frequency)
                cosines[position * half + pair] = Float(cos(Double(angle)) * magnitude)
                sines[position * half + pair] = Float(sin(Double(angle)) * magnitude)
                negativeSines[position * half + pair] = -Float(sin(Double(angle)) * magnitude)
            }
        }
    }
}
