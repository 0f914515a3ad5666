import KindredEncoder
import KindredSystem
import KindredTensors

/// Texts whose vectors have a loss together.
package protocol VectorBatch: Sendable {
    var inputs: [EncoderInput] { get }

    /// The mean loss, and its gradient with respect to the vectors, a row for each of `inputs`, that are not of length 1:
    /// pooled, and mapped where there is a linear map.
    func loss(_ vectors: Matrix) -> (loss: Double, gradient: Matrix)
}

/// Queries, the passage that answers each, and passages that answer none: the loss is the cross entropy of each query's
/// cosines to all passages of the batch, times a scale, with its own passage as the target (in-batch negatives; Gao, Yao
/// and Chen 2021 for SimCSE, where query and passage are one sentence seen with two dropouts; Karpukhin et al. 2020 for
/// pairs).
package struct ContrastiveBatch: VectorBatch {
    package let queries: [EncoderInput]
    /// One for each query.
    package let positives: [EncoderInput]
    /// Hard negatives of all queries.
    package let negatives: [EncoderInput]
    /// Cosines are multiplied by this: the inverse of the temperature.
    package let scale: Float

    package init(
        queries: [EncoderInput], positives: [EncoderInput], negatives: [EncoderInput] = [], scale: Float = 20
    ) {
        precondition(queries.count == positives.count && !queries.isEmpty)
        self.queries = queries
        self.positives = positives
        self.negatives = negatives
        self.scale = scale
    }

    package var inputs: [EncoderInput] { queries + positives + negatives }

    package func loss(_ vectors: Matrix) -> (loss: Double, gradient: Matrix) {
        let columns = vectors.columns
        let scaled = UnitRows(vectors)
        let units = scaled.units
        let count = queries.count
        let all = MatrixView(units.elements, rows: units.rows, columns: columns)
        let (q, d) = (all.slice(rows: 0..<count), all.slice(rows: count..<units.rows))
        let scores = Matrix(rows: count, columns: d.rows)
        let s = MatrixView(scores.elements, rows: count, columns: d.rows)
        BLAS.multiply(q, d, transposed: true, into: s)
        s.scale(by: scale)
        let sum = GradientKernels.crossEntropy(
            s, targets: (0..<count).map(Int32.init), scale: scale / Float(count))
        let gradient = Matrix(rows: vectors.rows, columns: columns)
        let g = MatrixView(gradient.elements, rows: vectors.rows, columns: columns)
        BLAS.multiply(s, d, into: g.slice(rows: 0..<count))
        BLAS.multiply(transposed: s, q, into: g.slice(rows: count..<vectors.rows))
        scaled.passBack(gradient)
        return (sum / Double(count), gradient)
    }
}

extension EncoderInput {
    /// The pooled vector of this input's rows, which begin at `start`.
    func pool(
        _ states: MatrixView, from start: Int, _ mode: EncoderConfiguration.Pooling, into vectors: Matrix,
        row: Int
    ) {
        let (positions, weights) = pooling(mode)
        let own = states.slice(rows: start + positions.lowerBound..<start + positions.upperBound)
        BLAS.multiply(
            MatrixView(AlignedBuffer(weights), rows: 1, columns: weights.count), own,
            into: MatrixView(
                vectors.elements, offset: row * vectors.columns, rows: 1, columns: vectors.columns))
    }

    /// Adds the gradient of the pooled vector to that of the states.
    func poolGradient(
        _ gradient: Matrix, row: Int, _ mode: EncoderConfiguration.Pooling, into states: MatrixView,
        from start: Int
    ) {
        let (positions, weights) = pooling(mode)
        let own = states.slice(rows: start + positions.lowerBound..<start + positions.upperBound)
        BLAS.multiply(
            MatrixView(AlignedBuffer(weights), rows: weights.count, columns: 1),
            MatrixView(
                gradient.elements, offset: row * gradient.columns, rows: 1, columns: gradient.columns),
            into: own, adding: 1)
    }
}
