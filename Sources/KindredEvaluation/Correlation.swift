/// How well two lists of numbers agree; undefined (nil) where one of them is constant.
package enum Correlation {
    /// Pearson's product-moment correlation, as `scipy.stats.pearsonr`.
    package static func pearson(_ x: [Double], _ y: [Double]) -> Double? {
        precondition(x.count == y.count)
        guard x.count > 1, Set(x).count > 1, Set(y).count > 1 else { return nil }
        let (centredX, centredY) = (centred(x), centred(y))
        let (lengthX, lengthY) = (length(centredX), length(centredY))
        guard lengthX > 0, lengthY > 0 else { return nil }
        let sum = zip(centredX, centredY).reduce(0) { $0 + $1.0 * $1.1 }
        return min(1, max(-1, sum / lengthX / lengthY))
    }

    /// Spearman's rank correlation: Pearson's of the ranks, as `scipy.stats.spearmanr`.
    package static func spearman(_ x: [Double], _ y: [Double]) -> Double? { pearson(ranks(x), ranks(y)) }

    /// Ranks from 1; equal values share the mean of their ranks.
    package static func ranks(_ values: [Double]) -> [Double] {
        let order = values.indices.sorted { values[$0] < values[$1] }
        var ranks = [Double](repeating: 0, count: values.count)
        var start = 0
        while start < order.count {
            var end = start + 1
            while end < order.count, values[order[end]] == values[order[start]] { end += 1 }
            for position in start..<end { ranks[order[position]] = Double(start + end + 1) / 2 }
            start = end
        }
        return ranks
    }

    /// With mean 0 and of a size at which squares neither overflow nor underflow.
    private static func centred(_ values: [Double]) -> [Double] {
        let mean = values.reduce(0) { $0 + $1 / Double(values.count) }
        let differences = values.map { $0 - mean }
        let largest = differences.reduce(0) { max($0, abs($1)) }
        return largest > 0 ? differences.map { $0 / largest } : differences
    }

    private static func length(_ values: [Double]) -> Double {
        values.reduce(0) { $0 + $1 * $1 }.squareRoot()
    }
}
