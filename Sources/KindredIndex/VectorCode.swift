import KindredSystem
import KindredTensors

/// How a segment's vectors are coded: a centre, axes, and the layout of the codes along them. See
/// Documentation/vector-index.md.
///
/// With axes A (rows, orthonormal) a vector x is y = A (x - c), and ⟨q, x⟩ = ⟨q, c⟩ + ⟨A q, y⟩. Where there are vectors
/// enough the axes are the principal ones, so that the first dimensions carry most: they are the head that a walk reads.
/// Within each group of the layout the axes are mixed, so that its dimensions carry alike.
///
/// Where the vectors lie close together far from the origin, so do the queries, and the error of a code times the large q
/// hides what tells the vectors apart. There each row keeps the exact ⟨c, x - c⟩ beside its code (`hasBias`), and
/// only the rest of the query meets the code: with α = ⟨q, c⟩ / |c|²,
/// ⟨q, x⟩ = ⟨q, c⟩ + α (⟨q / α - c, x - c⟩ + ⟨c, x - c⟩), which holds for any α.
struct VectorCode: Sendable {
    let metric: VectorMetric
    let centre: AlignedBuffer<Float>
    /// dimensions × dimensions; nil for the axes as they come.
    let axes: AlignedBuffer<Float>?
    let layout: CodeLayout
    var dimensions: Int { centre.count }

    static let maximumDimensions = 32_768
    /// Below that many vectors, and above that many dimensions, the axes stay as they come: d × d floats would outweigh
    /// the codes, and finding them the rest of the build.
    static let fewestForAxes = 8192
    static let mostDimensionsForAxes = 4096
    /// A vector whose distance to the centre exceeds this many times the median counts neither for the centre nor for the
    /// axes.
    static let farthest: Float = 10
    /// Rows keep a bias where the centre has a larger share of the vectors' mean square; for unit vectors that is their
    /// mean cosine.
    static let biasShare = 0.75
    /// The share of the variance that the head has at least, and of it what has 12 bits.
    static let headShare = 0.85
    static let fineShare = 0.7
    private static let sampleSize = 16_384
    private static let mostRounds = 8

    init(metric: VectorMetric, centre: AlignedBuffer<Float>, axes: AlignedBuffer<Float>?, layout: CodeLayout)
    {
        precondition(centre.count == layout.dimensions)
        precondition(layout.hasBias || metric != .euclidean)
        self.metric = metric
        self.centre = centre
        self.axes = axes
        self.layout = layout
    }

