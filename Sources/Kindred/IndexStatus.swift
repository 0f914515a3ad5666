import KindredIndex
import KindredStore
import KindredSystem

/// What there is in an index, and what it takes on disk.
public struct IndexStatus: Sendable {
    public let name: String
    /// "embedded", or the path of the model's directory.
    public let model: String
    /// Hex SHA-256 of what decides the encoder's vectors.
    public let fingerprint: String
    public let dimensions: Int
    public let articles: Int
    public let passages: Int
    public let segments: Int
    /// Passages whose vectors await the next merge.
    public let deletedPassages: Int
    /// Passages that an unfinished reindex has encoded so far, and the model it switches to; nil where there is none.
    public let reindexedPassages: Int?
    public let nextModel: String?
    public let catalogBytes: Int
    public let segmentBytes: Int
    public let otherBytes: Int
    /// Bytes of the stored texts, as LZ4 blocks (inside `catalogBytes`) and plain.
    public let compressedTextBytes: Int
    public let textBytes: Int

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
        let bytes = directory.bytesOnDisk()
        catalogBytes = bytes.catalog
        segmentBytes = bytes.segments
        otherBytes = bytes.other
    }
}
