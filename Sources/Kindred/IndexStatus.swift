import KindredIndex
import KindredStore
import KindredSystem

/// Contents of an index and its size on disk.
public struct IndexStatus: Sendable {
    /// Name of the index.
    public let name: String
    /// "embedded", or the path of the model's directory.
    public let model: String
    /// Hex SHA-256 of what decides the encoder's vectors.
    public let fingerprint: String
    /// Dimensions of a vector.
    public let dimensions: Int
    /// Articles in the catalogue.
    public let articles: Int
    /// Passages in the catalogue.
    public let passages: Int
    /// Live segment files.
    public let segments: Int
    /// Passages whose vectors await the next merge.
    public let deletedPassages: Int
    /// Passages that an unfinished reindexing run has encoded so far; nil if there is none.
    public let reindexedPassages: Int?
    /// The model that the unfinished run switches to; nil if there is none.
    public let nextModel: String?
    /// Bytes of the catalogue.
    public let catalogBytes: Int
    /// Bytes of the segment files.
    public let segmentBytes: Int
    /// Bytes of all other files.
    public let otherBytes: Int
    /// Bytes of the stored texts as LZ4 blocks; part of `catalogBytes`.
    public let compressedTextBytes: Int
    /// Bytes of the stored texts, uncompressed.
    public let textBytes: Int

    /// Names of the metadata that documents have, in alphabetical order.
    public let fields: [String]

    /// Bytes of all files of the index.
    public var totalBytes: Int { catalogBytes + segmentBytes + otherBytes }

    /// - Throws: `notFound`, `invalidData`, `incompatible`.
    public init(_ directory: IndexDirectory) throws {
        let catalog = try Catalog(path: directory.catalog, access: .read)
        let reference = try EncoderReference.current(of: directory, catalog)
        let counts = try catalog.counts()
        name = directory.name
        model = reference.model
        fingerprint = reference.fingerprint.hex
        dimensions = reference.dimensions
        articles = counts.articles
        passages = counts.passages
        deletedPassages = counts.deletions
        compressedTextBytes = counts.compressedTextBytes
        textBytes = counts.textBytes
        segments = try catalog.segmentsAndDeletions().segments.count
        let staged = try catalog.segmentsAndDeletions(staged: true).segments
        reindexedPassages = staged.isEmpty ? nil : staged.reduce(0) { $0 + $1.count }
        nextModel = staged.isEmpty ? nil : reference.next?.model
        fields = try catalog.metadataFields()
        let bytes = directory.bytesOnDisk()
        catalogBytes = bytes.catalog
        segmentBytes = bytes.segments
        otherBytes = bytes.other
    }
}
