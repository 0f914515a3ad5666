import Foundation
import KindredEncoder
import KindredStore
import KindredSystem
import SystemPackage

/// `encoder.json`: which model made an index's vectors and answers its queries.
package struct EncoderReference: Codable, Hashable, Sendable {
    package static let embeddedModel = ModelReference.embedded
    package static let currentFormat = 1

    /// Raised when an older Kindred would misread the file.
    package var format: Int
    /// "embedded", or the absolute path of a model directory. In the file it is the path from the index's directory, where
    /// the two have a directory in common.
    package var model: String
    /// Of what decides the model's vectors.
    package var fingerprint: Fingerprint
    package var dimensions: Int
    /// The encoder that a reindexing run switches to. It answers once the catalogue's live segments are its own: the
    /// catalogue's transaction is the switch, not this file.
    package var next: Next?

    package struct Next: Codable, Hashable, Sendable {
        package var model: String
        package var fingerprint: Fingerprint
        package var dimensions: Int
    }

    /// The reference of an index as it is now. This file is read before the catalogue, so that whichever state the
    /// catalogue is in, this file has its encoder.
    package static func current(of directory: IndexDirectory, _ catalog: Catalog) throws -> EncoderReference {
        var reference = try EncoderReference(reading: directory.encoder)
        let live = try catalog.segmentsAndDeletions().segments.first?.fingerprint
        if let next = reference.next, live == next.fingerprint {
            reference.model = next.model
            reference.fingerprint = next.fingerprint
            reference.dimensions = next.dimensions
            reference.next = nil
        }
        return reference
    }

    package init(model: String, encoder: TextEncoder) {
        format = Self.currentFormat
        self.model = model
        fingerprint = encoder.fingerprint
        dimensions = encoder.dimensions
    }

    /// - Throws: `notFound`, `invalidData`, `incompatible`.
    package init(reading path: FilePath) throws {
        let file = try MappedFile(path)
        let location = KindredError.Location(path: path.string)
        struct Format: Decodable { var format: Int }
        let data = Data(file.bytes(0..<file.count))
        if let format = try? JSONDecoder().decode(Format.self, from: data), format.format > Self.currentFormat
        {
            throw KindredError(
                .incompatible,
                "was written by a newer version of Kindred (format \(format.format)); use that version",
                at: location)
        }
        guard let value = try? JSONDecoder().decode(Self.self, from: data) else {
            throw KindredError(.invalidData, "is damaged; index again into another name", at: location)
        }
        self = value
        let directory = path.removingLastComponent()
        model = try Self.found(model, from: directory)
        if let named = next?.model { next?.model = try Self.found(named, from: directory) }
    }

    private static func found(_ model: String, from directory: FilePath) throws -> String {
        guard model != embeddedModel else { return model }
        // A wrong model has another fingerprint.
        return try ModelReference.path(of: model, from: directory, isChecked: true).string
    }

    package func write(to path: FilePath) throws {
        var stored = self
        let directory = path.removingLastComponent()
        func name(_ model: String) -> String {
            model == Self.embeddedModel ? model : ModelReference.name(of: FilePath(model), from: directory)
        }
        stored.model = name(model)
        if let named = next?.model { stored.next?.model = name(named) }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        try AtomicFile.replace(path, with: Array(try encoder.encode(stored)) + [0x0A])
    }

    /// Where the model of a reference or of `--encoder` lives.
    package static func directory(of model: String) throws -> FilePath {
        try ModelReference.directory(of: model)
    }

    /// Opens the model, and refuses one whose vectors would not fit the index.
    package func open(index name: String) throws -> TextEncoder {
        let directory = try Self.directory(of: model)
        guard FileKind(directory.string) != .missing else {
            throw KindredError(
                .notFound,
                "is not there, and the index \"\(name)\" was written by it; put the model back, or say where it is now "
                    + "with 'kindred reindex \(name) --encoder DIRECTORY', which encodes nothing again if it is the same",
                at: .init(path: directory.string))
        }
        let encoder = try TextEncoder(directory: directory)
        guard encoder.fingerprint == fingerprint else {
            throw KindredError(
                .incompatible,
                "the index \"\(name)\" was written by encoder \(fingerprint.prefix), but the model at "
                    + "\"\(model)\" is now \(encoder.fingerprint.prefix); put the old model back, or switch to this one "
                    + "with 'kindred reindex \(name) --encoder \(model)'")
        }
        return encoder
    }
}
