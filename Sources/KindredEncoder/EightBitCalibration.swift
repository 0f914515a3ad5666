import KindredSystem
import KindredTensors

/// Measures how far a decoder's vectors move with parts of it in 8 bits.
///
/// The states before each layer are kept, so that a measurement starts at the first part that is not exact.
struct EightBitCalibration {
    private let exact: Decoder
    private let quantized: Decoder
    private let causal: Bool
    private let shortPacks: [Pack]
    private let passagePacks: [Pack]
    private let vectors: @Sendable ([EncoderInput], Matrix) -> Matrix

    private struct Pack {
        let inputs: [EncoderInput]
        /// The exact states before each layer: tokens × hidden each.
        let states: [AlignedBuffer<Float>]
        /// The exact vectors, a row for each input.
        let vectors: Matrix
    }

    /// - Parameters:
    ///   - short: texts, those of a pack computed together.
    ///   - vectors: pools the last hidden states of a pack, tokens × hidden, to a vector for each text.
    /// - Throws: as `Decoder.init`.
    init(
        _ model: ModelDirectory, short: [[EncoderInput]], passages: [[EncoderInput]], causal: Bool,
        vectors: @escaping @Sendable ([EncoderInput], Matrix) -> Matrix
    ) throws {
        let exact = try Decoder(model, precision: .float32)
        self.exact = exact
        quantized = try Decoder(model, precision: .int8)
        self.causal = causal
        self.vectors = vectors
        let packs = short + passages
        let computed = Processor.map(packs.count) { index in
            let sequences = packs[index].map(\.tokens)
            let state = exact.embedded(sequences)
            let pass = exact.pass(sequences, causal: causal, outlierRatio: nil)
            let states = exact.blocks.map { block in
                let before = Self.duplicate(state)
                pass.apply(block, to: state)
                return before
            }
            return Pack(
                inputs: packs[index], states: states,
                vectors: vectors(packs[index], exact.finished(state)))
        }
        shortPacks = Array(computed[..<short.count])
        passagePacks = Array(computed[short.count...])
    }

    /// Chooses the plan, see `EightBitPlan.search`.
    func plan() -> EightBitPlan {
        EightBitPlan.search(layers: exact.blocks.count) {
            error($0, on: shortPacks + passagePacks)
        } roughError: {
            // Short texts suffer most.
            error($0, on: shortPacks)
        }
    }

    /// How far the vectors lie from exact ones.
    private func error(_ plan: EightBitPlan, on packs: [Pack]) -> EightBitPlan.Error {
        let first =
            plan.hasExactEmbedding
            ? exact.blocks.indices.first { !plan.exactLayers.contains($0) } ?? exact.blocks.count : 0
        let distances = Processor.map(packs.count) { index -> [Double] in
            let pack = packs[index]
            guard first < exact.blocks.count else { return pack.inputs.map { _ in 0 } }
            let sequences = pack.inputs.map(\.tokens)
            let state =
                plan.hasExactEmbedding
                ? Self.duplicate(pack.states[first]) : exact.embedded(sequences, eightBits: true)
            let pass = exact.pass(sequences, causal: causal, outlierRatio: plan.outlierRatio)
            for layer in first..<exact.blocks.count {
                let decoder = plan.exactLayers.contains(layer) ? exact : quantized
                pass.apply(decoder.blocks[layer], to: state)
            }
            let found = vectors(pack.inputs, exact.finished(state))
            return pack.inputs.indices.map { 1 - found.row($0).cosine(with: pack.vectors.row($0)) }
        }.joined()
        return .init(
            mean: distances.reduce(0, +) / Double(distances.count), worst: distances.max() ?? 0)
    }

    private static func duplicate(_ state: AlignedBuffer<Float>) -> AlignedBuffer<Float> {
        let copy = AlignedBuffer<Float>(repeating: 0, count: state.count)
        copy.copy(state)
        return copy
    }
}
