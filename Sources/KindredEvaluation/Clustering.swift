import Foundation
import KindredSystem
import KindredTensors
import SystemPackage

/// Texts with the groups that people put them into, in mteb's layout: a line is `{"sentences": […], "labels": […]}`, and each
/// line is clustered by itself.
package struct ClusteringSet: Sendable {
    package struct Part: Sendable {
        package let texts: [String]
        package let labels: [String]

        package init(texts: [String], labels: [String]) {
            self.texts = texts
            self.labels = labels
        }
    }

    package let name: String
    package let parts: [Part]
    package let remarks: InputRemarks

    /// - Throws: `notFound`, `inputOutput`; `invalidData` where no line can be read.
    package init(path: FilePath) throws {
        var file = RemarkedFile(path)
        var parts: [Part] = []
        try file.forEachObject { fields in
            guard let texts = fields["sentences"] as? [String], let labels = fields["labels"] as? [Any],
                texts.count == labels.count, Set(labels.map { "\($0)" }).count > 1
            else { return "no \"sentences\" and as many \"labels\", of two kinds at least" }
            parts.append(Part(texts: texts, labels: labels.map { "\($0)" }))
            return nil
        }
        guard !parts.isEmpty else { throw file.nothingRead(wanted: "{\"sentences\": […], \"labels\": […]}") }
        name = path.stem ?? path.string
        self.parts = parts
        remarks = file.remarks
    }
}

/// How well clusters and labels agree (Rosenberg and Hirschberg 2007; scikit-learn, `v_measure_score`).
package struct VMeasure: Sendable, Hashable {
    /// Each cluster has one label only.
    package let homogeneity: Double
    /// All texts of a label are in one cluster.
    package let completeness: Double
    /// The harmonic mean of the two.
    package var value: Double {
        homogeneity + completeness > 0 ? 2 * homogeneity * completeness / (homogeneity + completeness) : 0
    }

    package init<Label: Hashable>(labels: [Label], clusters: [Int]) {
        precondition(labels.count == clusters.count && !labels.isEmpty)
        let count = Double(labels.count)
        var both: [Label: [Int: Int]] = [:]
        var (labelled, clustered) = ([Label: Int](), [Int: Int]())
        for (label, cluster) in zip(labels, clusters) {
            both[label, default: [:]][cluster, default: 0] += 1
            labelled[label, default: 0] += 1
            clustered[cluster, default: 0] += 1
        }
        func entropy(_ counts: some Sequence<Int>) -> Double {
            counts.reduce(0) { $0 - Double($1) / count * log(Double($1) / count) }
        }
        let (labelEntropy, clusterEntropy) = (entropy(labelled.values), entropy(clustered.values))
        var information = 0.0
        for (label, row) in both {
            for (cluster, joint) in row {
                let share = Double(joint) / count
                let expected = Double(labelled[label]!) * Double(clustered[cluster]!) / (count * count)
                information += share * log(share / expected)
            }
        }
        homogeneity = labelEntropy > 0 ? information / labelEntropy : 1
        completeness = clusterEntropy > 0 ? information / clusterEntropy : 1
    }
}

