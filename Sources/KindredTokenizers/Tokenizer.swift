import Foundation
import KindredSystem
import SystemPackage

/// Text → token ids by a Hugging Face `tokenizer.json`, with the results of the `tokenizers` library
/// (github.com/huggingface/tokenizers).
///
/// Supported are the models BPE, Unigram, WordPiece and WordLevel; the normalizers, pre-tokenizers and post-processors that
/// published checkpoints use; added tokens. What is not is refused by name: ids that are nearly right are worse than none.
///
/// A vocabulary may lack tokens for some of the 256 bytes, as SmolLM2's does. Such a byte becomes the model's
/// "unk_token"; without one it is dropped, and the symbols on both sides of it are neighbours that may be merged. Both
/// are what `tokenizers` does.
package final class Tokenizer: Sendable {
    /// Tokens, the added ones included: one more than the largest id.
    package let vocabularySize: Int

    private let ids: [[UInt8]: Int32]
    private let tokens: [Int32: [UInt8]]
    private let model: Model
    private let preTokenizer: PreTokenizer
    private let normalizers: [Normalizer]
    private let addedTokens: AddedTokens
    private let prefix: [Int32]
    private let suffix: [Int32]

    private enum Model: Sendable {
        /// Byte-pair encoding of bytes: what most decoders have, and the quickest.
        case bytes(ByteSymbols, BytePairMerges, ignoresMerges: Bool)
        case words(WordModel)
    }

    /// - Parameter path: a file that `TokenizerSource` reads.
    /// - Throws: `notFound`; `invalidData` for a file that is malformed or uses what is not supported, which is named.
    package convenience init(path: FilePath) throws {
        try self.init(json: TokenizerSource.json(path), path: path)
    }

    /// - Parameters:
    ///   - bytes: what a `tokenizer.json` holds.
    ///   - path: what errors name.
    /// - Throws: as `init(path:)`.
    package init(json bytes: [UInt8], path: FilePath) throws {
        let json = try JSONBytes(parsing: bytes, path: path.string)
        let parts = TokenizerFile(json: json, path: path)
        let vocabulary = try parts.vocabulary()
        let added = try parts.addedTokens()
        var ids = vocabulary
        for token in added { ids[token.content] = token.id }
        self.ids = ids
        let normalizers = try parts.normalizers()
        self.normalizers = normalizers
        let found = added.map { token in
            // Such a token is normalised like the text that it is looked for in, and is that text when it is decoded
            // (added_vocabulary.rs, `refresh_added_tokens`).
            token.isNormalized ? token.with(content: normalizers.normalized(token.content)) : token
        }
        addedTokens = AddedTokens(found)
        var tokens = Dictionary(ids.map { ($0.value, $0.key) }, uniquingKeysWith: { first, _ in first })
        for token in found { tokens[token.id] = token.content }
        self.tokens = tokens
        vocabularySize = Int(tokens.keys.max() ?? -1) + 1
        preTokenizer = try parts.preTokenizer()
        if preTokenizer.isByteLevel {
            model = .bytes(
                try parts.byteSymbols(vocabulary), BytePairMerges(try parts.merges(vocabulary)),
                ignoresMerges: json["model"]?["ignore_merges"]?.bool ?? false)
        } else {
            model = .words(try parts.wordModel(vocabulary))
        }
        (prefix, suffix) = try parts.template(ids)
    }

    /// The ids that the file's template puts before and after a text.
    package var template: (prefix: [Int32], suffix: [Int32]) { (prefix, suffix) }

    /// Whether a space is put before texts, which transformers must be told beside the file ("add_prefix_space" of
    /// `tokenizer_config.json`).
    package var addsPrefixSpace: Bool { preTokenizer.isByteLevel && preTokenizer.addsPrefixSpace }

    package func tokenID(_ token: String) -> Int32? { ids[Array(token.utf8)] }

    package func token(_ id: Int32) -> String? { tokens[id].map { String(decoding: $0, as: UTF8.self) } }

    /// The ids of `text`, between those that the file's template adds.
    package func encode(_ text: String, addSpecialTokens: Bool = true) -> [Int32] {
        var result = addSpecialTokens ? prefix : []
        let bytes = Array(text.utf8)
        for piece in addedTokens.split(bytes, normalized: false) {
            switch piece {
            case .token(let id): result.append(id)
            case .text(let text): encode(normalizing: text, isStart: text.startIndex == 0, into: &result)
            }
        }
        if addSpecialTokens { result += suffix }
        return result
    }

    /// The text of `ids`; bytes that are no UTF-8 become U+FFFD. Tokens that are not of bytes stand as the vocabulary has
    /// them, one after the other.
    package func decode(_ ids: [Int32], skipSpecialTokens: Bool = true) -> String {
        var bytes: [UInt8] = []
        for id in ids {
            guard let token = tokens[id] else { continue }
            if let special = addedTokens.isSpecial(id) {
                if !(special && skipSpecialTokens) { bytes += token }
            } else if case .bytes = model {
                bytes += ByteAlphabet.bytes(of: token)
            } else {
                bytes += token
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private func encode(normalizing bytes: ArraySlice<UInt8>, isStart: Bool, into result: inout [Int32]) {
        guard !bytes.isEmpty else { return }
        let bytes = normalizers.isEmpty ? bytes : normalizers.normalized(Array(bytes))[...]
        guard addedTokens.hasNormalized else { return encode(words: bytes, isStart: isStart, into: &result) }
        for piece in addedTokens.split(Array(bytes), normalized: true) {
            switch piece {
            case .token(let id): result.append(id)
            case .text(let text):
                encode(words: text, isStart: isStart && text.startIndex == 0, into: &result)
            }
        }
    }

    private func encode(words bytes: ArraySlice<UInt8>, isStart: Bool, into result: inout [Int32]) {
        switch model {
        case .words(let model):
            preTokenizer.forEachWord(in: bytes, isStart: isStart) { model.append($0, to: &result) }
        case .bytes(let byteSymbols, let merges, let ignoresMerges):
            var symbols: [Int32] = []
            preTokenizer.forEachWord(in: bytes, isStart: isStart) { word in
                if ignoresMerges, let whole = ids[ByteAlphabet.token(of: word)] {
                    result.append(whole)
                    return
                }
                symbols.removeAll(keepingCapacity: true)
                byteSymbols.append(word, to: &symbols)
                merges.apply(to: &symbols)
                result += symbols
            }
        }
    }
}
