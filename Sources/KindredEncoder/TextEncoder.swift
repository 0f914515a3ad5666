import Crypto
import Foundation
import KindredSystem
import KindredTensors
import KindredTokenizers
import Synchronization
import SystemPackage

/// Texts → unit vectors, by a decoder used as an encoder (BehnamGhader et al. 2024, §2).
package final class TextEncoder: Sendable {
    package let configuration: EncoderConfiguration
    package let decoderConfiguration: DecoderConfiguration
    /// Length of a vector.
    package var dimensions: Int { dense?.shape.outputs ?? hiddenSize }
    /// Length of a token's hidden state.
    package var hiddenSize: Int { decoderConfiguration.hiddenSize }
    /// Tokens of a text that are encoded, at most; more are cut off.
    package let maximumTokens: Int
    /// How linear layers are computed.
    package var precision: Precision { decoder.precision }
    /// Hex SHA-256 of what decides the vectors: weights, precision, tokenizer, shape, pooling, the linear map
    /// after it, attention, length.
    ///
    /// Computed when it is first asked for: hashing the weights of a large model takes longer than opening it.
    package var fingerprint: Fingerprint { knownFingerprint.withLock { $0.value } }

    private let knownFingerprint: Mutex<LazyFingerprint>

    private struct LazyFingerprint {
        private var known: Fingerprint?
        private let compute: @Sendable () -> Fingerprint

        init(_ compute: @escaping @Sendable () -> Fingerprint) { self.compute = compute }

        var value: Fingerprint {
            mutating get {
                let value = known ?? compute()
                known = value
                return value
            }
        }
    }

    private let tokenizer: Tokenizer
    private let decoder: Decoder
    private let dense: Dense?
    /// Tokens of a pack: enough for matrix products to run at full speed, few enough for a block's values to stay in the
    /// nearer caches.
    package static let tokensPerPack = 512

    /// Opens a directory in Hugging Face's layout: `config.json`, `model.safetensors` (or shards), `tokenizer.json`,
    /// `llm2vec_config.json`; or a PEFT adapter on such a directory.
    /// - Parameter precision: of the linear layers; nil: 8 bits where the weights are stored so, else 32.
    /// - Throws: `notFound` for a missing directory or file; `invalidData` naming the file and field or tensor.
    package convenience init(directory: FilePath, precision: Precision? = nil) throws {
        try self.init(ModelDirectory(directory), precision: precision)
    }

    /// Opens a model that may be used otherwise than its directory says.
    /// - Throws: as `init(directory:precision:)`.
    package init(_ model: ModelDirectory, precision: Precision? = nil) throws {
        let shape = model.shape
        let usage = model.usage
        guard !shape.isEncoder || usage.attention == .bidirectional else {
            throw KindredError(
                .incompatible,
                "is an encoder of the type \"\(shape.family.rawValue)\", which attends both ways and cannot be causal",
                at: .init(path: model.path.string))
        }
        let tokenizerJSON = try model.checkpoint.tokenizerJSON()
        let (tokenizer, openedDecoder) = try Self.parts(model, tokenizerJSON, precision)
        guard tokenizer.vocabularySize <= shape.vocabularySize else {
            throw KindredError(
                .invalidData,
                "has ids up to \(tokenizer.vocabularySize - 1), and the model embeds \(shape.vocabularySize) tokens; "
                    + "they do not belong together", at: .init(path: model.checkpoint.tokenizerPath.string))
        }
        decoder = try openedDecoder?.get() ?? Self.decoder(model, tokenizer: tokenizer, precision: precision)
        let decoder = decoder
        let keepsEnd = !tokenizer.template.suffix.isEmpty
        let model = model
        knownFingerprint = Mutex(
            LazyFingerprint {
                Self.fingerprint(
                    tensors: decoder.tensors, precision: decoder.precision, plan: decoder.planFingerprint,
                    tokenizer: tokenizerJSON, keepsEnd: keepsEnd, model: model)
            })
        dense = model.dense
        configuration = usage
        decoderConfiguration = shape
        maximumTokens = model.maximumTokens
        self.tokenizer = tokenizer
    }

    /// The tokenizer, and the decoder, which is opened at the same time where it needs no tokenizer; nil where it does.
    private static func parts(
        _ model: ModelDirectory, _ tokenizerJSON: [UInt8], _ precision: Precision?
    ) throws -> (Tokenizer, Result<Decoder, any Error>?) {
        let path = model.checkpoint.tokenizerPath
        guard precision != .int8 else { return (try Tokenizer(json: tokenizerJSON, path: path), nil) }
        let tokenizer = Mutex<Result<Tokenizer, any Error>?>(nil)
        let decoder = Mutex<Result<Decoder, any Error>?>(nil)
        Processor.parallel(2) { part in
            if part == 0 {
                let result = Result { try Tokenizer(json: tokenizerJSON, path: path) }
                tokenizer.withLock { $0 = result }
            } else {
                let result = Result { try Decoder(model, precision: precision) }
                decoder.withLock { $0 = result }
            }
        }
        return (try tokenizer.withLock { $0! }.get(), decoder.withLock { $0 })
    }

    /// With 8 bits, what is computed otherwise.
    package var eightBitPlan: EightBitPlan { decoder.plan }
    /// How linear layers are computed, for people: "fp32", "int8, layers 0–8 in floats".
    package var precisionLabel: String { precision == .int8 ? eightBitPlan.label : precision.rawValue }

    /// The decoder; with 8 bits for weights that are not stored so, by a plan that is searched for.
    private static func decoder(
        _ model: ModelDirectory, tokenizer: Tokenizer, precision: Precision?
    ) throws -> Decoder {
        guard precision == .int8, try !model.checkpoint.weights(model.shape).isQuantized else {
            return try Decoder(model, precision: precision)
        }
        return try Decoder(model, precision: .int8, plan: eightBitPlan(model, tokenizer: tokenizer))
    }

    /// What of a model is computed in floats with 8 bits.
    /// - Throws: as `init(_:precision:)`.
    package static func eightBitPlan(of model: ModelDirectory) throws -> EightBitPlan {
        try eightBitPlan(model, tokenizer: model.checkpoint.tokenizer())
    }

    private static func eightBitPlan(_ model: ModelDirectory, tokenizer: Tokenizer) throws -> EightBitPlan {
        func inputs(_ texts: [String], perPack count: Int) -> [[EncoderInput]] {
            stride(from: 0, to: texts.count, by: count).map { start in
                texts[start..<min(start + count, texts.count)].map {
                    EncoderInput(
                        $0, instruction: "", tokenizer: tokenizer, usage: model.usage, shape: model.shape,
                        maximumTokens: model.maximumTokens)
                }
            }
        }
        return try EightBitCalibration(
            model, short: inputs(CalibrationTexts.short, perPack: 6),
            passages: inputs(CalibrationTexts.passages, perPack: 2),
            causal: model.usage.attention == .causal
        ) { inputs, states in
            pooled(states, inputs, by: model.usage.pooling, dense: model.dense)
        }.plan()
    }

    /// A text as the decoder sees it.
    package func input(for text: String, instruction: String = "") -> EncoderInput {
        EncoderInput(
            text, instruction: instruction, tokenizer: tokenizer, usage: configuration,
            shape: decoderConfiguration,
            maximumTokens: maximumTokens)
    }

    /// Tokens of `text`, without those that the template adds.
    package func tokenCount(_ text: String) -> Int { tokenizer.encode(text, addSpecialTokens: false).count }

    /// The unit vectors of `texts`, a row each, in order: texts × dimensions.
    ///
    /// - Parameters:
    ///   - instruction: put before every text; seen by attention but not pooled.
    ///   - threads: packs that are encoded at the same time.
    /// - Throws: `invalidData` where the weights give no finite vector.
    package func encode(
        _ texts: [String], instruction: String = "", threads: Int = Processor.count
    ) throws -> Matrix {
        let vectors = encode(
            inputs: texts.map { input(for: $0, instruction: instruction) }, threads: threads)
        for row in 0..<vectors.rows {
            guard vectors[row, 0].isFinite else {
                throw KindredError(
                    .invalidData,
                    "the model gives no finite vector for \"\(texts[row].prefix(60))\"; its weights are "
                        + "damaged")
            }
        }
        return vectors
    }

    /// The unit vectors of texts as the decoder sees them, a row each, in order. A row that is not finite comes from
    /// damaged weights.
    ///
    /// - Parameter threads: packs that are encoded at the same time.
    package func encode(inputs: [EncoderInput], threads: Int) -> Matrix {
        let packs = Self.packs(inputs.map(\.tokens.count))
        let vectors = Matrix(rows: inputs.count, columns: dimensions)
        Processor.parallel(packs.count, threads: threads) { pack in
            let chosen = packs[pack].map { inputs[$0] }
            let states = decoder.hiddenStates(
                chosen.map(\.tokens), causal: configuration.attention == .causal)
            let pooled = Self.pooled(states, chosen, by: configuration.pooling, dense: dense)
            for (row, index) in packs[pack].enumerated() {
                Self.scale(pooled, row: row, into: vectors, row: index)
            }
        }
        return vectors
    }

    /// The last hidden states of token sequences, after the final norm: a matrix of tokens × hidden for each.
    ///
    /// - Parameter threads: packs that are encoded at the same time.
    /// - Throws: `invalidRequest` for an empty or too long sequence or an id that the model does not embed.
    package func hiddenStates(
        _ sequences: [[Int32]], threads: Int = Processor.count
    ) throws -> [Matrix] {
        for sequence in sequences { try check(sequence) }
        let packs = Self.packs(sequences.map(\.count))
        let states = sequences.map { Matrix(rows: $0.count, columns: hiddenSize) }
        Processor.parallel(packs.count, threads: threads) { pack in
            let packed = decoder.hiddenStates(
                packs[pack].map { sequences[$0] }, causal: configuration.attention == .causal)
            var start = 0
            for index in packs[pack] {
                let own = states[index]
                for element in 0..<own.rows * own.columns {
                    own.elements[element] = packed.elements[start * own.columns + element]
                }
                start += own.rows
            }
        }
        return states
    }

    /// The states of one sequence by layer, with either attention: before the first block, after each, and after the final
    /// norm; layers + 2 matrices of tokens × hidden.
    ///
    /// - Throws: as `hiddenStates(_:threads:)`.
    package func statesByLayer(_ sequence: [Int32], attention: EncoderConfiguration.Attention) throws
        -> [Matrix]
    {
        try check(sequence)
        return decoder.statesByLayer(sequence, causal: attention == .causal)
    }

    private func check(_ sequence: [Int32]) throws {
        guard (1...maximumTokens).contains(sequence.count),
            sequence.allSatisfy({ $0 >= 0 && Int($0) < decoderConfiguration.vocabularySize })
        else {
            throw KindredError(.invalidRequest, "a sequence is empty, too long, or has an unknown token")
        }
    }

    /// The tokens of a text that is given word by word, between those that the template adds, and where each word's are;
    /// nil for a word that lies past the maximum length, wholly or in part.
    ///
    /// - Parameter words: each with the space before it, if there is one.
    package func input(forWords words: [String]) -> (tokens: [Int32], words: [Range<Int>?]) {
        let (prefix, suffix) = tokenizer.template
        var tokens = prefix
        var ranges: [Range<Int>?] = []
        for word in words {
            let start = tokens.count
            tokens += tokenizer.encode(word, addSpecialTokens: false)
            ranges.append(tokens.count <= maximumTokens ? start..<tokens.count : nil)
        }
        return (Array((tokens + suffix).prefix(maximumTokens)), ranges)
    }

    /// Indices of sequences in packs of at most `tokensPerPack` tokens (or one sequence), those of like length together.
    private static func packs(_ lengths: [Int]) -> [[Int]] {
        let order = lengths.indices.sorted { (lengths[$0], $0) > (lengths[$1], $1) }
        var packs: [[Int]] = []
        var room = 0
        for index in order {
            let count = lengths[index]
            if packs.isEmpty || count > room {
                packs.append([])
                room = tokensPerPack
            }
            packs[packs.count - 1].append(index)
            room -= count
        }
        return packs
    }

    /// The vectors of texts that were encoded together, not scaled to length 1: a row for each.
    ///
    /// - Parameter states: the texts' hidden states, one text after the other: tokens × hidden.
    private static func pooled(
        _ states: Matrix, _ inputs: [EncoderInput], by mode: EncoderConfiguration.Pooling, dense: Dense?
    ) -> Matrix {
        let hidden = states.columns
        let pooled = Matrix(rows: inputs.count, columns: hidden)
        var start = 0
        for (row, input) in inputs.enumerated() {
            let (positions, weights) = input.pooling(mode)
            // An array of its own: a matrix's elements are reached by a call each from this module.
            var sum = [Float](repeating: 0, count: hidden)
            for (position, weight) in zip(positions, weights) {
                let base = (start + position) * hidden
                for column in 0..<hidden { sum[column] += weight * states.elements[base + column] }
            }
            for column in 0..<hidden { pooled[row, column] = sum[column] }
            start += input.tokens.count
        }
        return dense?.apply(to: pooled) ?? pooled
    }

    /// Scales a row to length 1.
    private static func scale(_ pooled: Matrix, row: Int, into vectors: Matrix, row target: Int) {
        var square: Float = 0
        for column in 0..<pooled.columns { square += pooled[row, column] * pooled[row, column] }
        let length = square.squareRoot()
        // A length of zero divides to NaN, which `encode` reports.
        for column in 0..<pooled.columns { vectors[target, column] = pooled[row, column] / length }
    }

    private static func fingerprint(
        tensors: [StoredTensor], precision: Precision, plan: String, tokenizer: [UInt8],
        keepsEnd: Bool,
        model: ModelDirectory
    ) -> Fingerprint {
        let (shape, usage) = (model.shape, model.usage)
        var digest = SHA256()
        digest.update(
            data: Data(
                """
                kindred encoder 1
                \(shape.family.rawValue) \(shape.hiddenSize) \(shape.intermediateSize) \(shape.layers) \
                \(shape.attentionHeads) \(shape.keyValueHeads) \(shape.headDimension) \(shape.normEpsilon) \
                \(shape.rotaryBase) \(shape.rotaryScaling) \(shape.vocabularySize) \(shape.hasAttentionBias)
                \(usage.pooling.rawValue) \(usage.attention.rawValue) \(min(usage.maximumTokens, shape.maximumPositions)) unit

                """.utf8))
        // What was before there was a choice keeps its fingerprint.
        if precision != .float32 { digest.update(data: Data("\(precision.rawValue)\n".utf8)) }
        if !plan.isEmpty { digest.update(data: Data(plan.utf8)) }
        if keepsEnd { digest.update(data: Data("template kept whole\n".utf8)) }
        let exceptions = shape.exceptions(tokens: model.maximumTokens)
        if !exceptions.isEmpty { digest.update(data: Data("\(exceptions)\n".utf8)) }
        if !usage.exceptions.isEmpty { digest.update(data: Data("\(usage.exceptions)\n".utf8)) }
        for tensor in tensors.sorted(by: { $0.name < $1.name }) {
            let name = tensor.name.hasPrefix("model.") ? String(tensor.name.dropFirst(6)) : tensor.name
            digest.update(name, tensor)
        }
        digest.update(data: Data(tokenizer))
        for adapter in model.adapters {
            digest.update(data: Data("adapter \(adapter.configuration.scale)\n".utf8))
            for (module, change) in adapter.matrices.sorted(by: { $0.key < $1.key }) {
                digest.update(module, change.a)
                digest.update(module, change.b)
                if change.scale != adapter.configuration.scale {
                    digest.update(data: Data("scale \(change.scale)\n".utf8))
                }
                if let magnitude = change.magnitude { digest.update("\(module) magnitude", magnitude) }
            }
            for (name, tensor) in adapter.replacements.sorted(by: { $0.key < $1.key }) {
                digest.update("replaced \(name)", tensor)
            }
        }
        if let dense = model.dense {
            digest.update(data: Data("dense \(dense.shape.activation.rawValue)\n".utf8))
            for tensor in [dense.weight, dense.bias].compactMap({ $0 }) {
                digest.update(tensor.name, tensor)
            }
        }
        return Fingerprint(bytes: Array(digest.finalize()))!
    }
}

extension SHA256 {
    /// Takes a tensor: a name, its type and shape, and its bytes.
    mutating func update(_ name: String, _ tensor: StoredTensor) {
        update(data: Data("\(name) \(tensor.precision.rawValue) \(tensor.shape)\n".utf8))
        update(tensor.file, tensor.range)
    }

    /// Takes bytes of a file, a piece at a time.
    package mutating func update(_ file: MappedFile, _ range: Range<Int>) {
        var start = range.lowerBound
        while start < range.upperBound {
            let end = min(start + (1 << 20), range.upperBound)
            update(data: file.bytes(start..<end))
            start = end
        }
    }
}
