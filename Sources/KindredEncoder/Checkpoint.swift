import Foundation
import KindredSystem
import KindredTensors
import KindredTokenizers
import SystemPackage

/// A model as others publish it: a directory in Hugging Face's layout (`config.json`, `model.safetensors` or shards, a
/// tokenizer), or one GGUF file that holds all of these.
package enum Checkpoint: Sendable {
    case directory(FilePath)
    case gguf(GGUFCheckpoint)

    /// - Throws: `notFound`; `invalidData` for a file that is no GGUF file.
    package init(_ path: FilePath) throws {
        if Self.isFile(path) {
            self = .gguf(try GGUFCheckpoint(path))
        } else {
            self = .directory(path)
        }
    }

    /// Whether a path names a single file, which can only be a GGUF file.
    static func isFile(_ path: FilePath) -> Bool { ![.directory, .missing].contains(FileKind(path.string)) }

    /// The directory or the file.
    package var path: FilePath {
        switch self {
        case .directory(let path): path
        case .gguf(let file): file.path
        }
    }

    /// What `config.json` holds, or would.
    /// - Throws: `notFound`, `invalidData`.
    package func configuration() throws -> [String: Any] {
        switch self {
        case .directory(let path): try JSONFile.object(path.appending("config.json"))
        case .gguf(let file): file.configuration
        }
    }

    /// Where the configuration stands, for errors.
    package var configurationPath: FilePath {
        switch self {
        case .directory(let path): path.appending("config.json")
        case .gguf(let file): file.path
        }
    }

    /// How the model is used as an encoder, where a GGUF file says so.
    /// - Throws: `invalidData`.
    func usage() throws -> EncoderConfiguration? {
        switch self {
        case .directory: nil
        case .gguf(let file): try file.usage()
        }
    }

    /// - Throws: as `TensorFile(directory:)`.
    package func weights(_ shape: DecoderConfiguration) throws -> TensorFile {
        switch self {
        case .directory(let path): try TensorFile(directory: path)
        case .gguf(let file): try file.weights(shape)
        }
    }

    /// The names of tensors and how their matrices lie.
    func tensorNames(_ shape: DecoderConfiguration) -> TensorNames {
        var names = shape.tensorNames
        if case .gguf = self {
            // The converter turned every matrix to output × input, queries above keys above values.
            names.layout = .linear
            names.queryKeyValueLayout = nil
        }
        return names
    }

    /// What errors about the tokenizer name.
    package var tokenizerPath: FilePath {
        switch self {
        case .directory(let path): TokenizerSource.file(in: path)
        case .gguf(let file): file.path
        }
    }

    /// - Throws: `notFound`; `invalidData` naming what is not supported.
    package func tokenizer() throws -> Tokenizer {
        try Tokenizer(json: tokenizerJSON(), path: tokenizerPath)
    }

    /// The bytes of `tokenizer.json`, or what it would hold.
    package func tokenizerJSON() throws -> [UInt8] {
        switch self {
        case .directory(let path):
            return try TokenizerSource.json(TokenizerSource.file(in: path))
        case .gguf(let file): return try file.tokenizerJSON()
        }
    }
}
