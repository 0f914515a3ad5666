import KindredEncoder
import KindredSystem
import KindredTensors

/// One block of a decoder, forward and backward (Touvron et al. 2023, §2.2).
///
/// The forward pass writes into a tape what the backward pass reads; gradients of the trained parameters are added to
/// the workspace's buffer.
final class TrainableBlock {
    let shape: DecoderConfiguration
    let prefix: String
    let attentionNorm: MatrixView
    let feedForwardNorm: MatrixView
    let queryNorm: MatrixView?
    let keyNorm: MatrixView?
    let queryKeyValue: LinearGroup
    let output: LinearGroup
    let gateUp: LinearGroup
    let down: LinearGroup
    let rotary: RotaryTable
    let causal: Bool
    let attentionDropout: Float
    /// Tells this block's dropout from others'.
    let site: UInt64

    var groups: [LinearGroup] { [queryKeyValue, output, gateUp, down] }

    init(
        shape: DecoderConfiguration, layer: Int, attentionNorm: MatrixView, feedForwardNorm: MatrixView,
        queryNorm: MatrixView?, keyNorm: MatrixView?, queryKeyValue: LinearGroup, output: LinearGroup,
        gateUp: LinearGroup, down: LinearGroup, rotary: RotaryTable, causal: Bool, attentionDropout: Float
    ) {
        self.shape = shape
        prefix = "layers.\(layer)."
        self.attentionNorm = attentionNorm
        self.feedForwardNorm = feedForwardNorm
        self.queryNorm = queryNorm
        self.keyNorm = keyNorm
        self.queryKeyValue = queryKeyValue
        self.output = output
        self.gateUp = gateUp
        self.down = down
        self.rotary = rotary
        self.causal = causal
        self.attentionDropout = attentionDropout
        site = Self.site(layer: layer, part: 0)
    }

    /// A number of its own for each place in the network where dropout acts.
    static func site(layer: Int, part: Int) -> UInt64 { UInt64(layer) << 16 | UInt64(part) << 12 }

    // MARK: Views

    private func rows(_ buffer: AlignedBuffer<Float>, _ pack: Pack, _ columns: Int) -> MatrixView {
        MatrixView(buffer, rows: pack.count, columns: columns)
    }

    private var width: Int { shape.queryWidth + 2 * shape.keyValueWidth }
    private var group: Int { shape.attentionHeads / shape.keyValueHeads }

    private func head(_ head: Int, of x: MatrixView, offset: Int = 0) -> MatrixView {
        let start = offset + head * shape.headDimension
        return x.slice(columns: start..<start + shape.headDimension)
    }

    /// Each sequence's rows, and its attention weights: heads × length × length.
    private func sequences(_ pack: Pack) -> [(rows: Range<Int>, weights: Int)] {
        var (row, weights) = (0, 0)
        return pack.lengths.map { length in
            defer {
                row += length
                weights += shape.attentionHeads * length * length
            }
            return (row..<row + length, weights)
        }
    }

    // MARK: Forward

    /// next = the block's output for `tape.state`; the tape is filled.
    func forward(_ pack: Pack, _ tape: BlockTape, into next: AlignedBuffer<Float>, _ work: Workspace) {
        let hidden = shape.hiddenSize
        let state = rows(tape.state, pack, hidden)
        let middle = rows(tape.middle, pack, hidden)
        let attentionInput = rows(tape.attentionInput, pack, hidden)
        normalize(state, attentionNorm, into: attentionInput)
        let qkv = rows(tape.queryKeyValue, pack, width)
        queryKeyValue.forward(attentionInput, into: qkv, adding: false, kept: tape.kept[0], work)
        normalizeHeads(pack, tape, qkv)
        attend(pack, tape, qkv, work)
        middle.copy(state)
        output.forward(
            rows(tape.attended, pack, shape.queryWidth), into: middle, adding: true, kept: tape.kept[1], work)

        let feedForwardInput = rows(tape.feedForwardInput, pack, hidden)
        normalize(middle, feedForwardNorm, into: feedForwardInput)
        let gateUpRows = rows(tape.gateUp, pack, 2 * shape.intermediateSize)
        gateUp.forward(feedForwardInput, into: gateUpRows, adding: false, kept: tape.kept[2], work)
        let activation = work.scratch("activation", rows: pack.count, columns: shape.intermediateSize)
        activation.copy(gateUpRows.slice(columns: 0..<shape.intermediateSize))
        LayerKernels.activate(
            activation, .silu,
            times: gateUpRows.slice(columns: shape.intermediateSize..<2 * shape.intermediateSize))
        let result = rows(next, pack, hidden)
        result.copy(middle)
        down.forward(activation, into: result, adding: true, kept: tape.kept[3], work)
    }

