import Foundation
import KindredSystem
import KindredTensors

/// The weights of one block. Matrices are output × input, as `torch.nn.Linear` has them; those that
/// read the same input are one matrix, so that they are one product.
struct DecoderBlock: Sendable {
    /// hidden
    let attentionNorm: AlignedBuffer<Float>
    /// (query width + 2 · key/value width) × hidden: queries, keys, values
    let queryKeyValue: LinearWeights
    /// query width + 2 · key/value width; nil without biases
    let queryKeyValueBias: AlignedBuffer<Float>?
    /// head dimension each; nil where heads are not normalised
    let queryNorm: AlignedBuffer<Float>?
    let keyNorm: AlignedBuffer<Float>?
    /// hidden × query width
    let output: LinearWeights
    /// hidden; nil without bias
    let outputBias: AlignedBuffer<Float>?
    /// hidden
    let feedForwardNorm: AlignedBuffer<Float>
    /// (2 · intermediate) × hidden: gate, up
    let gateUp: LinearWeights
    /// hidden × intermediate
    let down: LinearWeights
}

/// A Llama-family decoder without its head (Touvron et al. 2023, §2.2; Jiang et al. 2023 for grouped key/value heads):
/// token ids → hidden states.
///
/// Sequences are packed one after the other without padding. Attention is the only place where they are told apart.
final class Decoder: Sendable {
    let configuration: DecoderConfiguration
    /// vocabulary × hidden, as stored; rows are converted when they are looked up.
    private let embedding: StoredTensor
    let blocks: [DecoderBlock]
    private let finalNorm: AlignedBuffer<Float>
    private let rotary: RotaryTable
    package let precision: EncodingPrecision
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
    /// - Throws: `invalidData` where a tensor is missing or of another shape than the configuration says.
    init(_ model: ModelDirectory, precision: EncodingPrecision? = nil, plan: EightBitPlan = .init()) throws {
        let configuration = model.shape
        let weights = try SafetensorsFile(directory: model.base)
        let isStoredInEightBits = weights.isQuantized
        self.isStoredInEightBits = isStoredInEightBits
        let precision = precision ?? (isStoredInEightBits ? .int8 : .float32)
        self.precision = precision
        var plan = plan
        if isStoredInEightBits { plan.outlierRatio = try EightBitPlan.storedOutlierRatio(of: model.base) }
        roundsEmbedding = precision == .int8 && !isStoredInEightBits && !plan.hasExactEmbedding
        self.configuration = configuration
        let hidden = configuration.hiddenSize
        var used: [StoredTensor] = []
        func tensor(_ name: String, _ shape: [Int]) throws -> StoredTensor {
            let tensor = try weights.tensor(name, shape: shape)
            used.append(tensor)
            if let scales = tensor.rowScales { used.append(scales.tensor) }
            return tensor
        }
        /// The tensors below one another as floats; nil for none.
        func stacked(_ parts: [(String, [Int])]) throws -> AlignedBuffer<Float> {
            stack(try parts.map { try tensor($0.0, $0.1) })
        }
        func stack(_ tensors: [StoredTensor]) -> AlignedBuffer<Float> {
            let buffer = AlignedBuffer<Float>(repeating: 0, count: tensors.reduce(0) { $0 + $1.count })
            var start = 0
            for tensor in tensors {
                tensor.load(into: buffer, from: start)
                start += tensor.count
            }
            return buffer
        }
        embedding = try tensor("embed_tokens.weight", [configuration.vocabularySize, hidden])
        if isStoredInEightBits { plan.hasExactEmbedding = embedding.precision != .i8 }
        finalNorm = try stacked([("norm.weight", [hidden])])
        let (queries, keys) = (configuration.queryWidth, configuration.keyValueWidth)
        /// Linear layers of a block below one another, with the adapters merged in.
        func linear(_ layer: Int, _ modules: [String]) throws -> LinearWeights {
            let parts = modules.map { (Adapter.Module(layer: layer, name: $0), configuration.shape(of: $0)) }
            let tensors = try parts.map { try tensor($0.path + ".weight", [$1.output, $1.input]) }
            if isStoredInEightBits, tensors.contains(where: { $0.precision != .i8 }) {
                plan.exactLayers.insert(layer)
            }
            let isExact = plan.exactLayers.contains(layer)
            let buffer = stack(tensors)
            var row = 0
            for (module, shape) in parts {
                let matrix = BLAS.Operand(
                    buffer, offset: row * shape.input, rows: shape.output, columns: shape.input)
                for adapter in model.adapters { adapter.merge(module, into: matrix) }
                row += shape.output
            }
            return LinearWeights(
                Matrix(rows: row, columns: buffer.count / row, elements: buffer),
                precision: precision == .int8 && isExact ? .float32 : precision)
        }
        blocks = try (0..<configuration.layers).map { layer in
            let prefix = "layers.\(layer)."
            let attention = prefix + "self_attn."
            let head = [configuration.headDimension]
            return DecoderBlock(
                attentionNorm: try stacked([(prefix + "input_layernorm.weight", [hidden])]),
                queryKeyValue: try linear(layer, ["q_proj", "k_proj", "v_proj"]),
                queryKeyValueBias: configuration.hasAttentionBias
                    ? try stacked([
                        (attention + "q_proj.bias", [queries]), (attention + "k_proj.bias", [keys]),
                        (attention + "v_proj.bias", [keys]),
                    ]) : nil,
                queryNorm: configuration.normalizesHeads
                    ? try stacked([(attention + "q_norm.weight", head)]) : nil,
                keyNorm: configuration.normalizesHeads
                    ? try stacked([(attention + "k_norm.weight", head)]) : nil,
                output: try linear(layer, ["o_proj"]),
                outputBias: configuration.hasOutputBias
                    ? try stacked([(attention + "o_proj.bias", [hidden])]) : nil,
                feedForwardNorm: try stacked([(prefix + "post_attention_layernorm.weight", [hidden])]),
                gateUp: try linear(layer, ["gate_proj", "up_proj"]),
                down: try linear(layer, ["down_proj"]))
        }
        try Self.checkUnused(in: weights, used, layers: configuration.layers)
        tensors = used
        self.plan = plan
        rotary = RotaryTable(configuration.rotaryFrequencies, positions: model.maximumTokens)
    }

