import Foundation
import KindredSystem
import KindredTensors

/// Logistic regression with an L2 penalty, multinomial for three classes and more, fitted by L-BFGS: the probe of mteb's
/// classification tasks. Minimises what scikit-learn's `LogisticRegression(C=…, solver="lbfgs")` minimises,
///
///     1/n · Σ cross entropy + 1/(2 · C · n) · |W|²
///
/// with the intercepts unpenalised, from zeros, with scikit-learn's tolerances.
package struct LogisticRegression: Sendable {
    package struct Options: Sendable, Hashable {
        /// The inverse of the penalty's strength.
        package var c = 1.0
        /// Iterations, at most; mteb's 100.
        package var iterations = 100

        package init() {}
    }

    /// Rows of a product: enough for OpenBLAS, and little enough that threads have something each.
    private static let rowsPerBlock = 4096

    package let classes: Int
    /// classes × dimensions; a single row for two classes.
    package let weights: Matrix
    /// One for each row of the weights.
    package let intercepts: [Float]
    package let iterations: Int
    /// Whether the gradient vanished before the iterations were used up.
    package let isConverged: Bool

    /// - Parameters:
    ///   - features: examples × dimensions, at least one.
    ///   - labels: the class of each example.
    ///   - classes: at least two.
    ///   - progress: called before each evaluation; may throw to stop.
    package init(
        features: Matrix, labels: [Int], classes: Int, options: Options = Options(),
        progress: () throws -> Void = {}
    ) throws {
        precondition(features.rows == labels.count && classes > 1 && !labels.isEmpty)
        precondition(labels.allSatisfy { (0..<classes).contains($0) })
        let outputs = classes == 2 ? 1 : classes
        let dimensions = features.columns
        let penalty = 1 / (options.c * Double(labels.count))
        var search = LBFGS()
        search.iterations = options.iterations
        let start = [Double](repeating: 0, count: outputs * (dimensions + 1))
        let result = try search.minimize(from: start) { point in
            try progress()
            return Self.loss(
                at: point, features: features, labels: labels, outputs: outputs, penalty: penalty)
        }
        self.classes = classes
        weights = Self.weights(result.point, outputs: outputs, dimensions: dimensions)
        intercepts = result.point.suffix(outputs).map { Float($0) }
        iterations = result.iterations
        isConverged = result.isConverged
    }

    /// The likeliest class of each example.
    package func predict(_ features: Matrix) -> [Int] {
        guard features.rows > 0 else { return [] }
        var predictions: [Int] = []
        for start in stride(from: 0, to: features.rows, by: Self.rowsPerBlock) {
            let rows = min(Self.rowsPerBlock, features.rows - start)
            let scores = Self.scores(
                features, rows: start..<start + rows, weights: weights, intercepts: intercepts)
            for row in 0..<rows {
                if classes == 2 {
                    predictions.append(scores[row, 0] > 0 ? 1 : 0)
                    continue
                }
                var best = 0
                for column in 1..<classes where scores[row, column] > scores[row, best] { best = column }
                predictions.append(best)
            }
        }
        return predictions
    }

    /// Parameters lie as weights, row by row, then intercepts.
    private static func weights(_ point: [Double], outputs: Int, dimensions: Int) -> Matrix {
        Matrix(
            rows: outputs, columns: dimensions,
            elements: AlignedBuffer(point.prefix(outputs * dimensions).map { Float($0) }))
    }

    /// features · weightsᵀ + intercepts of some rows: rows × outputs.
    private static func scores(
        _ features: Matrix, rows: Range<Int>, weights: Matrix, intercepts: [Float]
    ) -> Matrix {
        let scores = Matrix(rows: rows.count, columns: weights.rows)
        BLAS.multiply(
            MatrixView(
                features.elements, offset: rows.lowerBound * features.columns, rows: rows.count,
                columns: features.columns),
            MatrixView(weights.elements, rows: weights.rows, columns: weights.columns), transposed: true,
            into: MatrixView(scores.elements, rows: rows.count, columns: weights.rows))
        for row in 0..<rows.count {
            for column in 0..<weights.rows { scores[row, column] += intercepts[column] }
        }
        return scores
    }

    private static func loss(
        at point: [Double], features: Matrix, labels: [Int], outputs: Int, penalty: Double
    ) -> (value: Double, gradient: [Double]) {
        let dimensions = features.columns
        let weights = weights(point, outputs: outputs, dimensions: dimensions)
        let intercepts = point.suffix(outputs).map { Float($0) }
        let blocks = (features.rows + rowsPerBlock - 1) / rowsPerBlock
        let losses = AlignedBuffer<Double>(repeating: 0, count: blocks)
        let interceptGradients = AlignedBuffer<Double>(repeating: 0, count: blocks * outputs)
        let gradients = AlignedBuffer<Float>(repeating: 0, count: blocks * outputs * dimensions)
        Processor.parallel(blocks) { block in
            let rows = block * rowsPerBlock..<min((block + 1) * rowsPerBlock, features.rows)
            let scores = scores(features, rows: rows, weights: weights, intercepts: intercepts)
            for row in 0..<rows.count {
                let label = labels[rows.lowerBound + row]
                losses[block] +=
                    outputs == 1 ? logisticLoss(scores, row, label) : softmaxLoss(scores, row, label)
                for output in 0..<outputs {
                    interceptGradients[block * outputs + output] += Double(scores[row, output])
                }
            }
            BLAS.multiply(
                transposed: MatrixView(scores.elements, rows: rows.count, columns: outputs),
                MatrixView(
                    features.elements, offset: rows.lowerBound * dimensions, rows: rows.count,
                    columns: dimensions),
                into: MatrixView(
                    gradients, offset: block * outputs * dimensions, rows: outputs, columns: dimensions))
        }
        // Blocks are added in order, so that the sum does not depend on the threads.
        let scale = 1 / Double(features.rows)
        var value = 0.0
        var gradient = [Double](repeating: 0, count: point.count)
        let parameters = outputs * dimensions
        for block in 0..<blocks {
            value += losses[block] * scale
            for index in 0..<parameters {
                gradient[index] += Double(gradients[block * parameters + index]) * scale
            }
            for output in 0..<outputs {
                gradient[parameters + output] += interceptGradients[block * outputs + output] * scale
            }
        }
        var squares = 0.0
        for index in 0..<parameters {
            squares += point[index] * point[index]
            gradient[index] += penalty * point[index]
        }
        return (value + penalty / 2 * squares, gradient)
    }

    /// The cross entropy of a row of scores, which becomes its gradient: probabilities less one at the label.
    private static func softmaxLoss(_ scores: Matrix, _ row: Int, _ label: Int) -> Double {
        var largest = scores[row, 0]
        for column in 1..<scores.columns { largest = max(largest, scores[row, column]) }
        let own = Double(scores[row, label] - largest)
        var sum = 0.0
        for column in 0..<scores.columns {
            let power = exp(Double(scores[row, column] - largest))
            scores[row, column] = Float(power)
            sum += power
        }
        let scale = Float(1 / sum)
        for column in 0..<scores.columns { scores[row, column] *= scale }
        scores[row, label] -= 1
        return log(sum) - own
    }

    /// The same for two classes and the score of the second.
    private static func logisticLoss(_ scores: Matrix, _ row: Int, _ label: Int) -> Double {
        let score = Double(scores[row, 0])
        let probability = 1 / (1 + exp(-score))
        scores[row, 0] = Float(probability - Double(label))
        // log(1 + e^score) without overflow.
        return max(score, 0) + log1p(exp(-abs(score))) - (label == 1 ? score : 0)
    }
}
