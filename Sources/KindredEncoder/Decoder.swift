import Foundation
import KindredSystem
import KindredTensors

/// A transformer without its head: token ids → hidden states.
///
/// Sequences are packed one after the other without padding. Attention is the only place where they are told apart.
final class Decoder: Sendable {
    let configuration: DecoderConfiguration
    private let embedding: TokenEmbedding
    let blocks: [DecoderBlock]
    private let finalNorm: NormLayer?
    private let positions: RotaryPositions
    package let precision: Precision
    /// With 8 bits: which parts keep floats, and which activations are quantized twice.
    let plan: EightBitPlan
    private let isStoredInEightBits: Bool
    /// Whether the rows of the embedding, which have more, are rounded to 8 bits.
    private let roundsEmbedding: Bool
    /// Every tensor that is used, for the fingerprint.
    let tensors: [StoredTensor]

    /// What the plan changes in vectors, for the fingerprint; empty where nothing.
    var planFingerprint: String {
        precision == .int8 ? plan.fingerprint(stored: isStoredInEightBits) : ""
    }

    /// - Parameters:
    ///   - precision: of the linear layers; nil: 8 bits where the weights are stored so, else 32. Where some are
    ///     stored in 8 bits, 8 bits are for those alone.
    ///   - plan: with 8 bits and weights that are not stored so, what is computed otherwise.
    ///   - keepsStored: with 32 bits, whether matrices stay as they are stored; nil: where they would take a large part of
    ///     the memory as floats.
    /// - Throws: `invalidData` where a tensor is missing or of another shape than the configuration says.
    init(
        _ model: ModelDirectory, precision: Precision? = nil, plan: EightBitPlan = .init(),
        keepsStored: Bool? = nil
    ) throws {
        let configuration = model.shape
        let weights = try model.checkpoint.weights(configuration)
        isStoredInEightBits = weights.isQuantized
        let precision = precision ?? (weights.isQuantized ? .int8 : .float32)
        self.precision = precision
        self.configuration = configuration
        var plan = plan
        if isStoredInEightBits {
            plan.outlierRatio = try EightBitPlan.storedOutlierRatio(
                model.checkpoint.configuration(), path: model.checkpoint.configurationPath)
        }
        roundsEmbedding = precision == .int8 && !isStoredInEightBits && !plan.hasExactEmbedding
        let names = model.checkpoint.tensorNames(configuration)
        let isLarge = 4 * configuration.linearParameters > Processor.memory / 4
        var reader = DecoderReader(
            model, weights, names: names, precision: precision, plan: plan,
            keepsStored: precision == .float32 && keepsStored ?? isLarge)
        embedding = try reader.embedding()
        finalNorm = configuration.hasFinalNorm ? try reader.norm(names.finalNorm) : nil
        // Packing the weights takes most of the time of opening a model, and each block is packed by itself.
        let start = reader
        let opened = Processor.map(configuration.layers) { layer in
            Result { () throws -> (block: DecoderBlock, reader: DecoderReader) in
                var own = start
                return (try own.block(layer), own)
            }
        }
        blocks = try opened.map { result in
            let (block, own) = try result.get()
            reader.add(own, after: start)
            return block
        }
        try reader.checkUnused()
        tensors = reader.used
        self.plan = reader.plan
        positions = RotaryPositions(configuration, positions: model.maximumTokens)
    }

    /// The last hidden states, after the final norm, of sequences packed one after the other: tokens × hidden.
    ///
    /// - Parameter sequences: none empty, none longer than the maximum that the decoder was made for, every id below
    ///   the vocabulary's size.
    func hiddenStates(_ sequences: [[Int32]], causal: Bool) -> Matrix {
        let state = embedded(sequences, eightBits: roundsEmbedding)
        let pass = pass(sequences, causal: causal, outlierRatio: plan.outlierRatio)
        for block in blocks { pass.apply(block, to: state) }
        return finished(state)
    }

    /// The states of one sequence before the first block and after each, as they are added up, and last those after the final
    /// norm: layers + 2 matrices of tokens × hidden.
    func statesByLayer(_ sequence: [Int32], causal: Bool) -> [Matrix] {
        let hidden = configuration.hiddenSize
        let state = embedded([sequence], eightBits: roundsEmbedding)
        let pass = pass([sequence], causal: causal, outlierRatio: plan.outlierRatio)
        func copy() -> Matrix {
            let copy = AlignedBuffer<Float>(repeating: 0, count: state.count)
            copy.copy(state, from: 0..<state.count, at: 0)
            return Matrix(rows: sequence.count, columns: hidden, elements: copy)
        }
        var states = [copy()]
        for block in blocks {
            pass.apply(block, to: state)
            states.append(copy())
        }
        return states + [finished(state)]
    }

    /// The states before the first block: tokens × hidden.
    ///
    /// - Parameter eightBits: whether each token's row is rounded to 8 bits.
    func embedded(_ sequences: [[Int32]], eightBits: Bool = false) -> AlignedBuffer<Float> {
        embedding.states(sequences, configuration, eightBits: eightBits)
    }

    func pass(_ sequences: [[Int32]], causal: Bool, outlierRatio: Float?) -> DecoderPass {
        DecoderPass(
            configuration, sequences: sequences.map(\.count), positions: positions,
            causal: causal && !configuration.isEncoder, outlierRatio: outlierRatio)
    }

    /// The states after the last block, normed: tokens × hidden; in place.
    func finished(_ state: AlignedBuffer<Float>) -> Matrix {
        let hidden = configuration.hiddenSize
        let tokens = state.count / hidden
        let rows = MatrixView(state, rows: tokens, columns: hidden)
        finalNorm?.apply(rows, into: rows)
        return Matrix(rows: tokens, columns: hidden, elements: state)
    }
}

/// Tokens' vectors before the first block.
struct TokenEmbedding: Sendable {
    /// vocabulary × hidden, as stored; rows are converted when they are looked up.
    let tokens: StoredTensor
    /// positions × hidden, and the offset of the first; nil for rotary positions.
    let positions: (table: StoredTensor, offset: Int)?
    /// hidden: the first segment's; nil without segments.
    let segment: AlignedBuffer<Float>?
    let norm: NormLayer?

    /// The states of sequences packed one after the other: tokens × hidden.
    func states(
        _ sequences: [[Int32]], _ configuration: DecoderConfiguration, eightBits: Bool
    ) -> AlignedBuffer<Float> {
        let hidden = configuration.hiddenSize
        let count = sequences.reduce(0) { $0 + $1.count }
        let state = AlignedBuffer<Float>(repeating: 0, count: count * hidden)
        let matrix = MatrixView(state, rows: count, columns: hidden)
        var row = 0
        for token in sequences.joined() {
            tokens.loadRow(Int(token), into: state, from: row * hidden)
            row += 1
        }
        if eightBits { Int8Products.round(matrix) }
        if configuration.embeddingScale != 1 { matrix.scale(by: configuration.embeddingScale) }
        if let positions {
            let places = AlignedBuffer<Float>(repeating: 0, count: count * hidden)
            row = 0
            for sequence in sequences {
                positions.table.load(
                    rows: positions.offset..<positions.offset + sequence.count, into: places,
                    from: row * hidden)
                row += sequence.count
            }
            matrix.add(MatrixView(places, rows: count, columns: hidden))
        }
        if let segment { matrix.addToRows(MatrixView(segment, rows: 1, columns: hidden)) }
        let rows = MatrixView(state, rows: count, columns: hidden)
        norm?.apply(rows, into: rows)
        return state
    }
}