    /// - Throws: `invalidData` for a tensor of a block that this decoder does not compute with. Tables of rotary positions,
    ///   which some files have, are computed.
    private static func checkUnused(in weights: SafetensorsFile, _ used: [StoredTensor], layers: Int) throws {
        let known = Set(used.map(\.name))
        for name in weights.tensors.keys.sorted() where !known.contains(name) {
            let parts = name.split(separator: ".").drop { $0 == "model" }
            guard parts.first == "layers", let layer = parts.dropFirst().first.flatMap({ Int($0) }),
                layer < layers,
                !name.hasSuffix("rotary_emb.inv_freq")
            else { continue }
            throw KindredError(
                .invalidData, "the tensor \"\(name.prefix(120))\" is not one that this kind of decoder has",
                at: .init(path: weights.path.string))
        }
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

    /// The states before the first block: tokens × hidden.
    ///
    /// - Parameter eightBits: whether each token's row is rounded to 8 bits.
    func embedded(_ sequences: [[Int32]], eightBits: Bool = false) -> AlignedBuffer<Float> {
        let hidden = configuration.hiddenSize
        let tokens = sequences.reduce(0) { $0 + $1.count }
        let state = AlignedBuffer<Float>(repeating: 0, count: tokens * hidden)
        var row = 0
        for token in sequences.joined() {
            embedding.loadRow(Int(token), into: state, from: row * hidden)
            row += 1
        }
        if eightBits { Int8Products.round(BLAS.Operand(state, rows: tokens, columns: hidden)) }
        return state
    }

    func pass(_ sequences: [[Int32]], causal: Bool, outlierRatio: Float?) -> DecoderPass {
        DecoderPass(
            configuration, sequences: sequences.map(\.count), rotary: rotary, causal: causal,
            outlierRatio: outlierRatio)
    }

    /// The states after the last block, normed: tokens × hidden; in place.
    func finished(_ state: AlignedBuffer<Float>) -> Matrix {
        let hidden = configuration.hiddenSize
        let tokens = state.count / hidden
        let rows = LayerKernels.Rows(state, rows: tokens, columns: hidden)
        LayerKernels.rmsNorm(rows, weight: finalNorm, epsilon: configuration.normEpsilon, into: rows)
        return Matrix(rows: tokens, columns: hidden, elements: state)
    }
}
