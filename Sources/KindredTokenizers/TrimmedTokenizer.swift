import KindredSystem
import SystemPackage

/// A tokenizer file with some of its tokens, renumbered.
///
/// Kept are the tokens asked for, those that merges make on the way to them, the tokens of single bytes, added tokens, the
/// unknown token and those that the template adds. A text of which every token was asked for has the same tokens, by their
/// strings: merges are a part of what they were, and of every word's merges the next one is in that part.
package struct TrimmedTokenizer {
    /// The file, as JSON.
    package let bytes: [UInt8]
    /// The ids that are kept, in the order of their new numbers.
    package let kept: [Int32]

    /// - Parameters:
    ///   - path: a file that `Tokenizer` reads.
    ///   - wanted: ids of tokens.
    /// - Throws: as `Tokenizer(path:)`.
    package init(path: FilePath, keeping wanted: Set<Int32>) throws {
        let file = try MappedFile(path)
        try self.init(json: file.bytes(0..<file.count), path: path, keeping: wanted)
    }

    /// - Parameters:
    ///   - source: what a `tokenizer.json` that `Tokenizer` reads holds.
    ///   - path: what errors name.
    ///   - wanted: ids of tokens.
    /// - Throws: as `Tokenizer(path:)`.
    package init(json source: [UInt8], path: FilePath, keeping wanted: Set<Int32>) throws {
        let json = try JSONBytes(parsing: source, path: path.string)
        let parts = TokenizerFile(json: json, path: path)
        guard try parts.preTokenizer().isByteLevel else {
            throw parts.refused(
                "the model is a \(try parts.modelType()) whose words are not bytes: its tokens cannot be trimmed"
            )
        }
        let vocabulary = try parts.vocabulary()
        let added = try parts.addedTokens()
        let merges = try parts.merges(vocabulary)
        let (prefix, suffix) = try parts.template(
            vocabulary.merging(added.map { ($0.content, $0.id) }) { $1 })

        var keep = Set(added.map(\.id)).union(prefix).union(suffix)
        for scalar in ByteAlphabet.scalars {
            if let id = vocabulary[Array(String(Character(scalar)).utf8)] { keep.insert(id) }
        }
        if let unknown = json["model"]?["unk_token"]?.string, let id = vocabulary[Array(unknown.utf8)] {
            keep.insert(id)
        }
        let table = BytePairMerges(merges)
        for (token, id) in vocabulary where wanted.contains(id) {
            keep.insert(id)
            keep.formUnion(Self.steps(to: token, vocabulary, table))
        }
        let kept = keep.sorted()
        let numbers = Dictionary(uniqueKeysWithValues: kept.enumerated().map { ($1, $0) })
        self.kept = kept

        let tokens = vocabulary.compactMap { token, id in numbers[id].map { (key: token, value: $0) } }
            .sorted { $0.value < $1.value }
        let list = json["model"]?["merges"]?.array ?? []
        let keptMerges = zip(list, merges).filter { _, merge in
            [merge.left, merge.right, merge.result].allSatisfy { numbers[$0] != nil }
        }
        bytes =
            json
            .replacing("added_tokens") { value in
                .array(
                    (value.array ?? []).map { entry in
                        entry.replacing("id") { $0.renumbered(numbers) }
                    })
            }
            .replacing("model") { model in
                model.replacing("vocab") { _ in
                    .object(tokens.map { (key: $0.key, value: .number(Double($0.value))) })
                }.replacing("merges") { _ in .array(keptMerges.map(\.0)) }
            }
            .replacing("padding") { $0.replacing("pad_id") { $0.renumbered(numbers) } }
            .replacing("post_processor") { $0.renumberingTemplates(numbers) }
            .serialized
    }

    /// The tokens that merges make on the way from a token's bytes to the token; none where they do not lead there.
    private static func steps(
        to token: [UInt8], _ vocabulary: [[UInt8]: Int32], _ merges: BytePairMerges
    ) -> Set<Int32> {
        var symbols: [Int32] = []
        for scalar in String(decoding: token, as: UTF8.self).unicodeScalars {
            guard let id = vocabulary[Array(String(Character(scalar)).utf8)] else { return [] }
            symbols.append(id)
        }
        var made: Set<Int32> = []
        merges.scan(&symbols) { made.insert($0) }
        return symbols.count == 1 ? made : []
    }
}

extension JSONBytes {
    fileprivate func renumbered(_ numbers: [Int32: Int]) -> JSONBytes {
        tokenID.flatMap { numbers[$0] }.map { .number(Double($0)) } ?? self
    }

    /// A post-processor, or a sequence of them, whose templates name ids.
    fileprivate func renumberingTemplates(_ numbers: [Int32: Int]) -> JSONBytes {
        replacing("processors") { .array(($0.array ?? []).map { $0.renumberingTemplates(numbers) }) }
            .replacing("special_tokens") { tokens in
                guard case .object(let members) = tokens else { return tokens }
                return .object(
                    members.map { name, token in
                        (
                            name,
                            token.replacing("ids") { .array(($0.array ?? []).map { $0.renumbered(numbers) }) }
                        )
                    })
            }
    }
}
