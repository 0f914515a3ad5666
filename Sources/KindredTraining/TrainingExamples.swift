import Crypto
import Foundation
import KindredEncoder
import KindredSystem
import KindredTokenizers

/// What a run trains on, in memory as tokens.
package enum TrainingExamples: Sendable {
    /// Tokens one after the other, cut into blocks of one length.
    case blocks(tokens: [Int32], length: Int)
    case sentences([EncoderInput])
    case pairs([Pair])
    /// Texts, and a row of vectors for each.
    case distillation([EncoderInput], TargetVectors)

    /// A query, the passage that answers it, and passages that do not.
    package struct Pair: Sendable {
        package let query: EncoderInput
        package let positive: EncoderInput
        package let negatives: [EncoderInput]
        /// A teacher's, of the positive and of each negative; all pairs have them, or none.
        package let scores: [Float]?

        package init(
            query: EncoderInput, positive: EncoderInput, negatives: [EncoderInput], scores: [Float]? = nil
        ) {
            self.query = query
            self.positive = positive
            self.negatives = negatives
            self.scores = scores
        }
    }

    package var count: Int {
        switch self {
        case .blocks(let tokens, let length): tokens.count / length
        case .sentences(let sentences): sentences.count
        case .pairs(let pairs): pairs.count
        case .distillation(let texts, _): texts.count
        }
    }

    /// Texts that were longer than there is room for and are trained on without their ends.
    package var cutTexts: Int {
        switch self {
        case .blocks: 0
        case .sentences(let texts), .distillation(let texts, _): texts.count(where: \.isCut)
        case .pairs(let pairs):
            pairs.reduce(0) { $0 + ([$1.query, $1.positive] + $1.negatives).count(where: \.isCut) }
        }
    }

    /// The tokens of block `index`.
    func block(_ index: Int) -> [Int32] {
        guard case .blocks(let tokens, let length) = self else { return [] }
        return Array(tokens[index * length..<(index + 1) * length])
    }

    /// Hex SHA-256 of all tokens and of what is pooled.
    package var fingerprint: String {
        var digest = SHA256()
        func add(_ tokens: [Int32]) {
            var bytes: [UInt8] = []
            bytes.reserveCapacity(4 * tokens.count + 8)
            for number in [Int32(truncatingIfNeeded: tokens.count)] + tokens {
                for shift in stride(from: 0, to: 32, by: 8) {
                    bytes.append(UInt8(truncatingIfNeeded: number >> shift))
                }
            }
            digest.update(data: bytes)
        }
        func add(_ input: EncoderInput) {
            add(input.tokens)
            add([Int32(input.ownTokens.lowerBound), Int32(input.ownTokens.upperBound)])
        }
        switch self {
        case .blocks(let tokens, let length):
            add([Int32(length)])
            for start in stride(from: 0, to: tokens.count, by: 1 << 16) {
                add(Array(tokens[start..<min(start + 1 << 16, tokens.count)]))
            }
        case .sentences(let sentences): sentences.forEach(add)
        case .pairs(let pairs):
            for pair in pairs {
                ([pair.query, pair.positive] + pair.negatives).forEach(add)
                if let scores = pair.scores { add(scores.map { Int32(bitPattern: $0.bitPattern) }) }
            }
        case .distillation(let texts, let targets):
            texts.forEach(add)
            digest.update(data: Data(targets.fingerprint.utf8))
        }
        return digest.finalize().hex
    }
}

/// Gathers documents until there are enough.
package struct ExampleCollector {
    private let model: ModelDirectory
    private let usage: EncoderConfiguration
    private let tokenizer: Tokenizer
    private let maximumTokens: Int
    /// Tokens that are kept in memory, at most.
    private let limit: Int
    private var tokens: [Int32] = []
    private var sentences: [EncoderInput] = []
    private var tokenCount = 0
    /// Documents that were taken, and sentences left out because they were too short or too long.
    package private(set) var documents = 0

    /// - Parameters:
    ///   - usage: how the result of the training will encode; inputs are made as it will see them.
    ///   - maximumTokens: of a sentence or a side of a pair; more are cut off.
    ///   - limit: tokens that are kept in memory; documents beyond are not read.
    /// - Throws: what the tokenizer's file throws.
    package init(_ model: ModelDirectory, usage: EncoderConfiguration, maximumTokens: Int, limit: Int) throws
    {
        self.model = model
        self.usage = usage
        tokenizer = try model.checkpoint.tokenizer()
        self.maximumTokens = min(maximumTokens, model.shape.maximumPositions)
        self.limit = limit
    }

    package var isFull: Bool { tokenCount >= limit }

    /// The id of a token that a text stands for as a whole.
    /// - Throws: `invalidRequest` where the text is not one token.
    package func token(_ text: String) throws -> Int32 {
        if let id = tokenizer.tokenID(text) { return id }
        let ids = tokenizer.encode(text, addSpecialTokens: false)
        guard ids.count == 1 else {
            throw KindredError(
                .invalidRequest,
                "\"\(text)\" is \(ids.count) tokens of this model; name one that is a single token")
        }
        return ids[0]
    }

    /// Adds a document's tokens, with those that the template adds.
    package mutating func takeBlocks(_ document: String) {
        let ids = tokenizer.encode(document)
        tokens += ids
        tokenCount += ids.count
        documents += 1
    }

    package mutating func takeSentences(_ texts: [String]) {
        for text in texts {
            let input = self.input(text)
            sentences.append(input)
            tokenCount += input.tokens.count
        }
        documents += 1
    }

    package func input(_ text: String, instruction: String = "") -> EncoderInput {
        EncoderInput(
            text, instruction: instruction, tokenizer: tokenizer, usage: usage, shape: model.shape,
            maximumTokens: maximumTokens)
    }

    /// - Throws: `invalidData` where there is less than one block.
    package func blocks(length: Int) throws -> TrainingExamples {
        guard tokens.count >= length else {
            throw KindredError(
                .invalidData,
                "the text has \(tokens.count) tokens, and one block has \(length); give more text or a shorter --length"
            )
        }
        return .blocks(tokens: tokens, length: length)
    }

    /// - Throws: `invalidData` where there are fewer than two sentences.
    package func sentenceExamples() throws -> TrainingExamples {
        guard sentences.count >= 2 else {
            throw KindredError(
                .invalidData, "the text has \(sentences.count) usable sentences; contrast needs two")
        }
        return .sentences(sentences)
    }
}
