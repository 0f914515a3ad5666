import Foundation
import KindredEncoder
import KindredSystem
import KindredTensors
import SystemPackage

/// A decoder that can be trained: all its weights, or an adapter on frozen ones.
package final class TrainableDecoder {
    /// What is trained.
    package enum Part: Sendable {
        case adapter(AdapterConfiguration)
        case all
    }

    package let shape: DecoderConfiguration
    package let part: Part
    package let causal: Bool
    package let precision: Precision
    /// All weights, laid out by `weightLayout`.
    package let weights: AlignedBuffer<Float>
    package let weightLayout: ParameterLayout
    /// What the optimizer moves, laid out by `layout`: the adapter, or the weights themselves.
    package let parameters: AlignedBuffer<Float>
    package let layout: ParameterLayout
    let trained: TrainedParameters
    let blocks: [TrainableBlock]
    private let finalNorm: MatrixView
    private let embedding: MatrixView
    /// Vocabulary × hidden; nil where no objective needs it.
    let head: PreparedMatrix?
    /// The linear map after pooling; nil: none.
    let dense: TrainableDense?
    private let headName: String
    /// Whether the token embedding is trained where all weights are.
    private let trainsEmbedding: Bool
    private var trainsHead: Bool { trainsEmbedding || !shape.tiesEmbeddings }

    /// - Parameters:
    ///   - weights: the decoder's and its map's, as `DecoderWeights.load` reads them.
    ///   - dense: the linear map after pooling; nil: none.
    ///   - trainsDense: where an adapter is trained, whether the map is trained with it.
    ///   - needsHead: whether tokens are predicted.
    ///   - trainsEmbedding: where all weights are trained, whether the token embedding is.
    package init(
        _ shape: DecoderConfiguration, weights: AlignedBuffer<Float>, dense: Dense.Shape? = nil,
        trainsDense: Bool = false, part: Part, causal: Bool, attentionDropout: Float = 0,
        precision: Precision, maximumTokens: Int, needsHead: Bool,
        trainsEmbedding: Bool = true
    ) {
        self.trainsEmbedding = trainsEmbedding
        self.shape = shape
        self.part = part
        self.causal = causal
        self.precision = precision
        self.weights = weights
        let weightLayout = ParameterLayout.decoder(shape, dense: dense)
        precondition(weights.count == weightLayout.count)
        self.weightLayout = weightLayout
        var configuration: AdapterConfiguration?
        switch part {
        case .all:
            layout = weightLayout
            parameters = weights
            trained = .all(weightLayout)
        case .adapter(let adapter):
            configuration = adapter
            layout = ParameterLayout.adapter(adapter, for: shape, dense: trainsDense ? dense : nil)
            parameters = AlignedBuffer(repeating: 0, count: layout.count)
            trained = .adapter(layout)
        }
        let rotary = RotaryTable(shape.rotaryFrequencies, positions: maximumTokens)
        let (layout, parameters) = (layout, parameters)
        blocks = (0..<shape.layers).map { layer in
            let prefix = "layers.\(layer)."
            func vector(_ name: String) -> MatrixView { weightLayout.operand(prefix + name, in: weights) }
            func group(_ modules: [String], part: Int, bias: Bool) -> LinearGroup {
                let paths = modules.map { DecoderConfiguration.modulePath(layer: layer, name: $0) }
                var lowRank: [LinearGroup.LowRank] = []
                var start = 0
                for (index, module) in modules.enumerated() {
                    let width = shape.shape(of: module).output
                    if configuration?.targetModules.contains(module) == true {
                        let (a, b) = (paths[index] + ".lora_A.weight", paths[index] + ".lora_B.weight")
                        lowRank.append(
                            .init(
                                a: PreparedMatrix(layout.operand(a, in: parameters), precision: precision),
                                b: PreparedMatrix(layout.operand(b, in: parameters), precision: precision),
                                aName: a, bName: b, columns: start..<start + width,
                                site: TrainableBlock.site(layer: layer, part: part + index)))
                    }
                    start += width
                }
                let biases = bias ? paths.map { $0 + ".bias" } : []
                let names = paths.map { $0 + ".weight" }
                return LinearGroup(
                    weight: PreparedMatrix(
                        weightLayout.stacked(names, in: weights), precision: precision),
                    weightNames: names, bias: bias ? weightLayout.joined(biases, in: weights) : nil,
                    biasNames: biases, lowRank: lowRank, configuration: configuration)
            }
            return TrainableBlock(
                shape: shape, layer: layer, attentionNorm: vector("input_layernorm.weight"),
                feedForwardNorm: vector("post_attention_layernorm.weight"),
                queryNorm: shape.normalizesHeads ? vector("self_attn.q_norm.weight") : nil,
                keyNorm: shape.normalizesHeads ? vector("self_attn.k_norm.weight") : nil,
                queryKeyValue: group(["q_proj", "k_proj", "v_proj"], part: 1, bias: shape.hasAttentionBias),
                output: group(["o_proj"], part: 4, bias: shape.hasOutputBias),
                gateUp: group(["gate_proj", "up_proj"], part: 5, bias: false),
                down: group(["down_proj"], part: 7, bias: false), rotary: rotary, causal: causal,
                attentionDropout: attentionDropout)
        }
        self.dense = dense.map { dense in
            let isTrained = layout.contains(ParameterLayout.denseWeight)
            return isTrained
                ? TrainableDense(dense, in: parameters, layout, isTrained: true)
                : TrainableDense(dense, in: weights, weightLayout, isTrained: false)
        }
        finalNorm = weightLayout.operand("norm.weight", in: weights)
        embedding = weightLayout.operand("embed_tokens.weight", in: weights)
        headName = shape.tiesEmbeddings ? "embed_tokens.weight" : "lm_head.weight"
        head =
            needsHead
            ? PreparedMatrix(weightLayout.operand(headName, in: weights), precision: precision) : nil
    }

    /// Takes the parameters as the optimizer left them.
    package func update(threads: Int = Processor.count) {
        let matrices: [PreparedMatrix]
        switch part {
        case .adapter:
            matrices = blocks.flatMap(\.groups).flatMap(\.lowRank).flatMap { [$0.a, $0.b] }
        case .all:
            // The head is the largest by far, so it goes first.
            matrices = (trainsHead ? [head].compactMap { $0 } : []) + blocks.flatMap(\.groups).map(\.weight)
        }
        Processor.parallel(matrices.count, threads: threads) { matrices[$0].update() }
    }

    func workspace(gradient: AlignedBuffer<Float>) -> Workspace {
        Workspace(precision: precision, trained: trained, gradient: gradient)
    }

    func reserve(_ tape: PassTape, for pack: Pack) {
        for (block, tape) in zip(blocks, tape.blocks) {
            tape.reserve(pack, shape, keptWidths: block.groups.map(\.keptWidth))
        }
    }

    // MARK: Passes

    /// The hidden states after the final norm, tokens × hidden; what the backward pass needs is in the tape.
    func forward(_ pack: Pack, _ tape: PassTape, _ work: Workspace) -> MatrixView {
        let hidden = shape.hiddenSize
        tape.reserve(pack, self)
        MatrixView(tape.state(0), rows: pack.count, columns: hidden)
            .gather(pack.tokens.map(Int.init), from: embedding)
        for (index, block) in blocks.enumerated() {
            block.forward(pack, tape.block(index), into: tape.state(index + 1), work)
        }
        let states = MatrixView(tape.final, rows: pack.count, columns: hidden)
        LayerKernels.rmsNorm(
            MatrixView(tape.state(blocks.count), rows: pack.count, columns: hidden),
            weight: finalNorm, epsilon: shape.normEpsilon, into: states)
        return states
    }

    /// Adds the gradients of the trained parameters, given that of the final hidden states.
    func backward(_ pack: Pack, _ tape: PassTape, gradient dy: MatrixView, _ work: Workspace) {
        let hidden = shape.hiddenSize
        let gradient = work.scratch("state gradient", rows: pack.count, columns: hidden)
        gradient.fill(0)
        var normGradient: MatrixView?
        if case .all(let layout) = trained {
            normGradient = layout.operand("norm.weight", in: work.gradient)
        }
        GradientKernels.rmsNorm(
            dx: gradient, dy: dy,
            x: MatrixView(tape.state(blocks.count), rows: pack.count, columns: hidden),
            weight: finalNorm, weightGradient: normGradient, epsilon: shape.normEpsilon)
        for (index, block) in blocks.enumerated().reversed() {
            if tape.recomputes {
                let unused = work.scratch("recomputed state", rows: pack.count, columns: hidden)
                block.forward(pack, tape.block(index), into: unused.buffer, work)
            }
            var needsInput = index > 0
            if case .all = trained { needsInput = true }
            block.backward(pack, tape.block(index), gradient, needsInput: needsInput, work)
        }
        if trainsEmbedding, case .all(let layout) = trained {
            layout.operand("embed_tokens.weight", in: work.gradient)
                .scatterAdd(gradient, to: pack.tokens.map(Int.init))
        }
    }

    /// The head's rows for a sample of the vocabulary.
    func sampledHead(_ vocabulary: SampledVocabulary) -> SampledHead {
        guard let head else { preconditionFailure("the decoder was made without its head") }
        return SampledHead(vocabulary, of: head.values, precision: precision)
    }

    /// The cross entropy of tokens predicted from hidden states (Devlin et al. 2019 for the masked, with the state
    /// before the token, BehnamGhader et al. 2024, §2.2).
    ///
    /// - Parameters:
    ///   - rows: which rows of `states` predict.
    ///   - targets: the token that each of them should predict.
    ///   - sample: the tokens that are predicted among, the targets among them; nil: all.
    ///   - scale: what the sum of the losses is multiplied by in the gradient.
    ///   - gradient: that of the states is added there, unless nil.
    /// - Returns: the sum of the losses.
    func predictionLoss(
        _ states: MatrixView, rows: [Int], targets: [Int32], among sample: SampledHead? = nil, scale: Float,
        gradient: MatrixView?, _ work: Workspace
    ) -> Double {
        guard let head = sample?.rows ?? head else {
            preconditionFailure("the decoder was made without its head")
        }
        let targets = sample.map { sample in targets.map(sample.vocabulary.place) } ?? targets
        var headGradient: MatrixView?
        if gradient != nil, trainsHead, case .all(let layout) = trained {
            headGradient = layout.operand(headName, in: work.gradient)
        }
        // The sampled rows' gradient, in the sample's order.
        let sampledGradient = sample.flatMap { sample in
            headGradient.map { _ in
                work.scratch("sampled gradient", rows: sample.indices.count, columns: shape.hiddenSize)
            }
        }
        sampledGradient?.fill(0)
        var loss = 0.0
        // Logits are wide: a part of the rows at a time bounds their memory.
        let piece = 512
        for start in stride(from: 0, to: rows.count, by: piece) {
            let chosen = Array(rows[start..<min(start + piece, rows.count)])
            let x = work.scratch("predicting states", rows: chosen.count, columns: shape.hiddenSize)
            x.gather(chosen, from: states)
            let logits = work.scratch("logits", rows: chosen.count, columns: head.values.rows)
            work.products.multiply(x, head, into: logits)
            if let sample { logits.addToRows(sample.corrections) }
            loss += GradientKernels.crossEntropy(
                logits, targets: Array(targets[start..<start + chosen.count]), scale: scale)
            guard let gradient else { continue }
            let dx = work.scratch("predicting gradient", rows: chosen.count, columns: shape.hiddenSize)
            work.products.multiplyGradient(logits, head, into: dx)
            gradient.scatterAdd(dx, to: chosen)
            if let target = sampledGradient ?? headGradient {
                work.products.multiply(transposed: logits, x, into: target, adding: true)
            }
        }
        if let sample, let sampledGradient {
            headGradient?.scatterAdd(sampledGradient, to: sample.indices)
        }
        return loss
    }
}

