import KindredSystem
import KindredTensors

/// Reads a decoder's parts from its tensors.
struct DecoderReader {
    private let model: ModelDirectory
    private let shape: DecoderConfiguration
    private let weights: TensorFile
    private let names: TensorNames
    private let precision: Precision
    /// Whether matrices stay as they are stored.
    private let keepsStored: Bool
    /// What was asked for, and what the stored tensors say.
    private(set) var plan: EightBitPlan
    private(set) var used: [StoredTensor] = []

    init(
        _ model: ModelDirectory, _ weights: TensorFile, names: TensorNames, precision: Precision,
        plan: EightBitPlan, keepsStored: Bool
    ) {
        self.model = model
        shape = model.shape
        self.weights = weights
        self.names = names
        self.precision = precision
        self.plan = plan
        self.keepsStored = keepsStored
    }

    /// Takes over what a copy has read since it was made.
    mutating func add(_ copy: DecoderReader, after start: DecoderReader) {
        used += copy.used[start.used.count...]
        plan.exactLayers.formUnion(copy.plan.exactLayers)
    }

    private mutating func tensor(_ name: String, _ shape: [Int]) throws -> StoredTensor {
        let own = try weights.tensor(name, shape: shape)
        used.append(own)
        if let scales = own.rowScales { used.append(scales.tensor) }
        return try model.replacement(of: name, shape: shape) ?? own
    }

    mutating func embedding() throws -> TokenEmbedding {
        let hidden = shape.hiddenSize
        let tokens = try tensor(names.embedding, [shape.vocabularySize, hidden])
        if weights.isQuantized { plan.hasExactEmbedding = tokens.precision != .i8 }
        var table: (StoredTensor, Int)?
        if case .learned(let offset) = shape.positions {
            table = (try tensor(names.positions, [shape.maximumPositions + offset, hidden]), offset)
        }
        var segment: AlignedBuffer<Float>?
        if shape.hasSegments, !names.segments.isEmpty {
            guard let stored = weights.find(names.segments), stored.shape.count == 2, stored.shape[0] > 0
            else {
                throw KindredError(
                    .invalidData, "has no tensor \"\(names.segments)\" with a row for each segment",
                    at: .init(path: weights.path.string))
            }
            let all = try tensor(names.segments, [stored.shape[0], hidden])
            let row = AlignedBuffer<Float>(repeating: 0, count: hidden)
            all.loadRow(0, into: row, from: 0)
            segment = row
        }
        return TokenEmbedding(
            tokens: tokens, positions: table, segment: segment,
            norm: shape.normalizesEmbeddings ? try norm(names.embeddingNorm) : nil)
    }

    /// - Parameter width: elements that are normed; nil: the hidden size.
    mutating func norm(_ name: String, width: Int? = nil) throws -> NormLayer {
        let width = width ?? shape.hiddenSize
        let weight = try tensor(name + ".weight", [width]).floats()
        if shape.block.norm == .rmsPlusOne {
            for index in 0..<width { weight[index] += 1 }
        }
        let bias = shape.block.norm == .layer ? try tensor(name + ".bias", [width]).floats() : nil
        return NormLayer(weight: weight, bias: bias, epsilon: shape.normEpsilon)
    }

    mutating func block(_ layer: Int) throws -> DecoderBlock {
        let prefix = "\(names.layers)\(layer)."
        let (queries, keys) = (shape.queryWidth, shape.keyValueWidth)
        let (hidden, middle) = (shape.hiddenSize, shape.intermediateSize)
        let isGated = shape.block.isGated
        let head = shape.headDimension
        let hasAfterNorms = shape.block.placement == .beforeAndAfter
        return DecoderBlock(
            layer: layer,
            attentionNorm: try norm(prefix + names.attentionNorm),
            afterAttentionNorm: hasAfterNorms ? try norm(prefix + names.afterAttentionNorm) : nil,
            queryKeyValue: try linear(
                layer, names.queryKeyValue,
                outputs: names.queryKeyValue.count == 1 ? [queries + 2 * keys] : [queries, keys, keys],
                inputs: hidden, bias: shape.hasAttentionBias,
                layout: names.queryKeyValueLayout ?? names.layout),
            queryNorm: shape.normalizesHeads ? try norm(prefix + names.queryNorm, width: head) : nil,
            keyNorm: shape.normalizesHeads ? try norm(prefix + names.keyNorm, width: head) : nil,
            output: try linear(
                layer, [names.output], outputs: [hidden], inputs: queries, bias: shape.hasOutputBias,
                layout: names.layout),
            feedForwardNorm: try norm(prefix + names.feedForwardNorm),
            afterFeedForwardNorm: hasAfterNorms ? try norm(prefix + names.afterFeedForwardNorm) : nil,
            gateUp: try linear(
                layer, names.gateUp,
                outputs: !isGated ? [middle] : names.gateUp.count == 1 ? [2 * middle] : [middle, middle],
                inputs: hidden, bias: shape.block.hasFeedForwardBias, layout: names.layout),
            down: try linear(
                layer, [names.down], outputs: [hidden], inputs: middle, bias: shape.block.hasFeedForwardBias,
                layout: names.layout))
    }

