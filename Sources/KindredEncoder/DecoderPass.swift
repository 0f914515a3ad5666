import KindredSystem
import KindredTensors

/// One pass of packed sequences through a decoder's blocks, with the memory that it needs.
struct DecoderPass {
    private let configuration: DecoderConfiguration
    private let shape: BlockShape
    private let lengths: [Int]
    private let tokens: Int
    private let positions: RotaryPositions
    private let causal: Bool

    /// tokens × hidden
    private let normed: AlignedBuffer<Float>
    /// tokens × hidden: what a part adds to the state, where that is normed first, and the second norm of parallel parts.
    private let second: AlignedBuffer<Float>
    /// tokens × (query width + 2 · key/value width)
    private let queryKeyValue: AlignedBuffer<Float>
    /// tokens × query width
    private let attended: AlignedBuffer<Float>
    /// tokens × (2 · intermediate); without a gate tokens × intermediate
    private let gateUp: AlignedBuffer<Float>
    /// longest × longest
    private let scores: AlignedBuffer<Float>
    private let scratch: LinearWeights.Scratch

    /// - Parameter outlierRatio: as `LinearWeights.Scratch` has it.
    init(
        _ configuration: DecoderConfiguration, sequences lengths: [Int], positions: RotaryPositions,
        causal: Bool,
        outlierRatio: Float? = nil
    ) {
        scratch = LinearWeights.Scratch(outlierRatio: outlierRatio)
        self.configuration = configuration
        shape = configuration.block
        self.lengths = lengths
        self.positions = positions
        self.causal = causal
        tokens = lengths.reduce(0, +)
        let longest = lengths.max() ?? 0
        let hidden = configuration.hiddenSize
        normed = AlignedBuffer(repeating: 0, count: tokens * hidden)
        let needsSecond = [.beforeAndAfter, .parallel].contains(shape.placement)
        second = AlignedBuffer(repeating: 0, count: needsSecond ? tokens * hidden : 0)
        queryKeyValue = AlignedBuffer(
            repeating: 0, count: tokens * (configuration.queryWidth + 2 * configuration.keyValueWidth))
        attended = AlignedBuffer(repeating: 0, count: tokens * configuration.queryWidth)
        gateUp = AlignedBuffer(
            repeating: 0, count: tokens * (shape.isGated ? 2 : 1) * configuration.intermediateSize)
        scores = AlignedBuffer(repeating: 0, count: longest * longest)
    }

    /// state ← state + attention(norm(state)), then state ← state + feedForward(norm(state)), with norms where the shape has
    /// them.
    func apply(_ block: DecoderBlock, to state: AlignedBuffer<Float>) {
        let x = matrix(state)
        let input = matrix(normed)
        switch shape.placement {
        case .before:
            block.attentionNorm.apply(rows(state), into: rows(normed))
            attend(block, input, into: x, adding: true)
            block.feedForwardNorm.apply(rows(state), into: rows(normed))
            feedForward(block, input, into: x, adding: true)
        case .beforeAndAfter:
            block.attentionNorm.apply(rows(state), into: rows(normed))
            attend(block, input, into: matrix(second), adding: false)
            block.afterAttentionNorm?.apply(rows(second), into: rows(second))
            x.add(matrix(second))
            block.feedForwardNorm.apply(rows(state), into: rows(normed))
            feedForward(block, input, into: matrix(second), adding: false)
            block.afterFeedForwardNorm?.apply(rows(second), into: rows(second))
            x.add(matrix(second))
        case .parallel:
            block.attentionNorm.apply(rows(state), into: rows(normed))
            block.feedForwardNorm.apply(rows(state), into: rows(second))
            attend(block, input, into: x, adding: true)
            feedForward(block, matrix(second), into: x, adding: true)
        case .after:
            attend(block, x, into: x, adding: true)
            block.attentionNorm.apply(rows(state), into: rows(state))
            feedForward(block, x, into: x, adding: true)
            block.feedForwardNorm.apply(rows(state), into: rows(state))
        }
    }

    private func matrix(_ buffer: AlignedBuffer<Float>) -> MatrixView {
        MatrixView(buffer, rows: tokens, columns: configuration.hiddenSize)
    }

    private func rows(_ buffer: AlignedBuffer<Float>) -> MatrixView {
        MatrixView(buffer, rows: tokens, columns: configuration.hiddenSize)
    }

    private func feedForward(_ block: DecoderBlock, _ input: MatrixView, into y: MatrixView, adding: Bool) {
        let middle = configuration.intermediateSize
        let width = shape.isGated ? 2 * middle : middle
        block.gateUp.apply(input, into: MatrixView(gateUp, rows: tokens, columns: width), scratch)
        let gate = MatrixView(gateUp, rows: tokens, columns: middle, stride: width)
        let up =
            shape.isGated
            ? MatrixView(gateUp, offset: middle, rows: tokens, columns: middle, stride: width) : nil
        LayerKernels.activate(gate, shape.activation.kernel, times: up)
        block.down.apply(
            MatrixView(gateUp, rows: tokens, columns: middle, stride: width), into: y, adding: adding,
            scratch)
    }