/// What a forward pass keeps: a tape for each block, or, where memory is short, each block's input only; the rest is then
/// computed again in the backward pass (Chen et al. 2016).
final class PassTape {
    let recomputes: Bool
    let blocks: [BlockTape]
    private var states: [AlignedBuffer<Float>] = []
    private(set) var final = AlignedBuffer<Float>(repeating: 0, count: 0)

    init(layers: Int, recomputes: Bool) {
        self.recomputes = recomputes
        blocks = (0..<(recomputes ? 1 : layers)).map { _ in BlockTape() }
        states = (0...layers).map { _ in AlignedBuffer<Float>(repeating: 0, count: 0) }
    }

    func reserve(_ pack: Pack, _ decoder: TrainableDecoder) {
        decoder.reserve(self, for: pack)
        let count = pack.count * decoder.shape.hiddenSize
        if final.count < count {
            final = AlignedBuffer(repeating: 0, count: count)
            states = states.map { _ in AlignedBuffer(repeating: 0, count: count) }
        }
    }

    /// The input of block `index`; after the last block its output.
    func state(_ index: Int) -> AlignedBuffer<Float> { states[index] }

    /// The tape of block `index`, with its input.
    func block(_ index: Int) -> BlockTape {
        let tape = blocks[recomputes ? 0 : index]
        tape.state = states[index]
        return tape
    }
}

