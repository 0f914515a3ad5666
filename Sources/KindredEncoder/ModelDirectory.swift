import Crypto
import Foundation
import KindredSystem
import KindredTensors
import SystemPackage

/// What a model directory is made of: a base decoder, the adapters on it, and how it is used.
///
/// A directory is either a whole model or a PEFT adapter whose `base_model_name_or_path` names another directory, which
/// may be an adapter in turn: SimCSE's on MNTP's on the base. Where the adapter's `llm2vec_config.json` has a
/// "base_sha256", as those trained here do, another base of the same shape is not taken for its own.
package struct ModelDirectory: Sendable {
    package let path: FilePath
    /// The directory that holds `model.safetensors`, or a GGUF file.
    package let base: FilePath
    /// What the base is made of.
    package let checkpoint: Checkpoint
    /// In the order in which they are merged.
    package let adapters: [Adapter]
    package private(set) var shape: DecoderConfiguration
    /// From the nearest directory that has `llm2vec_config.json`, or `modules.json` and no such file; the defaults where none
    /// has. May be changed before the model is opened.
    package var usage: EncoderConfiguration
    /// The linear map after pooling, from the nearest directory that says whether there is one; nil: none.
    package let dense: Dense?

    /// Adapters on adapters, at most.
    private static let deepest = 16

    /// - Parameter stacked: adapters that go onto the model in this order, whatever base they name: those that LLM2Vec's
    ///   authors published name the first base, although SimCSE's belong on MNTP's.
    /// - Throws: `notFound` for a missing directory or file; `invalidData` naming the file and field, or the module of an
    ///   adapter that does not fit its base; `incompatible` for an adapter that was trained on another base.
    package init(_ path: FilePath, stacked: [FilePath] = []) throws {
        self.path = path
        var chain: [FilePath] = []
        var current = path
        while true {
            guard FileKind(current.string) != .missing else {
                guard let adapter = chain.last else {
                    throw KindredError(
                        .notFound,
                        "no such model directory; name one that holds config.json, model.safetensors and "
                            + "tokenizer.json, or a GGUF file", at: .init(path: current.string))
                }
                throw KindredError(
                    .notFound,
                    "is not there, and the adapter \(adapter) was trained on it; write where it is into "
                        + "\"base_model_name_or_path\" of \(adapter.appending(Adapter.configurationFile)), or merge the two with "
                        + "'kindred model merge BASE --adapter \(adapter) --out DIRECTORY'",
                    at: .init(path: current.string))
            }
            chain.append(current)
            guard !Checkpoint.isFile(current), Adapter.isAdapter(current),
                !FileManager.default.fileExists(atPath: current.appending("model.safetensors").string)
            else { break }
            let configuration = current.appending(Adapter.configurationFile)
            guard
                let named = try JSONFile.object(configuration)["base_model_name_or_path"] as? String,
                !named.isEmpty, chain.count < Self.deepest
            else {
                throw KindredError(
                    .invalidData,
                    "\"base_model_name_or_path\" names no base, or the bases go round in a circle",
                    at: .init(path: configuration.string))
            }
            current = try ModelReference.path(
                of: named, from: current, isChecked: Self.wantedBase(of: current) != nil)
        }
        base = current
        checkpoint = try Checkpoint(current)
        let configuration = try checkpoint.configuration()
        shape = try DecoderConfiguration(configuration, path: checkpoint.configurationPath)
        for adapter in stacked {
            guard Adapter.isAdapter(adapter) else {
                throw KindredError(
                    .notFound, "holds no adapter; name a directory with \(Adapter.configurationFile)",
                    at: .init(path: adapter.string))
            }
        }
        chain = stacked.reversed() + chain
        let shape = shape
        adapters = try chain.dropLast().reversed().map { try Adapter(directory: $0, for: shape) }
        var modules: ModuleList?
        var usage: EncoderConfiguration?
        // What modules.json says leaves attention to the decoder.
        var fromModules: EncoderConfiguration?
        for directory in chain {
            let path = directory.appending(EncoderConfiguration.file)
            let own = Checkpoint.isFile(directory) ? nil : try ModuleList(directory: directory)
            if usage == nil, fromModules == nil {
                if FileManager.default.fileExists(atPath: path.string) {
                    let described = try EncoderConfiguration(path: path)
                    try own?.check(against: described)
                    usage = described
                } else {
                    fromModules = try own?.usage()
                }
            }
            modules = modules ?? own
        }
        var prompts: EncoderConfiguration.Prompts?
        for directory in chain where prompts == nil && !Checkpoint.isFile(directory) {
            prompts = try SentenceTransformersFiles.prompts(of: directory)
        }
        var unsaid = try fromModules ?? checkpoint.usage() ?? EncoderConfiguration()
        if shape.isBidirectional { unsaid.attention = .bidirectional }
        var known = usage ?? unsaid
        if let prompts { known.prompts = prompts }
        if usage != nil, known.wrapping == nil {
            let bases = adapters.reversed().map(\.base) + [configuration["_name_or_path"] as? String ?? ""]
            known.wrapping = bases.lazy.compactMap(ChatWrapping.published).first
        }
        self.usage = known
        dense = try modules?.dense.map { try Dense(directory: $0, inputs: shape.hiddenSize) }
        if !Checkpoint.isFile(current) { try Self.checkTokenizer(current) }
        try checkBases(of: chain.dropLast())
    }

    /// The model as if it had only its first layers, with adapters' changes of these; with none it is the tokens' vectors as
    /// they are.
    package func keeping(layers: Int) -> ModelDirectory {
        precondition((0...shape.layers).contains(layers))
        var kept = self
        kept.shape.keep(layers: layers)
        if layers == 0 { kept.shape.hasFinalNorm = false }
        return kept
    }

    /// What the last adapter that has one puts in place of a tensor of the base.
    ///
    /// - Parameter name: in the model without its head.
    /// - Throws: `invalidData` for one of another shape.
    package func replacement(of name: String, shape: [Int]) throws -> StoredTensor? {
        guard let adapter = adapters.last(where: { $0.replacements[name] != nil }),
            let tensor = adapter.replacements[name]
        else { return nil }
        guard tensor.shape == shape, tensor.precision != .i8 else {
            throw KindredError(
                .invalidData,
                "is for another base: its \"\(name)\" has the shape \(tensor.shape), and the base wants \(shape)",
                at: .init(path: adapter.directory.string))
        }
        return tensor
    }

    /// - Parameter known: the names of the base's tensors, in the model without its head.
    /// - Throws: `invalidData` for an adapter with a tensor in place of none.
    package func checkReplacements(_ known: Set<String>) throws {
        for adapter in adapters {
            let unknown = adapter.replacements.keys.filter { name in
                !known.contains(name) && !Adapter.heads.contains { name.hasPrefix($0) }
            }
            guard let first = unknown.min() else { continue }
            throw KindredError(
                .invalidData,
                "is for another base: the base has no tensor that \"\(first.prefix(120))\" could take the place of",
                at: .init(path: adapter.directory.string))
        }
    }

    /// Hex SHA-256 of the base's tensors, by name, of its tokenizer, and of its linear map, if it has one of its own.
    package func baseDigest() throws -> String {
        var digest = SHA256()
        for (name, tensor) in try checkpoint.weights(shape).tensors.sorted(by: { $0.key < $1.key }) {
            digest.update(name, tensor)
        }
        digest.update(data: Data(try checkpoint.tokenizerJSON()))
        if !Checkpoint.isFile(base), let own = try ModuleList(directory: base)?.dense {
            let dense = try Dense(directory: own, inputs: shape.hiddenSize)
            for tensor in [dense.weight, dense.bias].compactMap({ $0 }) {
                digest.update(tensor.name, tensor)
            }
        }
        return digest.finalize().hex
    }

    /// - Throws: `invalidData` for a tokenizer that cuts texts at their start.
    private static func checkTokenizer(_ base: FilePath) throws {
        let path = base.appending("tokenizer_config.json")
        guard FileManager.default.fileExists(atPath: path.string) else { return }
        if try JSONFile.object(path)["truncation_side"] as? String == "left" {
            throw KindredError(
                .invalidData,
                "\"truncation_side\": \"left\" is not supported; Kindred cuts texts at their end",
                at: .init(path: path.string))
        }
    }

    /// The digest of the base that an adapter was trained on; nil where it does not say.
    private static func wantedBase(of adapter: FilePath) throws -> String? {
        let file = adapter.appending(EncoderConfiguration.file)
        guard FileManager.default.fileExists(atPath: file.string) else { return nil }
        return try JSONFile.object(file)[baseDigestField] as? String
    }

    private func checkBases(of adapters: ArraySlice<FilePath>) throws {
        var now: String?
        for adapter in adapters {
            guard let wanted = try Self.wantedBase(of: adapter) else { continue }
            let found = try now ?? baseDigest()
            now = found
            guard wanted == found else {
                throw KindredError(
                    .incompatible,
                    "was trained on the model \(wanted.prefix(12)), and \(base) is now \(found.prefix(12)); put that model "
                        + "back, or train the adapter again", at: .init(path: adapter.string))
            }
        }
    }

    /// Of an adapter's `llm2vec_config.json`.
    package static let baseDigestField = "base_sha256"

    /// Elements of a text's vector.
    package var dimensions: Int { dense?.shape.outputs ?? shape.hiddenSize }

    /// Tokens of a sequence, at most.
    package var maximumTokens: Int { min(usage.maximumTokens, shape.maximumPositions) }
}