    /// Finds the code for a source's vectors from a sample of them.
    init(fitting source: some VectorSource, metric: VectorMetric, seed: UInt64) throws {
        let (count, dimensions) = (source.count, source.dimensions)
        let sampled = min(count, Self.sampleSize)
        // The sample is read several times, in pieces: together its vectors could outweigh the index.
        func forEachPiece(_ body: (AlignedBuffer<Float>, Range<Int>) throws -> Void) throws {
            let size = VectorBatch.rows(dimensions: dimensions)
            let piece = AlignedBuffer<Float>(repeating: 0, count: size * dimensions)
            for start in stride(from: 0, to: sampled, by: size) {
                let range = start..<min(start + size, sampled)
                let rows = range.map { UInt32($0 * count / sampled) }
                try source.read(rows, into: piece)
                if metric == .cosine {
                    VectorRows.normalize(piece, count: rows.count, dimensions: dimensions)
                }
                try body(piece, range)
            }
        }
        let centre = AlignedBuffer<Float>(repeating: 0, count: dimensions)
        /// Squares of the sample's distances to the centre.
        let squares = AlignedBuffer<Float>(repeating: 0, count: sampled)
        var near = [Bool](repeating: true, count: sampled)
        /// The rows of a piece that are left out.
        func far(_ range: Range<Int>) -> [Int] { range.filter { !near[$0] }.map { $0 - range.lowerBound } }
        // A few vectors far away shift the mean away from all others. Each round leaves out what the last mean shows.
        for _ in 0..<Self.mostRounds {
            let sums = AlignedBuffer<Double>(repeating: 0, count: dimensions)
            try forEachPiece { piece, range in
                VectorRows.clear(piece, far(range), dimensions: dimensions)
                VectorRows.addColumns(piece, count: range.count, into: sums)
            }
            let taken = near.count { $0 }
            for dimension in 0..<dimensions { centre[dimension] = Float(sums[dimension] / Double(taken)) }
            try forEachPiece { piece, range in
                VectorRows.subtract(centre, from: piece, count: range.count)
                let part = AlignedBuffer<Float>(repeating: 0, count: range.count)
                VectorRows.squares(piece, count: range.count, dimensions: dimensions, into: part)
                squares.copy(part, from: 0..<range.count, at: range.lowerBound)
            }
            let limit = Self.farthest * Self.farthest * squares.array().sorted()[sampled / 2]
            let nearer = (0..<sampled).map { limit == 0 || squares[$0] <= limit }
            if nearer == near { break }
            near = nearer
        }
        let spread =
            (0..<sampled).reduce(0) { near[$1] ? $0 + Double(squares[$1]) : $0 } / Double(near.count { $0 })
        let centreSquare = VectorRows.preciseProduct(centre, row: 0, centre)
        let hasBias = metric == .euclidean || centreSquare > Self.biasShare * (centreSquare + spread)

        guard count >= Self.fewestForAxes, dimensions <= Self.mostDimensionsForAxes,
            sampled >= 2 * dimensions,
            dimensions > 16
        else {
            self.init(
                metric: metric, centre: centre, axes: nil,
                layout: CodeLayout(
                    groups: [.init(dimensions: dimensions, nibbles: 2, unit: 1)], hasBias: hasBias))
            return
        }
        let covariance = MatrixView(
            AlignedBuffer<Float>(repeating: 0, count: dimensions * dimensions), rows: dimensions,
            columns: dimensions)
        try forEachPiece { piece, range in
            VectorRows.subtract(centre, from: piece, count: range.count)
            VectorRows.clear(piece, far(range), dimensions: dimensions)
            let centred = MatrixView(piece, rows: range.count, columns: dimensions)
            BLAS.multiply(transposed: centred, centred, into: covariance, adding: 1)
        }
        guard let rising = BLAS.eigenvectors(covariance) else {
            throw KindredError(
                .invalidData, "the principal axes cannot be computed; check that the vectors differ")
        }
        let taken = near.count { $0 }
        let variances = rising.reversed().map { Double(max(0, $0)) / Double(taken) }
        let (groups, headGroups) = Self.groups(variances, hasBias: hasBias)
        // The rows come in the order of rising variance.
        let axes = AlignedBuffer<Float>(repeating: 0, count: dimensions * dimensions)
        for row in 0..<dimensions {
            axes.copy(
                covariance.buffer,
                from: (dimensions - 1 - row) * dimensions..<(dimensions - row) * dimensions,
                at: row * dimensions)
        }
        var generator = SplitMix64(seed: seed)
        var start = 0
        for group in groups {
            VectorRows.mix(axes, range: start..<start + group.dimensions, dimensions: dimensions) {
                generator.next()
            }
            start += group.dimensions
        }
        self.init(
            metric: metric, centre: centre, axes: axes,
            layout: CodeLayout(groups: groups, headGroups: headGroups, hasBias: hasBias))
    }

    /// Divides dimensions of falling variance into those of the head, a body and a tail.
    ///
    /// What an error of the code in a dimension does to an inner product grows with the square of the dimension's
    /// variance v: the query is large where the vectors are. A step of s standard deviations gives v² s² / 12. So the
    /// first blocks of the head have 12 bits, the rest of it and the body 8, and the tail, as long as it adds no more to
    /// the error than `tailShare` times what those with 8 bits do, 4.
    static func groups(
        _ variances: [Double], hasBias: Bool
    ) -> (groups: [CodeLayout.Group], headGroups: Int) {
        let count = variances.count
        let total = variances.reduce(0, +)
        func share(_ range: Range<Int>) -> Double { variances[range].reduce(0, +) / total }
        var blocks = 1
        var head = 0
        while true {
            head = min(count, CodeLayout.headDimensions(blocks: blocks, hasBias: hasBias))
            if head == count || share(0..<head) >= headShare { break }
            blocks += 1
        }
        guard total > 0, head < count else { return ([.init(dimensions: count, nibbles: 2, unit: 1)], 1) }
        var fine = CodeLayout.dimensionsPerBlock
        while fine < head, share(0..<fine) < fineShare { fine += CodeLayout.dimensionsPerBlock }
        fine = min(fine, head)
        func error(_ range: Range<Int>, bits: Int) -> Double {
            let steps = Double(1 << bits)
            return variances[range].reduce(0) { $0 + $1 * $1 } / (steps * steps)
        }
        var tail = (count - head) / 8 * 8
        while tail > 0,
            error(count - tail..<count, bits: 4) > tailShare * error(fine..<count - tail, bits: 8)
        {
            tail -= 8
        }
        let parts = [
            (range: 0..<fine, nibbles: 3), (fine..<head, 2), (head..<count - tail, 2),
            (count - tail..<count, 1),
        ].filter { !$0.range.isEmpty }
        // A group's whole range of codes stands for as many of its standard deviations as the first one's does.
        func unit(_ part: (range: Range<Int>, nibbles: Int)) -> Double {
            let deviation = (share(part.range) / Double(part.range.count)).squareRoot()
            return max(deviation, 1e-6) / Double((1 << (4 * part.nibbles)) - 1)
        }
        return (
            parts.map {
                .init(dimensions: $0.range.count, nibbles: $0.nibbles, unit: Float(unit($0) / unit(parts[0])))
            }, fine < head ? 2 : 1
        )
    }

