import KindredEncoder
import KindredSystem
import KindredTensors

/// Sequences of token ids that are computed together, one after the other without padding.
package struct Pack: Sendable {
    package let tokens: [Int32]
    package let lengths: [Int]
    /// Number of the first token among all of the batch: dropout depends on it, and not on how a batch is packed.
    package let firstRow: Int

    package var count: Int { tokens.count }

    package init(_ sequences: [[Int32]], firstRow: Int) {
        tokens = sequences.flatMap { $0 }
        lengths = sequences.map(\.count)
        self.firstRow = firstRow
    }

    /// Where each sequence starts.
    package var starts: [Int] {
        var next = 0
        return lengths.map { length in
            defer { next += length }
            return next
        }
    }
}

/// What is trained: which buffer the gradients go to, and how it is laid out.
enum TrainedParameters {
    case adapter(ParameterLayout)
    case all(ParameterLayout)

    var layout: ParameterLayout {
        switch self {
        case .adapter(let layout), .all(let layout): layout
        }
    }
}

/// The memory of one thread for passes through a decoder. Buffers grow to the largest pack and stay.
final class Workspace {
    let products: Products
    let trained: TrainedParameters
    /// Where gradients are added.
    var gradient: AlignedBuffer<Float>
    /// Whether dropout is on.
    var isTraining = true
    var firstRow = 0
    private var key: UInt64 = 0
    private var step: UInt64 = 0

    init(precision: Precision, trained: TrainedParameters, gradient: AlignedBuffer<Float>) {
        products = Products(precision)
        self.trained = trained
        self.gradient = gradient
    }

    /// Sets what dropout depends on.
    func begin(_ pack: Pack, key: UInt64, step: Int) {
        firstRow = pack.firstRow
        self.key = key
        self.step = UInt64(step)
    }

    func dropout(rate: Float, site: UInt64) -> GradientKernels.Dropout {
        GradientKernels.Dropout(rate: rate, key: key, site: step << 32 | site)
    }

    // MARK: Scratch

    private var buffers: [String: AlignedBuffer<Float>] = [:]

    /// A buffer of at least `count` elements whose content nobody relies on.
    private func buffer(_ name: String, _ count: Int) -> AlignedBuffer<Float> {
        if let found = buffers[name], found.count >= count { return found }
        let made = AlignedBuffer<Float>(repeating: 0, count: count)
        buffers[name] = made
        return made
    }

    func scratch(_ name: String, rows: Int, columns: Int) -> MatrixView {
        MatrixView(buffer(name, rows * columns), rows: rows, columns: columns)
    }

    func scratchInput(rows: Int, columns: Int) -> MatrixView {
        scratch("input", rows: rows, columns: columns)
    }

    /// Gradients of what `LinearGroup.forward` keeps, of one group.
    private(set) var lowRankGradient = AlignedBuffer<Float>(repeating: 0, count: 0)

    func reserveLowRank(_ count: Int) {
        if lowRankGradient.count < count { lowRankGradient = AlignedBuffer(repeating: 0, count: count) }
    }

    /// Right factors of an attention head's products.
    let keys = Products.Factor()
    let values = Products.Factor()
}

/// What the forward pass of one block keeps for the backward pass: rows for the tokens of a pack.
final class BlockTape {
    /// The block's input, and the state between its halves: tokens × hidden.
    var state = AlignedBuffer<Float>(repeating: 0, count: 0)
    private(set) var middle = AlignedBuffer<Float>(repeating: 0, count: 0)
    /// The two normalised inputs: tokens × hidden.
    private(set) var attentionInput = AlignedBuffer<Float>(repeating: 0, count: 0)
    private(set) var feedForwardInput = AlignedBuffer<Float>(repeating: 0, count: 0)
    /// Rotated queries and keys, and values: tokens × (query width + 2 · key/value width).
    private(set) var queryKeyValue = AlignedBuffer<Float>(repeating: 0, count: 0)
    /// Queries and keys before their heads were normalised, where they are.
    private(set) var unnormalizedHeads = AlignedBuffer<Float>(repeating: 0, count: 0)
    /// Attention weights before dropout: for each sequence, heads × length × length.
    private(set) var probabilities = AlignedBuffer<Float>(repeating: 0, count: 0)
    /// tokens × query width
    private(set) var attended = AlignedBuffer<Float>(repeating: 0, count: 0)
    /// tokens × (2 · intermediate)
    private(set) var gateUp = AlignedBuffer<Float>(repeating: 0, count: 0)
    /// What the four linear groups keep.
    private(set) var kept = (0..<4).map { _ in AlignedBuffer<Float>(repeating: 0, count: 0) }

    func reserve(_ pack: Pack, _ shape: DecoderConfiguration, keptWidths: [Int]) {
        func grow(_ buffer: inout AlignedBuffer<Float>, _ count: Int) {
            if buffer.count < count { buffer = AlignedBuffer(repeating: 0, count: count) }
        }
        let tokens = pack.count
        grow(&middle, tokens * shape.hiddenSize)
        grow(&attentionInput, tokens * shape.hiddenSize)
        grow(&feedForwardInput, tokens * shape.hiddenSize)
        grow(&queryKeyValue, tokens * (shape.queryWidth + 2 * shape.keyValueWidth))
        if shape.normalizesHeads {
            grow(&unnormalizedHeads, tokens * (shape.queryWidth + shape.keyValueWidth))
        }
        grow(&probabilities, shape.attentionHeads * pack.lengths.reduce(0) { $0 + $1 * $1 })
        grow(&attended, tokens * shape.queryWidth)
        grow(&gateUp, tokens * 2 * shape.intermediateSize)
        for group in kept.indices { grow(&kept[group], tokens * keptWidths[group]) }
    }
}