    private func normalize(_ x: MatrixView, _ weight: MatrixView, into y: MatrixView) {
        LayerKernels.rmsNorm(x, weight: weight, epsilon: shape.normEpsilon, into: y)
    }

    /// Normalises the heads of queries and keys in place, keeping what they were.
    private func normalizeHeads(_ pack: Pack, _ tape: BlockTape, _ qkv: MatrixView) {
        guard let queryNorm, let keyNorm else { return }
        let both = qkv.slice(columns: 0..<shape.queryWidth + shape.keyValueWidth)
        rows(tape.unnormalizedHeads, pack, both.columns).copy(both)
        for head in 0..<shape.attentionHeads + shape.keyValueHeads {
            let part = self.head(head, of: qkv)
            normalize(part, head < shape.attentionHeads ? queryNorm : keyNorm, into: part)
        }
    }

    private func rotate(_ x: MatrixView, inverse: Bool) {
        LayerKernels.rotate(
            x, headDimension: shape.headDimension, cosines: rotary.cosines,
            sines: inverse ? rotary.negativeSines : rotary.sines)
    }

    private func attend(_ pack: Pack, _ tape: BlockTape, _ qkv: MatrixView, _ work: Workspace) {
        let attended = rows(tape.attended, pack, shape.queryWidth)
        let scale = 1 / Float(shape.headDimension).squareRoot()
        for (range, weightsStart) in sequences(pack) {
            let length = range.count
            let x = qkv.slice(rows: range)
            rotate(x.slice(columns: 0..<shape.queryWidth + shape.keyValueWidth), inverse: false)
            for head in 0..<shape.attentionHeads {
                if head % group == 0 {
                    work.products.prepare(
                        self.head(head / group, of: x, offset: shape.queryWidth), transposed: true,
                        in: work.keys)
                    work.products.prepare(
                        self.head(head / group, of: x, offset: shape.queryWidth + shape.keyValueWidth),
                        in: work.values)
                }
                let weights = MatrixView(
                    tape.probabilities, offset: weightsStart + head * length * length, rows: length,
                    columns: length)
                work.products.multiply(self.head(head, of: x), work.keys, into: weights)
                LayerKernels.softmax(weights, scale: scale, causal: causal)
                work.products.multiply(
                    dropped(weights, head: head, firstRow: range.lowerBound, work), work.values,
                    into: self.head(head, of: attended).slice(rows: range))
            }
        }
    }

    /// Attention weights after dropout, in scratch memory.
    private func dropped(_ weights: MatrixView, head: Int, firstRow: Int, _ work: Workspace) -> MatrixView {
        guard attentionDropout > 0, work.isTraining else { return weights }
        let out = work.scratch("dropped weights", rows: weights.rows, columns: weights.columns)
        GradientKernels.dropout(
            weights, work.dropout(rate: attentionDropout, site: site | UInt64(head)),
            firstRow: work.firstRow + firstRow, into: out)
        return out
    }

    // MARK: Backward

    /// `gradient` holds the gradient of the block's output, and on return that of its input: tokens × hidden.
    /// - Parameter needsInput: false for the lowest block where nothing below it is trained.
    func backward(
        _ pack: Pack, _ tape: BlockTape, _ gradient: MatrixView, needsInput: Bool, _ work: Workspace
    ) {
        work.reserveLowRank(pack.count * (groups.map(\.keptWidth).max() ?? 0))
        backwardFeedForward(pack, tape, gradient, work)
        backwardAttention(pack, tape, gradient, needsInput: needsInput, work)
    }

    private func backwardFeedForward(
        _ pack: Pack, _ tape: BlockTape, _ gradient: MatrixView, _ work: Workspace
    ) {
        let middleWidth = shape.intermediateSize
        let activation = work.scratch("activation", rows: pack.count, columns: middleWidth)
        down.inputGradient(gradient, into: activation, adding: false, work)
        // gate and up become their gradients, the activation's gradient the activation.
        let gateUpRows = rows(tape.gateUp, pack, 2 * middleWidth)
        GradientKernels.siluMultiply(
            gate: gateUpRows.slice(columns: 0..<middleWidth),
            up: gateUpRows.slice(columns: middleWidth..<2 * middleWidth),
            gradient: activation)
        down.weightGradient(gradient, x: activation, kept: tape.kept[3], work)

        let normed = work.scratch("normed gradient", rows: pack.count, columns: shape.hiddenSize)
        gateUp.inputGradient(gateUpRows, into: normed, adding: false, work)
        gateUp.weightGradient(
            gateUpRows, x: rows(tape.feedForwardInput, pack, shape.hiddenSize), kept: tape.kept[2], work)
        normGradient(
            normed, x: rows(tape.middle, pack, shape.hiddenSize), feedForwardNorm,
            name: "post_attention_layernorm.weight", into: gradient, work)
    }

