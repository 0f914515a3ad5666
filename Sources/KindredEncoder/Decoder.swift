import Foundation
import KindredSystem
import KindredTensors

/// The weights of one block, in 32-bit floats. Matrices are output × input, as `torch.nn.Linear` has them; those that
/// read the same input are one matrix, so that they are one product.
struct DecoderBlock: Sendable {
    /// hidden
    let attentionNorm: AlignedBuffer<Float>
    /// (query width + 2 · key/value width) × hidden: queries, keys, values
    let queryKeyValue: AlignedBuffer<Float>
    /// query width + 2 · key/value width; nil without biases
    let queryKeyValueBias: AlignedBuffer<Float>?
    /// head dimension each; nil where heads are not normalised
    let queryNorm: AlignedBuffer<Float>?
    let keyNorm: AlignedBuffer<Float>?
    /// hidden × query width
    let output: AlignedBuffer<Float>
    /// hidden; nil without bias
    let outputBias: AlignedBuffer<Float>?
    /// hidden
    let feedForwardNorm: AlignedBuffer<Float>
    /// (2 · intermediate) × hidden: gate, up
    let gateUp: AlignedBuffer<Float>
    /// hidden × intermediate
    let down: AlignedBuffer<Float>
}

/// A Llama-family decoder without its head (Touvron et al. 2023, §2.2; Jiang et al. 2023 for grouped key/value heads):
/// token ids → hidden states.
///
/// Sequences are packed one after the other without padding. Attention is the only place where they are told apart.
final class Decoder: Sendable {
    let configuration: DecoderConfiguration
    /// vocabulary × hidden, as stored; rows are converted when they are looked up.
    private let embedding: StoredTensor
    private let blocks: [DecoderBlock]
    private let finalNorm: AlignedBuffer<Float>
    private let rotary: RotaryTable
    /// Every tensor that is used, for the fingerprint.
    let tensors: [StoredTensor]

    /// - Throws: `invalidData` where a tensor is missing or of another shape than the configuration says.
    init(_ configuration: DecoderConfiguration, weights: SafetensorsFile, maximumTokens: Int) throws {
        self.configuration = configuration
        let hidden = configuration.hiddenSize
        var used: [StoredTensor] = []
        func tensor(_ name: String, _ shape: [Int]) throws -> StoredTensor {
            let tensor = try weights.tensor(name, shape: shape)
            used.append(tensor)
            return tensor
        }
        /// The tensors below one another as floats; nil for none.
        func stacked(_ parts: [(String, [Int])]) throws -> AlignedBuffer<Float> {
            let tensors = try parts.map { try tensor($0.0, $0.1) }
            let buffer = AlignedBuffer<Float>(repeating: 0, count: tensors.reduce(0) { $0 + $1.count })
            var start = 0
            for tensor in tensors {
                tensor.load(into: buffer, from: start)
                start += tensor.count
            }
            return buffer
        }
        embedding = try tensor("embed_tokens.weight", [configuration.vocabularySize, hidden])
        finalNorm = try stacked([("norm.weight", [hidden])])
        let (queries, keys) = (configuration.queryWidth, configuration.keyValueWidth)
        let middle = configuration.intermediateSize
        blocks = try (0..<configuration.layers).map { layer in
            let prefix = "layers.\(layer)."
            let attention = prefix + "self_attn."
            let head = [configuration.headDimension]
            return DecoderBlock(
                attentionNorm: try stacked([(prefix + "input_layernorm.weight", [hidden])]),
                queryKeyValue: try stacked([
                    (attention + "q_proj.weight", [queries, hidden]),
                    (attention + "k_proj.weight", [keys, hidden]),
                    (attention + "v_proj.weight", [keys, hidden]),
                ]),
                queryKeyValueBias: configuration.hasAttentionBias
                    ? try stacked([
                        (attention + "q_proj.bias", [queries]), (attention + "k_proj.bias", [keys]),
                        (attention + "v_proj.bias", [keys]),
                    ]) : nil,
                queryNorm: configuration.normalizesHeads
                    ? try stacked([(attention + "q_norm.weight", head)]) : nil,
                keyNorm: configuration.normalizesHeads
                    ? try stacked([(attention + "k_norm.weight", head)]) : nil,
                output: try stacked([(attention + "o_proj.weight", [hidden, queries])]),
                outputBias: configuration.hasOutputBias
                    ? try stacked([(attention + "o_proj.bias", [hidden])]) : nil,
                feedForwardNorm: try stacked([(prefix + "post_attention_layernorm.weight", [hidden])]),
                gateUp: try stacked([
                    (prefix + "mlp.gate_proj.weight", [middle, hidden]),
                    (prefix + "mlp.up_proj.weight", [middle, hidden]),
                ]),
                down: try stacked([(prefix + "mlp.down_proj.weight", [hidden, middle])]))
        }
        tensors = used
        rotary = RotaryTable(configuration.rotaryFrequencies, positions: maximumTokens)
    }

    /// The last hidden states, after the final norm, of sequences packed one after the other: tokens × hidden.
    ///
    /// - Parameter sequences: none empty, none longer than the maximum that the decoder was made for, every id below
    ///   the vocabulary's size.
    func hiddenStates(_ sequences: [[Int32]], causal: Bool) -> Matrix {
        let hidden = configuration.hiddenSize
        let tokens = sequences.reduce(0) { $0 + $1.count }
        let state = AlignedBuffer<Float>(repeating: 0, count: tokens * hidden)
        var row = 0
        for token in sequences.joined() {
            embedding.loadRow(Int(token), into: state, from: row * hidden)
            row += 1
        }
        let pass = DecoderPass(
            configuration, sequences: sequences.map(\.count), rotary: rotary, causal: causal)
        for block in blocks { pass.apply(block, to: state) }
        let rows = LayerKernels.Rows(state, rows: tokens, columns: hidden)
        LayerKernels.rmsNorm(rows, weight: finalNorm, epsilon: configuration.normEpsilon, into: rows)
        return Matrix(rows: tokens, columns: hidden, elements: state)
    }
}

/// Cosines and sines of every position's angles: positions × half a head.
struct RotaryTable: Sendable {
    let cosines: AlignedBuffer<Float>
    let sines: AlignedBuffer<Float>
    let half: Int

    init(_ frequencies: [Double], positions: Int) {
        half = frequencies.count
        cosines = AlignedBuffer(repeating: 0, count: positions * half)
        sines = AlignedBuffer(repeating: 0, count: positions * half)
        for position in 0..<positions {
            for (pair, frequency) in frequencies.enumerated() {
                // The reference computes the angle in 32-bit floats; so does this.
                let angle = Float(position) * Float(frequency)
                cosines[position * half + pair] = Float(cos(Double(angle)))
                sines[position * half + pair] = Float(sin(Double(angle)))
            }
        }
    }
}
