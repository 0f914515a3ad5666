import Foundation
import KindredEncoder
import KindredStore
import KindredSystem
import SystemPackage

/// `encoder.json`: which model made an index's vectors and answers its queries.
package struct EncoderReference: Codable, Hashable, Sendable {
    package static let embeddedModel = "embedded"
    package static let currentFormat = 1

    /// Raised when an older Kindred would misread the file.
    package var format: Int
    /// "embedded", or the absolute path of a model directory.
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
    }

    package func write(to path: FilePath) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        try AtomicFile.replace(path, with: Array(try encoder.encode(self)) + [0x0A])
    }

    /// Where the model of a reference or of `--encoder` lives.
    package static func directory(of model: String) throws -> FilePath {
        model == embeddedModel ? try Resources.embeddedModel() : FilePath(model)
    }

    /// Opens the model, and refuses one whose vectors would not fit the index.
    package func open(index name: String) throws -> TextEncoder {
        let encoder = try TextEncoder(directory: Self.directory(of: model))
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
