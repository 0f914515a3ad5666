import KindredSystem
import KindredTensors

/// One pass of packed sequences through a decoder's blocks, with the memory that it needs.
struct DecoderPass {
    private let configuration: DecoderConfiguration
    private let lengths: [Int]
    private let tokens: Int
    private let rotary: RotaryTable
    private let causal: Bool

    /// tokens × hidden
    private let normed: AlignedBuffer<Float>
    /// tokens × (query width + 2 · key/value width)
    private let queryKeyValue: AlignedBuffer<Float>
    /// tokens × query width
    private let attended: AlignedBuffer<Float>
    /// tokens × (2 · intermediate)
    private let gateUp: AlignedBuffer<Float>
    /// longest × longest
    private let scores: AlignedBuffer<Float>
    private let scratch: LinearWeights.Scratch

    /// - Parameter outlierRatio: as `LinearWeights.Scratch` has it.
    init(
        _ configuration: DecoderConfiguration, sequences lengths: [Int], rotary: RotaryTable, causal: Bool,
        outlierRatio: Float? = nil
    ) {
        scratch = LinearWeights.Scratch(outlierRatio: outlierRatio)
        self.configuration = configuration
        self.lengths = lengths
        self.rotary = rotary
        self.causal = causal
        tokens = lengths.reduce(0, +)
        let longest = lengths.max() ?? 0
        normed = AlignedBuffer(repeating: 0, count: tokens * configuration.hiddenSize)
        queryKeyValue = AlignedBuffer(
            repeating: 0, count: tokens * (configuration.queryWidth + 2 * configuration.keyValueWidth))
        attended = AlignedBuffer(repeating: 0, count: tokens * configuration.queryWidth)
        gateUp = AlignedBuffer(repeating: 0, count: tokens * 2 * configuration.intermediateSize)
        scores = AlignedBuffer(repeating: 0, count: longest * longest)
    }

    /// state ← state + attention(norm(state)), then state ← state + feedForward(norm(state)).
    func apply(_ block: DecoderBlock, to state: AlignedBuffer<Float>) {
        let hidden = configuration.hiddenSize
        let x = BLAS.Operand(state, rows: tokens, columns: hidden)
        let stateRows = LayerKernels.Rows(state, rows: tokens, columns: hidden)
        let normedRows = LayerKernels.Rows(normed, rows: tokens, columns: hidden)
        let input = BLAS.Operand(normed, rows: tokens, columns: hidden)

        LayerKernels.rmsNorm(
            stateRows, weight: block.attentionNorm, epsilon: configuration.normEpsilon, into: normedRows)
        attend(block, input: input)
        let attendedInput = BLAS.Operand(attended, rows: tokens, columns: configuration.queryWidth)
        block.output.multiply(attendedInput, into: x, adding: true, scratch)
        if let bias = block.outputBias { add(bias, to: state, width: hidden) }

        LayerKernels.rmsNorm(
            stateRows, weight: block.feedForwardNorm, epsilon: configuration.normEpsilon, into: normedRows)
        let middle = configuration.intermediateSize
        block.gateUp.multiply(
            input, into: BLAS.Operand(gateUp, rows: tokens, columns: 2 * middle), scratch)
        LayerKernels.siluMultiply(
            gate: LayerKernels.Rows(gateUp, rows: tokens, columns: middle, stride: 2 * middle),
            up: LayerKernels.Rows(gateUp, offset: middle, rows: tokens, columns: middle, stride: 2 * middle))
        block.down.multiply(
            BLAS.Operand(gateUp, rows: tokens, columns: middle, stride: 2 * middle), into: x, adding: true,
            scratch)
    }

    /// attended ← softmax(rotate(q) · rotate(k)ᵀ / √d) · v for each sequence and head.
    private func attend(_ block: DecoderBlock, input: BLAS.Operand) {
        let (queries, keys) = (configuration.queryWidth, configuration.keyValueWidth)
        let width = queries + 2 * keys
        let dimension = configuration.headDimension
        block.queryKeyValue.multiply(
            input, into: BLAS.Operand(queryKeyValue, rows: tokens, columns: width), scratch)
        if let bias = block.queryKeyValueBias { add(bias, to: queryKeyValue, width: width) }
        if let queryNorm = block.queryNorm, let keyNorm = block.keyNorm {
            normalizeHeads(queryNorm, offset: 0, heads: configuration.attentionHeads, width: width)
            normalizeHeads(keyNorm, offset: queries, heads: configuration.keyValueHeads, width: width)
        }
        let scale = 1 / Float(dimension).squareRoot()
        let group = configuration.attentionHeads / configuration.keyValueHeads
        var start = 0
        for length in lengths {
            let base = start * width
            // Queries and keys lie side by side, so one call rotates both.
            LayerKernels.rotate(
                LayerKernels.Rows(
                    queryKeyValue, offset: base, rows: length, columns: queries + keys, stride: width),
                headDimension: dimension, cosines: rotary.cosines, sines: rotary.sines)
            for head in 0..<configuration.attentionHeads {
                let shared = head / group * dimension
                func part(_ offset: Int) -> BLAS.Operand {
                    BLAS.Operand(
                        queryKeyValue, offset: base + offset, rows: length, columns: dimension, stride: width)
                }
                let weights = BLAS.Operand(scores, rows: length, columns: length)
                BLAS.multiply(part(head * dimension), part(queries + shared), transposed: true, into: weights)
                LayerKernels.softmax(
                    LayerKernels.Rows(scores, rows: length, columns: length), scale: scale, causal: causal)
                BLAS.multiply(
                    weights, part(queries + keys + shared),
                    into: BLAS.Operand(
                        attended, offset: start * queries + head * dimension, rows: length,
                        columns: dimension,
                        stride: queries))
            }
            start += length
        }
    }

    private func normalizeHeads(_ weight: AlignedBuffer<Float>, offset: Int, heads: Int, width: Int) {
        for head in 0..<heads {
            let rows = LayerKernels.Rows(
                queryKeyValue, offset: offset + head * configuration.headDimension, rows: tokens,
                columns: configuration.headDimension, stride: width)
            LayerKernels.rmsNorm(rows, weight: weight, epsilon: configuration.normEpsilon, into: rows)
        }
    }

    private func add(_ bias: AlignedBuffer<Float>, to rows: AlignedBuffer<Float>, width: Int) {
        for row in 0..<tokens {
            for column in 0..<width { rows[row * width + column] += bias[column] }
        }
    }
}
