import KindredTensors

/// Rows scaled to length 1, and the way of a gradient back through that.
struct UnitRows {
    let units: Matrix
    private let lengths: [Float]

    init(_ vectors: Matrix) {
        let columns = vectors.columns
        let units = Matrix(rows: vectors.rows, columns: columns)
        var lengths = [Float](repeating: 0, count: vectors.rows)
        for row in 0..<vectors.rows {
            var square: Float = 0
            for column in 0..<columns { square += vectors[row, column] * vectors[row, column] }
            // torch.nn.functional.normalize divides by at least this.
            lengths[row] = max(square.squareRoot(), 1e-12)
            for column in 0..<columns { units[row, column] = vectors[row, column] / lengths[row] }
        }
        self.units = units
        self.lengths = lengths
    }

    /// Turns the gradient of the scaled rows into that of the rows as they were.
    func passBack(_ gradient: Matrix) {
        let columns = gradient.columns
        for row in 0..<gradient.rows {
            var along: Float = 0
            for column in 0..<columns { along += gradient[row, column] * units[row, column] }
            for column in 0..<columns {
                gradient[row, column] = (gradient[row, column] - along * units[row, column]) / lengths[row]
            }
        }
    }
}