    static let tailShare = 1.5

    /// Turns vectors into residuals along the axes.
    ///
    /// - Parameters:
    ///   - vectors: `count` rows, finite; scaled to length 1 and centred in place.
    ///   - residuals: gets as many.
    func residuals(_ vectors: AlignedBuffer<Float>, count: Int, into residuals: AlignedBuffer<Float>) {
        if metric == .cosine { VectorRows.normalize(vectors, count: count, dimensions: dimensions) }
        VectorRows.subtract(centre, from: vectors, count: count)
        rotate(vectors, count: count, into: residuals)
    }

    private func rotate(_ vectors: AlignedBuffer<Float>, count: Int, into rotated: AlignedBuffer<Float>) {
        guard let axes else {
            rotated.copy(vectors, from: 0..<count * dimensions, at: 0)
            return
        }
        BLAS.multiply(
            MatrixView(vectors, rows: count, columns: dimensions),
            MatrixView(axes, rows: dimensions, columns: dimensions), transposed: true,
            into: MatrixView(rotated, rows: count, columns: dimensions))
    }

    /// What a segment's codes give for a query: similarity = scale · code similarity + added.
    struct QueryStart {
        /// What code similarities start from.
        var offset: Float = 0
        var scale: Float = 1
        var added: Float = 0
    }

    /// Rotates queries, `count` rows of finite numbers, along the axes.
    func queries(
        _ queries: AlignedBuffer<Float>, count: Int, into rotated: AlignedBuffer<Float>
    ) -> [QueryStart] {
        if metric == .cosine { VectorRows.normalize(queries, count: count, dimensions: dimensions) }
        var starts: [QueryStart] = []
        if metric == .euclidean {
            // −|q − x|² = 2 (⟨q − c, x − c⟩ − |x − c|² / 2) − |q − c|².
            VectorRows.subtract(centre, from: queries, count: count)
            let squares = AlignedBuffer<Float>(repeating: 0, count: count)
            VectorRows.squares(queries, count: count, dimensions: dimensions, into: squares)
            starts = (0..<count).map { QueryStart(scale: 2, added: -squares[$0]) }
        } else if layout.hasBias {
            starts = (0..<count).map { takeCentre(from: queries, row: $0) }
        }
        rotate(queries, count: count, into: rotated)
        return starts.isEmpty
            ? (0..<count).map { QueryStart(offset: VectorRows.product(queries, row: $0, centre)) } : starts
    }

    /// q ← q / α − c, with α = ⟨q, c⟩ / |c|², but at least |q| / (1024 |c|): a negative α would reverse the order of
    /// similarities, and a tiny one overflow.
    private func takeCentre(from queries: AlignedBuffer<Float>, row: Int) -> QueryStart {
        let square = VectorRows.preciseProduct(centre, row: 0, centre)
        let product = VectorRows.preciseProduct(queries, row: row, centre)
        let length = VectorRows.length(queries, row: row, dimensions: dimensions)
        let alpha = square > 0 ? max(product / square, length / square.squareRoot() / 1024) : 1
        VectorRows.scale(queries, row: row, by: alpha > 0 ? 1 / alpha : 0, subtracting: centre)
        return QueryStart(scale: Float(alpha), added: Float(product))
    }

    /// A vector along the axes, without taking the centre from it.
    func alongAxes(_ vector: AlignedBuffer<Float>) -> AlignedBuffer<Float> {
        let out = AlignedBuffer<Float>(repeating: 0, count: dimensions)
        rotate(vector, count: 1, into: out)
        return out
    }

    /// The vectors that `count` residuals along the axes stand for, a row each.
    func vectors(_ residuals: AlignedBuffer<Float>, count: Int) -> AlignedBuffer<Float> {
        let out = AlignedBuffer<Float>(repeating: 0, count: count * dimensions)
        if let axes {
            BLAS.multiply(
                MatrixView(residuals, rows: count, columns: dimensions),
                MatrixView(axes, rows: dimensions, columns: dimensions),
                into: MatrixView(out, rows: count, columns: dimensions))
        } else {
            out.copy(residuals, from: 0..<out.count, at: 0)
        }
        VectorRows.add(centre, to: out, count: count)
        return out
    }
}