// MARK: The adapter's values

extension TrainableDecoder {
    /// Takes the matrices of an adapter of the same shape.
    package func load(_ adapter: Adapter) {
        for (module, pair) in adapter.matrices {
            pair.a.load(into: parameters, from: layout[module + ".lora_A.weight"].offset)
            pair.b.load(into: parameters, from: layout[module + ".lora_B.weight"].offset)
        }
        update()
    }

    /// Gives a map that is to be learned its first values: a uniform within ±1/√input and no bias, as torch.nn.Linear has
    /// them. Before `initialize(seed:)`.
    func initializeDense(seed: UInt64) {
        guard weightLayout.contains(ParameterLayout.denseWeight) else { return }
        let entry = weightLayout[ParameterLayout.denseWeight]
        var random = TrainingRandom(seed: seed, .initialization, -1)
        let bound = 1 / Double(entry.shape[1]).squareRoot()
        for place in entry.range { weights[place] = Float(bound * (2 * random.uniform() - 1)) }
    }

    /// Gives the adapter its first values (peft, `reset_lora_parameters`). A map that is trained with it starts as it is in
    /// the weights.
    package func initialize(seed: UInt64) {
        guard case .adapter(let configuration) = part else { return }
        for (index, entry) in layout.entries.enumerated() {
            guard ![ParameterLayout.denseWeight, ParameterLayout.denseBias].contains(entry.name) else {
                let source = weightLayout[entry.name].range
                parameters.copy(weights, from: source, at: entry.offset)
                continue
            }
            var random = TrainingRandom(seed: seed, .initialization, index)
            let isA = entry.name.hasSuffix("lora_A.weight")
            let bound = 1 / Double(entry.shape[1]).squareRoot()
            for place in entry.range {
                switch configuration.initialization {
                case .gaussian:
                    parameters[place] = isA ? Float(random.normal() / Double(configuration.rank)) : 0
                case .kaiming: parameters[place] = isA ? Float(bound * (2 * random.uniform() - 1)) : 0
                case .random: parameters[place] = Float(bound * (2 * random.uniform() - 1))
                }
            }
        }
        update()
    }

    /// Writes the adapter as a PEFT directory, and a map that was trained with it.
    package func writeAdapter(
        base: String, as precision: NumberFormat = .f32, to directory: FilePath
    ) throws {
        guard case .adapter(let configuration) = part else { return }
        let modules = ParameterLayout.modules(of: configuration, for: shape).map(\.path)
        try Adapter.write(
            configuration, base: base,
            matrices: modules.map { module in
                let (a, b) = (layout[module + ".lora_A.weight"], layout[module + ".lora_B.weight"])
                return (module, (a.offset, a.shape), (b.offset, b.shape))
            }, values: parameters, as: precision, to: directory)
        if let dense, layout.contains(ParameterLayout.denseWeight) {
            try layout.write(dense.shape, in: parameters, to: directory.appending(Dense.directory))
        }
    }
}
