import Foundation
import KindredEncoder
import KindredTensors

/// Encodes the texts of data sets.
package struct TextVectors: Sendable {
    /// How far an encoder is with the texts of a set.
    package struct Progress: Sendable {
        package let done: Int
        package let total: Int
    }

    /// Bytes of text between two reports: enough for several packs.
    private static let bytesPerStep = 1 << 17

    package let encoder: TextEncoder
    private let progress: @Sendable (Progress) throws -> Void

    /// - Parameter progress: told after each step; may throw to stop the work.
    package init(
        _ encoder: TextEncoder, progress: @escaping @Sendable (Progress) throws -> Void = { _ in }
    ) {
        self.encoder = encoder
        self.progress = progress
    }

    /// The unit vectors of `texts`, in order: texts × dimensions. A text that occurs again is encoded once.
    ///
    /// - Throws: `invalidData` where the weights give no finite vector; what `progress` throws.
    package func encode(_ texts: [String], instruction: String = "") throws -> Matrix {
        // Keyed by bytes: strings of other bytes can be equal, and have other tokens.
        var positions: [Data: [Int]] = [:]
        for (index, text) in texts.enumerated() { positions[Data(text.utf8), default: []].append(index) }
        let distinct = positions.values.sorted {
            (texts[$1[0]].utf8.count, $0[0]) < (texts[$0[0]].utf8.count, $1[0])
        }
        let vectors = Matrix(rows: texts.count, columns: encoder.dimensions)
        var start = 0
        while start < distinct.count {
            var end = start
            var bytes = 0
            while end < distinct.count, bytes < Self.bytesPerStep {
                bytes += texts[distinct[end][0]].utf8.count + 1
                end += 1
            }
            let encoded = try encoder.encode(
                distinct[start..<end].map { texts[$0[0]] }, instruction: instruction)
            for (row, rows) in distinct[start..<end].enumerated() {
                for target in rows {
                    for column in 0..<encoded.columns { vectors[target, column] = encoded[row, column] }
                }
            }
            start = end
            try progress(Progress(done: start, total: distinct.count))
        }
        return vectors
    }
}