/// Lloyd's k-means from centres that lie far apart (Arthur and Vassilvitskii 2007, k-means++).
package struct KMeans: Sendable {
    /// The cluster of each row.
    package let clusters: [Int]
    /// The sum of the squared distances to the clusters' centres.
    package let inertia: Double

    private static let iterations = 100

    /// The best of several runs.
    ///
    /// - Parameters:
    ///   - points: rows × dimensions.
    ///   - count: clusters, at most as many as rows.
    ///   - runs: from other centres each.
    ///   - progress: called before each pass over the points; may throw to stop.
    package init(
        _ points: Matrix, clusters count: Int, runs: Int = 4, seed: UInt64,
        progress: () throws -> Void = {}
    ) throws {
        precondition(count > 0 && count <= points.rows && runs > 0)
        var random = SplitMix64(seed: seed)
        var best: (clusters: [Int], inertia: Double)?
        for _ in 0..<runs {
            let found = try Self.run(points, count, &random, progress)
            if found.inertia < best?.inertia ?? .infinity { best = found }
        }
        clusters = best?.clusters ?? Array(repeating: 0, count: points.rows)
        inertia = best?.inertia ?? 0
    }

    private static func run(
        _ points: Matrix, _ count: Int, _ random: inout SplitMix64, _ progress: () throws -> Void
    ) throws -> (clusters: [Int], inertia: Double) {
        let norms = (0..<points.rows).map { row in points.squaredNorm(row) }
        var centres = startingCentres(points, norms, count, &random)
        var clusters = [Int](repeating: -1, count: points.rows)
        var inertia = 0.0
        for _ in 0..<iterations {
            try progress()
            let (nearest, distances) = nearest(points, norms, to: centres)
            inertia = distances.reduce(0, +)
            if nearest == clusters { break }
            clusters = nearest
            centres = means(points, clusters, distances, count)
        }
        return (clusters, inertia)
    }

    private static func startingCentres(
        _ points: Matrix, _ norms: [Double], _ count: Int, _ random: inout SplitMix64
    ) -> Matrix {
        let centres = Matrix(rows: count, columns: points.columns)
        var closest = [Double](repeating: .infinity, count: points.rows)
        var next = Int.random(in: 0..<points.rows, using: &random)
        for centre in 0..<count {
            for column in 0..<points.columns { centres[centre, column] = points[next, column] }
            let (_, distances) = nearest(points, norms, to: points.gathered([next]))
            for row in closest.indices { closest[row] = min(closest[row], distances[row]) }
            let sum = closest.reduce(0, +)
            guard sum > 0 else {
                next = Int.random(in: 0..<points.rows, using: &random)
                continue
            }
            var left = Double.random(in: 0..<sum, using: &random)
            next =
                closest.firstIndex { distance in
                    left -= distance
                    return left < 0
                } ?? points.rows - 1
        }
        return centres
    }

    /// The nearest centre of each point, and the squared distance to it.
    private static func nearest(
        _ points: Matrix, _ norms: [Double], to centres: Matrix
    ) -> (clusters: [Int], distances: [Double]) {
        let products = Matrix(rows: points.rows, columns: centres.rows)
        BLAS.multiply(
            MatrixView(points.elements, rows: points.rows, columns: points.columns),
            MatrixView(centres.elements, rows: centres.rows, columns: centres.columns), transposed: true,
            into: MatrixView(products.elements, rows: points.rows, columns: centres.rows))
        let own = (0..<centres.rows).map { centres.squaredNorm($0) }
        var clusters = [Int](repeating: 0, count: points.rows)
        var distances = [Double](repeating: .infinity, count: points.rows)
        for row in 0..<points.rows {
            for centre in 0..<centres.rows {
                let distance = max(0, norms[row] + own[centre] - 2 * Double(products[row, centre]))
                if distance < distances[row] { (clusters[row], distances[row]) = (centre, distance) }
            }
        }
        return (clusters, distances)
    }

    /// The mean of each cluster's points; an empty cluster takes the point that is farthest from its centre.
    private static func means(
        _ points: Matrix, _ clusters: [Int], _ distances: [Double], _ count: Int
    ) -> Matrix {
        let centres = Matrix(rows: count, columns: points.columns)
        var sizes = [Int](repeating: 0, count: count)
        for (row, cluster) in clusters.enumerated() {
            sizes[cluster] += 1
            for column in 0..<points.columns { centres[cluster, column] += points[row, column] }
        }
        var farthest = distances.indices.sorted { (distances[$1], $0) < (distances[$0], $1) }[...]
        for cluster in 0..<count {
            guard sizes[cluster] > 0 else {
                let row = farthest.popFirst() ?? 0
                for column in 0..<points.columns { centres[cluster, column] = points[row, column] }
                continue
            }
            let scale = 1 / Float(sizes[cluster])
            for column in 0..<points.columns { centres[cluster, column] *= scale }
        }
        return centres
    }
}

extension Matrix {
    fileprivate func squaredNorm(_ row: Int) -> Double {
        cosine(row, self, row)
    }
}
