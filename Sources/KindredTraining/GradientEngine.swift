import Foundation
import KindredEncoder
import KindredSystem
import KindredTensors

/// Computes losses and gradients of batches on several threads.
///
/// A batch is cut into packs by its own order and lengths; packs go to lanes in turn; lanes are added up in order. None of
/// it depends on the number of threads, so neither does the result.
package final class GradientEngine {
    package struct Options: Sendable, Hashable {
        /// Keep block inputs only and recompute activations in the backward pass (gradient checkpointing): about a third
        /// more time, a fraction of the memory.
        package var savesMemory = false
        package var threads = Processor.count
        /// Random seed of dropout and of vocabulary samples.
        package var seed: UInt64 = 1
        /// Tokens that predictions of a step are made among, those to be predicted and others drawn evenly; nil: all.
        package var sampledTokens: Int?

        package init() {}
    }

    package let decoder: TrainableDecoder
    private let options: Options
    /// The sum of the last batch's gradients is in the first.
    private var lanes: [AlignedBuffer<Float>] = []
    private let pool = WorkspacePool()
    private var tapes: [PassTape] = []

    /// Tokens of a pack: enough for the matrix products to run at full speed.
    private static let tokensPerPack = 512
    /// Gradient buffers, at most: an adapter's are small, a whole model's are not.
    private var maximumLanes: Int {
        switch decoder.part {
        case .adapter: 16
        case .all: 4
        }
    }

    package init(_ decoder: TrainableDecoder, _ options: Options = Options()) {
        self.decoder = decoder
        self.options = options
    }

    /// The gradient of the last batch.
    package var gradient: AlignedBuffer<Float> { lanes[0] }

    // MARK: Prediction

    /// The mean loss over all predicted tokens of the batch, and its gradient.
    ///
    /// - Parameter step: what dropout and the sample of the vocabulary depend on; nil: no dropout and no gradient, and
    ///   the whole vocabulary.
    package func predict(_ examples: [PredictionExample], step: Int?) -> Double {
        let count = examples.reduce(0) { $0 + $1.positions.count }
        guard count > 0 else {
            reset(lanes: 1)
            return 0
        }
        let packs = Self.packs(examples.map(\.tokens))
        let losses = Losses(count: packs.count)
        var sample: SampledHead?
        if let step, let size = options.sampledTokens, size < decoder.shape.vocabularySize {
            var random = TrainingRandom(seed: options.seed, .vocabulary, step)
            sample = decoder.sampledHead(
                SampledVocabulary(
                    targets: examples.flatMap(\.targets), size: size,
                    vocabulary: decoder.shape.vocabularySize,
                    &random))
        }
        run(packs, step: step) { [sample] index, pack, work, tape in
            let states = self.decoder.forward(pack.pack, tape, work)
            var rows: [Int] = []
            var targets: [Int32] = []
            for (start, example) in zip(pack.pack.starts, pack.items.map({ examples[$0] })) {
                rows += example.positions.map { start + $0 - 1 }
                targets += example.targets
            }
            var gradient: MatrixView?
            if step != nil {
                gradient = work.scratch(
                    "final gradient", rows: pack.pack.count, columns: self.decoder.shape.hiddenSize)
                gradient?.fill(0)
            }
            losses[index] = self.decoder.predictionLoss(
                states, rows: rows, targets: targets, among: sample, scale: 1 / Float(count),
                gradient: gradient, work)
            if let gradient { self.decoder.backward(pack.pack, tape, gradient: gradient, work) }
        }
        return losses.sum / Double(count)
    }

    // MARK: Vectors

    /// The mean loss of a batch over the vectors of its inputs, and its gradient.
    ///
    /// With `savesMemory` a first pass computes the vectors alone, and a second one keeps what the backward pass needs,
    /// a pack at a time: the batch may be larger than memory (Gao et al. 2021, gradient caching).
    package func train(_ batch: some VectorBatch, pooling: EncoderConfiguration.Pooling, step: Int?) -> Double
    {
        let inputs = batch.inputs
        let packs = Self.packs(inputs.map(\.tokens))
        let hidden = decoder.shape.hiddenSize
        let pooled = Matrix(rows: inputs.count, columns: hidden)
        let keepsTapes = step != nil && !options.savesMemory
        while keepsTapes, tapes.count < packs.count {
            tapes.append(PassTape(layers: decoder.shape.layers, recomputes: false))
        }
        run(packs, step: step, clears: true) { index, pack, work, shared in
            let tape = keepsTapes ? self.tapes[index] : shared
            let states = self.decoder.forward(pack.pack, tape, work)
            for (start, item) in zip(pack.pack.starts, pack.items) {
                inputs[item].pool(states, from: start, pooling, into: pooled, row: item)
            }
        }
        let vectors = decoder.dense?.forward(pooled) ?? pooled
        let (loss, gradient) = batch.loss(vectors)
        guard step != nil, loss.isFinite else { return loss }
        let pooledGradient = decoder.dense?.inputGradient(gradient, outputs: vectors) ?? gradient
        run(packs, step: step, clears: false) { index, pack, work, shared in
            let tape = keepsTapes ? self.tapes[index] : shared
            if !keepsTapes { _ = self.decoder.forward(pack.pack, tape, work) }
            let dStates = work.scratch("final gradient", rows: pack.pack.count, columns: hidden)
            dStates.fill(0)
            for (start, item) in zip(pack.pack.starts, pack.items) {
                inputs[item].poolGradient(pooledGradient, row: item, pooling, into: dStates, from: start)
            }
            self.decoder.backward(pack.pack, tape, gradient: dStates, work)
        }
        decoder.dense?.addWeightGradient(gradient, pooled: pooled, to: lanes[0])
        return loss
    }

    // MARK: Packs and lanes

    /// A pack and the numbers of the sequences in it.
    private struct NumberedPack: Sendable {
        let pack: Pack
        let items: [Int]
    }

    private static func packs(_ sequences: [[Int32]]) -> [NumberedPack] {
        var packs: [NumberedPack] = []
        var items: [Int] = []
        var (row, first, count) = (0, 0, 0)
        func close() {
            guard !items.isEmpty else { return }
            packs.append(NumberedPack(pack: Pack(items.map { sequences[$0] }, firstRow: first), items: items))
            items = []
            first = row
            count = 0
        }
        for (item, sequence) in sequences.enumerated() {
            if count + sequence.count > tokensPerPack { close() }
            items.append(item)
            count += sequence.count
            row += sequence.count
        }
        close()
        return packs
    }

    private func reset(lanes count: Int) {
        while lanes.count < count {
            lanes.append(AlignedBuffer(repeating: 0, count: decoder.layout.count))
        }
        let lanes = lanes
        Processor.parallel(count, threads: options.threads) { lanes[$0].fill(0) }
    }

    /// Runs `body` for every pack, and adds the lanes up.
    private func run(
        _ packs: [NumberedPack], step: Int?, clears: Bool = true,
        _ body: @escaping (Int, NumberedPack, Workspace, PassTape) -> Void
    ) {
        let count = min(maximumLanes, packs.count)
        if clears || lanes.count < count { reset(lanes: count) }
        let job = Job(
            packs: packs, count: count, step: step, decoder: decoder, lanes: lanes, pool: pool,
            options: options,
            body: body)
        Processor.parallel(count, threads: options.threads) { job.run(lane: $0) }
        guard step != nil else { return }
        let summed = lanes[..<max(1, count)]
        Processor.parallel(pieces: 0..<summed[0].count, threads: options.threads) { range in
            for lane in summed.dropFirst() { GradientKernels.add(lane, to: summed[0], range: range) }
        }
    }

    /// What the threads of one `run` share. Lanes do not touch each other's gradients, tapes or vectors.
    private final class Job: @unchecked Sendable {
        let packs: [NumberedPack]
        let count: Int
        let step: Int?
        let decoder: TrainableDecoder
        let lanes: [AlignedBuffer<Float>]
        let pool: WorkspacePool
        let options: Options
        let body: (Int, NumberedPack, Workspace, PassTape) -> Void

        init(
            packs: [NumberedPack], count: Int, step: Int?, decoder: TrainableDecoder,
            lanes: [AlignedBuffer<Float>], pool: WorkspacePool, options: Options,
            body: @escaping (Int, NumberedPack, Workspace, PassTape) -> Void
        ) {
            self.packs = packs
            self.count = count
            self.step = step
            self.decoder = decoder
            self.lanes = lanes
            self.pool = pool
            self.options = options
            self.body = body
        }

        func run(lane: Int) {
            let (work, tape) = pool.take {
                (
                    decoder.workspace(gradient: lanes[lane]),
                    PassTape(layers: decoder.shape.layers, recomputes: options.savesMemory)
                )
            }
            work.gradient = lanes[lane]
            work.isTraining = step != nil
            for index in stride(from: lane, to: packs.count, by: count) {
                work.begin(packs[index].pack, key: options.seed, step: step ?? 0)
                body(index, packs[index], work, tape)
            }
            pool.give(work, tape)
        }
    }

    /// Workspaces that no thread uses at the moment.
    private final class WorkspacePool: @unchecked Sendable {
        private let lock = NSLock()
        private var free: [(Workspace, PassTape)] = []

        func take(_ make: () -> (Workspace, PassTape)) -> (Workspace, PassTape) {
            lock.withLock { free.popLast() } ?? make()
        }

        func give(_ work: Workspace, _ tape: PassTape) { lock.withLock { free.append((work, tape)) } }
    }

    /// A number for each pack, set by several threads and summed in order.
    private final class Losses: @unchecked Sendable {
        private let lock = NSLock()
        private var values: [Double]

        init(count: Int) { values = Array(repeating: 0, count: count) }

        subscript(index: Int) -> Double {
            get { lock.withLock { values[index] } }
            set { lock.withLock { values[index] = newValue } }
        }

        var sum: Double { lock.withLock { values.reduce(0, +) } }
    }
}