    /// Linear layers below one another, with the adapters merged in.
    private mutating func linear(
        _ layer: Int, _ modules: [String], outputs: [Int], inputs: Int, bias: Bool, layout: TensorNames.Layout
    ) throws -> LinearLayer {
        let paths = modules.map { "\(names.layers)\(layer).\($0)" }
        let isTransposed = layout == .transposed
        let parts = try zip(paths, outputs).map { path, output in
            try tensor(path + ".weight", isTransposed ? [inputs, output] : [output, inputs])
        }
        let rows = outputs.reduce(0, +)
        var biases: AlignedBuffer<Float>?
        if bias {
            let buffer = AlignedBuffer<Float>(repeating: 0, count: rows)
            var start = 0
            for (path, output) in zip(paths, outputs) {
                try tensor(path + ".bias", [output]).load(into: buffer, from: start)
                start += output
            }
            biases = layout == .byHead ? sorted(buffer, columns: 1) : buffer
        }
        if weights.isQuantized, parts.contains(where: { $0.precision != .i8 }) {
            plan.exactLayers.insert(layer)
        }
        let adapters = model.adapters
        if keepsStored, layout == .linear {
            let stored = LinearWeights.StoredRows(rows: rows, columns: inputs) { range, buffer in
                var first = 0
                for (part, module) in zip(parts, paths) {
                    let own = range.clamped(to: first..<first + part.shape[0])
                    if !own.isEmpty {
                        let place = (own.lowerBound - range.lowerBound) * inputs
                        let rows = own.lowerBound - first..<own.upperBound - first
                        part.load(rows: rows, into: buffer, from: place)
                        let matrix = MatrixView(buffer, offset: place, rows: rows.count, columns: inputs)
                        for adapter in adapters { adapter.merge(module, rows: rows, into: matrix) }
                    }
                    first += part.shape[0]
                }
            }
            return LinearLayer(weights: LinearWeights(stored), bias: biases)
        }
        var buffer = AlignedBuffer<Float>(repeating: 0, count: rows * inputs)
        var start = 0
        for part in parts {
            part.load(into: buffer, from: start * inputs)
            start += part.count / inputs
        }
        if isTransposed {
            let turned = AlignedBuffer<Float>(repeating: 0, count: rows * inputs)
            MatrixView(turned, rows: rows, columns: inputs).addTransposed(
                MatrixView(buffer, rows: inputs, columns: rows))
            buffer = turned
        }
        start = 0
        for (path, output) in zip(paths, outputs) {
            let matrix = MatrixView(buffer, offset: start * inputs, rows: output, columns: inputs)
            for adapter in adapters { adapter.merge(path, into: matrix) }
            start += output
        }
        if layout == .byHead { buffer = sorted(buffer, columns: inputs) }
        let isExact = precision == .int8 && plan.exactLayers.contains(layer)
        return LinearLayer(
            weights: LinearWeights(
                Matrix(rows: rows, columns: inputs, elements: buffer),
                precision: isExact ? .float32 : precision),
            bias: biases)
    }

    /// Rows in which each head's query, key and value stand together, as all queries, all keys, all values.
    private func sorted(_ buffer: AlignedBuffer<Float>, columns: Int) -> AlignedBuffer<Float> {
        let (heads, size) = (shape.attentionHeads, shape.headDimension * columns)
        let result = AlignedBuffer<Float>(repeating: 0, count: buffer.count)
        for head in 0..<heads {
            for part in 0..<3 {
                let start = (head * 3 + part) * size
                result.copy(buffer, from: start..<start + size, at: (part * heads + head) * size)
            }
        }
        return result
    }

    /// - Throws: `invalidData` for a tensor of a block that this decoder does not compute with. Tables that some files have,
    ///   of rotary positions and masks, are computed.
    func checkUnused() throws {
        let known = Set(used.map(\.name))
        try model.checkReplacements(Set(known.map(TensorFile.bareName)))
        for name in weights.tensors.keys.sorted() where !known.contains(name) {
            let bare = TensorFile.bareName(name)
            guard bare.hasPrefix(names.layers) else { continue }
            let parts = bare.dropFirst(names.layers.count).split(separator: ".", maxSplits: 1)
            guard parts.count == 2, let layer = Int(parts[0]), layer < shape.layers,
                !names.ignored.contains(String(parts[1]))
            else { continue }
            throw KindredError(
                .invalidData, "the tensor \"\(name.prefix(120))\" is not one that this kind of decoder has",
                at: .init(path: weights.path.string))
        }
    }
}

extension DecoderConfiguration {
    /// Numbers in the linear layers of all blocks.
    var linearParameters: Int {
        let perLayer =
            hiddenSize * (2 * queryWidth + 2 * keyValueWidth) + (block.isGated ? 3 : 2) * hiddenSize
            * intermediateSize
        return layers * perLayer
    }
}
