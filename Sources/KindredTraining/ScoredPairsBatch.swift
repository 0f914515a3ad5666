import Foundation
import KindredEncoder
import KindredSystem
import KindredTensors

/// Queries, each with passages of its own that a teacher has scored, the positive among them: the loss is the
/// Kullback–Leibler divergence of the student's distribution over a query's passages, the softmax of scale · cosine, from
/// the teacher's, the softmax of score / temperature (Lin, Yang and Lin 2021; UKPLab/sentence-transformers,
/// losses/DistillKLDivLoss.py, without its factor temperature², because only the teacher's side has the temperature).
package struct ScoredPairsBatch: VectorBatch {
    package struct Query: Sendable {
        package let input: EncoderInput
        /// The positive and the query's negatives.
        package let passages: [EncoderInput]
        /// The teacher's, one for each passage.
        package let scores: [Float]

        package init(input: EncoderInput, passages: [EncoderInput], scores: [Float]) {
            precondition(passages.count == scores.count && !passages.isEmpty)
            self.input = input
            self.passages = passages
            self.scores = scores
        }
    }

    package let queries: [Query]
    /// Cosines are multiplied by this.
    package let scale: Float
    /// Scores are divided by this.
    package let temperature: Float

    package init(_ queries: [Query], scale: Float, temperature: Float) {
        precondition(!queries.isEmpty && temperature > 0)
        self.queries = queries
        self.scale = scale
        self.temperature = temperature
    }

    /// Each query is followed by its passages.
    package var inputs: [EncoderInput] { queries.flatMap { [$0.input] + $0.passages } }

    package func loss(_ vectors: Matrix) -> (loss: Double, gradient: Matrix) {
        let scaled = UnitRows(vectors)
        let units = scaled.units
        let columns = vectors.columns
        let gradient = Matrix(rows: vectors.rows, columns: columns)
        let share = 1 / Float(queries.count)
        var loss = 0.0
        var row = 0
        for query in queries {
            let passages = (row + 1)..<(row + 1 + query.passages.count)
            let cosines = passages.map { passage in
                (0..<columns).reduce(Float(0)) { $0 + units[row, $1] * units[passage, $1] }
            }
            let q = DistillationBatch.logSoftmax(cosines.map { scale * $0 })
            let p = DistillationBatch.logSoftmax(query.scores.map { $0 / temperature })
            for (place, passage) in passages.enumerated() {
                loss += Double(share * exp(p[place]) * (p[place] - q[place]))
                let slope = share * scale * (exp(q[place]) - exp(p[place]))
                for column in 0..<columns {
                    gradient[row, column] += slope * units[passage, column]
                    gradient[passage, column] += slope * units[row, column]
                }
            }
            row = passages.upperBound
        }
        scaled.passBack(gradient)
        return (loss, gradient)
    }
}