    private func backwardAttention(
        _ pack: Pack, _ tape: BlockTape, _ gradient: MatrixView, needsInput: Bool, _ work: Workspace
    ) {
        let attendedGradient = work.scratch("attended gradient", rows: pack.count, columns: shape.queryWidth)
        output.inputGradient(gradient, into: attendedGradient, adding: false, work)
        output.weightGradient(
            gradient, x: rows(tape.attended, pack, shape.queryWidth), kept: tape.kept[1], work)

        let qkvGradient = work.scratch("qkv gradient", rows: pack.count, columns: width)
        for (range, weightsStart) in sequences(pack) {
            attentionGradient(
                tape, rows(tape.queryKeyValue, pack, width).slice(rows: range), weightsStart: weightsStart,
                firstRow: range.lowerBound, attendedGradient.slice(rows: range),
                into: qkvGradient.slice(rows: range), work)
        }
        headNormGradient(pack, tape, qkvGradient, work)
        let normed = work.scratch("normed gradient", rows: pack.count, columns: shape.hiddenSize)
        queryKeyValue.inputGradient(qkvGradient, into: normed, adding: false, work)
        queryKeyValue.weightGradient(
            qkvGradient, x: rows(tape.attentionInput, pack, shape.hiddenSize), kept: tape.kept[0], work)
        guard needsInput else { return }
        normGradient(
            normed, x: rows(tape.state, pack, shape.hiddenSize), attentionNorm,
            name: "input_layernorm.weight",
            into: gradient, work)
    }

    /// The gradients of one sequence's queries, keys and values, before their rotation.
    private func attentionGradient(
        _ tape: BlockTape, _ x: MatrixView, weightsStart: Int, firstRow: Int, _ dy: MatrixView,
        into dx: MatrixView, _ work: Workspace
    ) {
        let length = x.rows
        let (keyStart, valueStart) = (shape.queryWidth, shape.queryWidth + shape.keyValueWidth)
        let scale = 1 / Float(shape.headDimension).squareRoot()
        for head in 0..<shape.attentionHeads {
            let shared = head / group
            let isFirst = head % group == 0
            if isFirst {
                work.products.prepare(self.head(shared, of: x, offset: keyStart), in: work.keys)
                work.products.prepare(
                    self.head(shared, of: x, offset: valueStart), transposed: true, in: work.values)
            }
            let weights = MatrixView(
                tape.probabilities, offset: weightsStart + head * length * length, rows: length,
                columns: length)
            let dyHead = self.head(head, of: dy)
            work.products.multiply(
                transposed: dropped(weights, head: head, firstRow: firstRow, work), dyHead,
                into: self.head(shared, of: dx, offset: valueStart), adding: !isFirst)
            let dWeights = work.scratch("weights gradient", rows: length, columns: length)
            work.products.multiply(dyHead, work.values, into: dWeights)
            if attentionDropout > 0, work.isTraining {
                GradientKernels.dropout(
                    dWeights, work.dropout(rate: attentionDropout, site: site | UInt64(head)),
                    firstRow: work.firstRow + firstRow, into: dWeights)
            }
            GradientKernels.softmax(dWeights, p: weights, scale: scale)
            work.products.multiply(dWeights, work.keys, into: self.head(head, of: dx))
            work.products.multiply(
                transposed: dWeights, self.head(head, of: x),
                into: self.head(shared, of: dx, offset: keyStart), adding: !isFirst)
        }
        rotate(dx.slice(columns: 0..<valueStart), inverse: true)
    }

    private func headNormGradient(_ pack: Pack, _ tape: BlockTape, _ dqkv: MatrixView, _ work: Workspace) {
        guard let queryNorm, let keyNorm else { return }
        let before = rows(tape.unnormalizedHeads, pack, shape.queryWidth + shape.keyValueWidth)
        let scratch = work.scratch("head gradient", rows: pack.count, columns: shape.headDimension)
        for head in 0..<shape.attentionHeads + shape.keyValueHeads {
            let isQuery = head < shape.attentionHeads
            let part = self.head(head, of: dqkv)
            scratch.copy(part)
            part.fill(0)
            normGradient(
                scratch, x: self.head(head, of: before), isQuery ? queryNorm : keyNorm,
                name: isQuery ? "self_attn.q_norm.weight" : "self_attn.k_norm.weight", into: part, work)
        }
    }

    /// dx += the gradient of a normalisation; its weight's too where that is trained.
    private func normGradient(
        _ dy: MatrixView, x: MatrixView, _ weight: MatrixView, name: String, into dx: MatrixView,
        _ work: Workspace
    ) {
        var weightGradient: MatrixView?
        if case .all(let layout) = work.trained {
            weightGradient = layout.operand(prefix + name, in: work.gradient)
        }
        GradientKernels.rmsNorm(
            dx: dx, dy: dy, x: x, weight: weight,
            weightGradient: weightGradient, epsilon: shape.normEpsilon)
    }
}
