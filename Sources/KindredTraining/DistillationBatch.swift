import Foundation
import KindredEncoder
import KindredSystem
import KindredTensors

/// How a student's vectors are compared with a teacher's.
package struct DistillationOptions: Codable, Hashable, Sendable {
    package enum Loss: String, Codable, Sendable, CaseIterable {
        /// 1 − the cosine of student and teacher.
        case cosine
        /// The squared Euclidean distance from the student's vector, of whatever length, to the teacher's of length 1: the
        /// sum over dimensions, so that it is 2 − 2 · cosine where the student's has length 1 too.
        case mse
    }

    package var loss = Loss.cosine
    /// What the divergence of the in-batch similarity distributions is multiplied by; 0: it is left out.
    package var relational: Float = 0
    /// What cosines are divided by before the softmax of a similarity distribution.
    package var temperature: Float = 0.05
    /// Whether the pooled vector goes through a linear map that is learned with the student; else it is compared as it is.
    package var map = true
    /// What the learning rate is multiplied by for the map.
    package var mapRate: Float = 1

    package init() {}
}

/// Texts and the vectors that a teacher has for them.
///
/// With student vectors y, teacher vectors t of length 1, s = y / |y| and a batch of n texts, the loss is
///
///     mean over i of (1 − sᵢ · tᵢ)                                   (cosine), or
///     mean over i of |yᵢ − tᵢ|²                                      (mse), plus
///     relational · mean over i of Σⱼ pᵢⱼ (log pᵢⱼ − log qᵢⱼ),
///
/// where pᵢ is the softmax of tᵢ · tⱼ / temperature over all other texts j of the batch, and qᵢ that of sᵢ · sⱼ
/// (Reimers and Gurevych 2020 for vectors as targets; Passalis and Tefas 2018 for similarity distributions).
package struct DistillationBatch: VectorBatch {
    package let inputs: [EncoderInput]
    /// A row of length 1 for each text.
    package let targets: Matrix
    package let options: DistillationOptions

    package init(_ inputs: [EncoderInput], targets: Matrix, _ options: DistillationOptions) {
        precondition(inputs.count == targets.rows && !inputs.isEmpty)
        self.inputs = inputs
        self.targets = targets
        self.options = options
    }

    package func loss(_ vectors: Matrix) -> (loss: Double, gradient: Matrix) {
        precondition(vectors.rows == targets.rows && vectors.columns == targets.columns, "shapes do not fit")
        let scaled = UnitRows(vectors)
        let (rows, columns) = (vectors.rows, vectors.columns)
        /// With respect to the vectors of length 1.
        let gradient = Matrix(rows: rows, columns: columns)
        var loss = 0.0
        if options.loss == .cosine {
            for row in 0..<rows {
                var cosine: Float = 0
                for column in 0..<columns {
                    cosine += scaled.units[row, column] * targets[row, column]
                    gradient[row, column] = -targets[row, column] / Float(rows)
                }
                loss += Double(1 - cosine) / Double(rows)
            }
        }
        if options.relational > 0 {
            loss += Double(options.relational) * divergence(of: scaled.units, gradient: gradient)
        }
        scaled.passBack(gradient)
        if options.loss == .mse {
            for row in 0..<rows {
                var square: Float = 0
                for column in 0..<columns {
                    let difference = vectors[row, column] - targets[row, column]
                    square += difference * difference
                    gradient[row, column] += 2 * difference / Float(rows)
                }
                loss += Double(square) / Double(rows)
            }
        }
        return (loss, gradient)
    }

    /// The divergence of the similarity distributions; adds `relational` times its gradient with respect to `units`.
    private func divergence(of units: Matrix, gradient: Matrix) -> Double {
        let count = units.rows
        guard count > 1 else { return 0 }
        let (s, t) = (Self.operand(units), Self.operand(targets))
        let (student, teacher) = (
            Matrix(rows: count, columns: count), Matrix(rows: count, columns: count)
        )
        BLAS.multiply(s, s, transposed: true, into: Self.operand(student))
        BLAS.multiply(t, t, transposed: true, into: Self.operand(teacher))
        let scale = options.relational / (Float(count) * options.temperature)
        var sum = 0.0
        for row in 0..<count {
            let others = (0..<count).filter { $0 != row }
            let q = Self.logSoftmax(others.map { student[row, $0] / options.temperature })
            let p = Self.logSoftmax(others.map { teacher[row, $0] / options.temperature })
            student[row, row] = 0
            for (place, other) in others.enumerated() {
                sum += Double(exp(p[place]) * (p[place] - q[place]))
                student[row, other] = scale * (exp(q[place]) - exp(p[place]))
            }
        }
        // sᵢ · sⱼ has sᵢ on both sides.
        let g = Self.operand(gradient)
        BLAS.multiply(Self.operand(student), s, into: g, adding: 1)
        BLAS.multiply(transposed: Self.operand(student), s, into: g, adding: 1)
        return sum / Double(count)
    }

    static func logSoftmax(_ scores: [Float]) -> [Float] {
        let highest = scores.max() ?? 0
        let sum = log(scores.reduce(Float(0)) { $0 + exp($1 - highest) })
        return scores.map { $0 - highest - sum }
    }

    private static func operand(_ matrix: Matrix) -> MatrixView {
        MatrixView(matrix.elements, rows: matrix.rows, columns: matrix.columns)
    }
}