    /// attended ← softmax(rotate(q) · rotate(k)ᵀ · scale) · v for each sequence and head, then y from that.
    private func attend(_ block: DecoderBlock, _ input: MatrixView, into y: MatrixView, adding: Bool) {
        let (queries, keys) = (configuration.queryWidth, configuration.keyValueWidth)
        let width = queries + 2 * keys
        let dimension = configuration.headDimension
        block.queryKeyValue.apply(
            input, into: MatrixView(queryKeyValue, rows: tokens, columns: width), scratch)
        if let queryNorm = block.queryNorm, let keyNorm = block.keyNorm {
            normalizeHeads(queryNorm, offset: 0, heads: configuration.attentionHeads, width: width)
            normalizeHeads(keyNorm, offset: queries, heads: configuration.keyValueHeads, width: width)
        }
        let scale = shape.scoreScale ?? 1 / Float(dimension).squareRoot()
        let group = configuration.attentionHeads / configuration.keyValueHeads
        let window = configuration.window(ofLayer: block.layer)
        var start = 0
        for length in lengths {
            let base = start * width
            rotate(block.layer, base: base, length: length, width: width)
            for head in 0..<configuration.attentionHeads {
                let shared = head / group * dimension
                func part(_ offset: Int) -> MatrixView {
                    MatrixView(
                        queryKeyValue, offset: base + offset, rows: length, columns: dimension, stride: width)
                }
                let weights = MatrixView(scores, rows: length, columns: length)
                BLAS.multiply(part(head * dimension), part(queries + shared), transposed: true, into: weights)
                softmax(length: length, scale: scale, window: window)
                BLAS.multiply(
                    weights, part(queries + keys + shared),
                    into: MatrixView(
                        attended, offset: start * queries + head * dimension, rows: length,
                        columns: dimension, stride: queries))
            }
            start += length
        }
        block.output.apply(
            MatrixView(attended, rows: tokens, columns: queries), into: y, adding: adding, scratch)
    }

    private func softmax(length: Int, scale: Float, window: Int?) {
        let rows = MatrixView(scores, rows: length, columns: length)
        var scale = scale
        if let cap = shape.scoreCap {
            LayerKernels.cap(rows, scale: scale, cap: cap)
            scale = 1
        }
        if let window, window < length {
            for row in 0..<length {
                for column in 0..<length where abs(row - column) >= window {
                    scores[row * length + column] = -.infinity
                }
            }
        }
        LayerKernels.softmax(rows, scale: scale, causal: causal)
    }

    /// Rotates the queries and keys of a sequence. They lie side by side, so one call rotates both where heads are rotated
    /// whole.
    private func rotate(_ layer: Int, base: Int, length: Int, width: Int) {
        guard let table = positions.table(ofLayer: layer) else { return }
        let (dimension, rotated) = (configuration.headDimension, configuration.rotaryDimensions)
        let all = configuration.queryWidth + configuration.keyValueWidth
        let heads = rotated == dimension ? 1 : all / dimension
        for head in 0..<heads {
            LayerKernels.rotate(
                MatrixView(
                    queryKeyValue, offset: base + head * dimension, rows: length,
                    columns: heads == 1 ? all : rotated, stride: width),
                headDimension: rotated, cosines: table.cosines, sines: table.sines)
        }
    }

    private func normalizeHeads(_ norm: NormLayer, offset: Int, heads: Int, width: Int) {
        for head in 0..<heads {
            let rows = MatrixView(
                queryKeyValue, offset: offset + head * configuration.headDimension, rows: tokens,
                columns: configuration.headDimension, stride: width)
            norm.apply(rows, into: rows)
        }
    }
}

extension BlockShape.Activation {
    var kernel: LayerKernels.Activation {
        switch self {
        case .silu: .silu
        case .gelu: .gelu
        case .geluTanh: .geluTanh
        case .relu: .relu
        }
    }
}

/// The rotary tables of a decoder's layers.
struct RotaryPositions: Sendable {
    private let table: RotaryTable?
    private let slidingTable: RotaryTable?
    private let configuration: DecoderConfiguration

    init(_ configuration: DecoderConfiguration, positions: Int) {
        self.configuration = configuration
        guard configuration.positions == .rotary else {
            (table, slidingTable) = (nil, nil)
            return
        }
        table = RotaryTable(
            configuration.rotaryFrequencies, positions: positions,
            magnitude: configuration.rotaryScaling.magnitude)
        slidingTable = configuration.slidingRotaryBase.map {
            RotaryTable(
                RotaryScaling.none.frequencies(base: $0, dimensions: configuration.rotaryDimensions),
                positions: positions)
        }
    }

    /// nil for a layer that does not rotate.
    func table(ofLayer layer: Int) -> RotaryTable? {
        if configuration.layersWithoutPositions.contains(layer) { return nil }
        return configuration.slidingLayers.contains(layer) ? slidingTable ?? table : table
    }
}
