import KindredEncoder
import KindredSystem
import KindredTensors

/// Linear layers of a block that read the same input, computed as one matrix: y = x · Wᵀ + b, and for each layer that an
/// adapter changes, + scale · dropout(x) · Aᵀ · Bᵀ in its columns (Hu et al. 2021; peft, tuners/lora/layer.py).
final class LinearGroup {
    /// A layer's low-rank part.
    final class LowRank {
        let a: PreparedMatrix
        let b: PreparedMatrix
        let aName: String
        let bName: String
        /// The layer's columns of the group's output.
        let columns: Range<Int>
        /// Tells this layer's dropout from others'.
        let site: UInt64

        init(
            a: PreparedMatrix, b: PreparedMatrix, aName: String, bName: String, columns: Range<Int>,
            site: UInt64
        ) {
            self.a = a
            self.b = b
            self.aName = aName
            self.bName = bName
            self.columns = columns
            self.site = site
        }
    }

    let weight: PreparedMatrix
    let weightNames: [String]
    let bias: MatrixView?
    let biasNames: [String]
    let lowRank: [LowRank]
    let rank: Int
    let scale: Float
    let dropout: Float

    var outputs: Int { weight.values.rows }
    var inputs: Int { weight.values.columns }

    init(
        weight: PreparedMatrix, weightNames: [String], bias: MatrixView?, biasNames: [String],
        lowRank: [LowRank], configuration: AdapterConfiguration?
    ) {
        self.weight = weight
        self.weightNames = weightNames
        self.bias = bias
        self.biasNames = biasNames
        self.lowRank = lowRank
        rank = configuration?.rank ?? 0
        scale = configuration?.scale ?? 0
        dropout = configuration?.dropout ?? 0
    }

    /// Elements that `forward` keeps of each token for the backward pass: scale · dropout(x) · Aᵀ of every low-rank part.
    var keptWidth: Int { lowRank.count * rank }

    /// The low-rank part `index` of `kept`, a row for each token.
    private func part(_ index: Int, of kept: AlignedBuffer<Float>, rows: Int) -> MatrixView {
        MatrixView(kept, offset: index * rank, rows: rows, columns: rank, stride: keptWidth)
    }

    func forward(
        _ x: MatrixView, into y: MatrixView, adding: Bool, kept: AlignedBuffer<Float>, _ work: Workspace
    ) {
        work.products.multiply(x, weight, into: y, adding: adding)
        if let bias { y.addToRows(bias) }
        for (index, part) in lowRank.enumerated() {
            let u = self.part(index, of: kept, rows: x.rows)
            work.products.multiply(dropped(x, part, work), part.a, into: u)
            u.scale(by: scale)
            work.products.multiply(u, part.b, into: y.slice(columns: part.columns), adding: true)
        }
    }

    /// dropout(x) of a part, in scratch memory; x itself without dropout.
    private func dropped(_ x: MatrixView, _ part: LowRank, _ work: Workspace) -> MatrixView {
        guard dropout > 0, work.isTraining else { return x }
        let out = work.scratchInput(rows: x.rows, columns: x.columns)
        GradientKernels.dropout(
            x, choice(part, work), firstRow: work.firstRow, into: out)
        return out
    }

    private func choice(_ part: LowRank, _ work: Workspace) -> GradientKernels.Dropout {
        work.dropout(rate: dropout, site: part.site)
    }

    /// dx = the gradient of the input, or dx += it. Keeps what `weightGradient` needs in `work`.
    func inputGradient(_ dy: MatrixView, into dx: MatrixView, adding: Bool, _ work: Workspace) {
        work.products.multiplyGradient(dy, weight, into: dx, adding: adding)
        for (index, part) in lowRank.enumerated() {
            let du = self.part(index, of: work.lowRankGradient, rows: dy.rows)
            work.products.multiplyGradient(dy.slice(columns: part.columns), part.b, into: du)
            du.scale(by: scale)
            guard dropout > 0, work.isTraining else {
                work.products.multiplyGradient(du, part.a, into: dx, adding: true)
                continue
            }
            let scratch = work.scratchInput(rows: dx.rows, columns: dx.columns)
            work.products.multiplyGradient(du, part.a, into: scratch)
            GradientKernels.dropout(
                scratch, choice(part, work), firstRow: work.firstRow, into: dx,
                adding: true)
        }
    }

    /// Adds the gradients of the trained weights. After `inputGradient` of the same dy.
    ///
    /// - Parameters:
    ///   - x: the group's input, as `forward` saw it.
    ///   - kept: what `forward` kept.
    func weightGradient(_ dy: MatrixView, x: MatrixView, kept: AlignedBuffer<Float>, _ work: Workspace) {
        switch work.trained {
        case .all(let layout):
            let gradient = layout.stacked(weightNames, in: work.gradient)
            work.products.multiply(transposed: dy, x, into: gradient, adding: true)
            if bias != nil { layout.joined(biasNames, in: work.gradient).addRows(of: dy) }
        case .adapter(let layout):
            for (index, part) in lowRank.enumerated() {
                let u = self.part(index, of: kept, rows: x.rows)
                let du = self.part(index, of: work.lowRankGradient, rows: x.rows)
                work.products.accumulateThin(
                    transposed: dy.slice(columns: part.columns), u,
                    into: layout.operand(part.bName, in: work.gradient))
                work.products.multiply(
                    transposed: du, dropped(x, part, work),
                    into: layout.operand(part.aName, in: work.gradient),
                    adding: true)
            }
        }
    }
}
