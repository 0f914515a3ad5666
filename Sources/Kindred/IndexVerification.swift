import Foundation
import KindredIndex
import KindredStore
import KindredSystem
import SystemPackage

/// What a check of a whole index found.
public struct IndexVerification: Sendable {
    public let name: String
    /// What is wrong, a line each; empty where every checksum and every invariant holds.
    public let problems: [String]
    public let articles: Int
    public let passages: Int
    public let segments: Int
    /// Vectors in all segments, those of deleted passages included.
    public let vectors: Int

    /// Checks the catalogue (pages, foreign keys, texts, full-text index), every block and link of every segment,
    /// that all segments are of the index's encoder, and that each passage has exactly one vector.
    ///
    /// - Parameter repair: make the links of a damaged segment anew from its codes, where those are whole.
    /// - Throws: `notFound`, `incompatible`, `inputOutput`; what is damaged is in `problems` instead.
    public init(_ directory: IndexDirectory, repair: Bool = false) throws {
        // A writer that commits in between would look like damage; it is kept out while this reads.
        let lock = try directory.lockForWriting()
        defer { withExtendedLifetime(lock) {} }
        name = directory.name
        let catalog = try Catalog(path: directory.catalog, access: .read)
        let reference = try EncoderReference.current(of: directory, catalog)
        var problems = try catalog.problems()
        let (records, _) = try catalog.segmentsAndDeletions()
        var seen: Set<Int64> = []
        var vectors = 0
        var repaired: [String] = []
        for record in records {
            do {
                let ids: [Int64]
                do {
                    ids = try Self.checked(record, reference: reference, directory)
                } catch let error as KindredError where repair && error.code == .invalidData {
                    try SegmentWriter.rebuildLinks(
                        of: Segment(path: directory.segments.appending(record.file), links: .ignore))
                    ids = try Self.checked(record, reference: reference, directory)
                    repaired.append(record.file)
                }
                vectors += ids.count
                for id in ids where !seen.insert(id).inserted {
                    problems.append("\(record.file): passage \(id) has a second vector")
                }
            } catch let error as KindredError {
                problems.append(error.description)
            }
        }
        let (passages, deletions) = try catalog.passageAndDeletionIDs()
        let missing = passages.subtracting(seen).count
        if missing > 0 { problems.append("segments: \(missing) passages have no vector") }
        let unknown = seen.subtracting(passages).subtracting(deletions).count
        if unknown > 0 { problems.append("segments: \(unknown) vectors have no passage") }
        let (staged, _) = try catalog.segmentsAndDeletions(staged: true)
        for record in staged {
            do {
                try Segment(path: directory.segments.appending(record.file)).verify()
            } catch let error as KindredError {
                problems.append(error.description)
            }
        }
        let live = Set((records + staged).map(\.file))
        let files = (try? FileManager.default.contentsOfDirectory(atPath: directory.segments.string)) ?? []
        strayFiles = files.filter { !live.contains($0) }.sorted()
        articles = try catalog.counts().articles
        self.passages = passages.count
        self.vectors = vectors
        segments = records.count
        self.problems = problems
        self.repaired = repaired
    }

    /// Segments whose links were made anew.
    public let repaired: [String]

    /// Files that a killed run left and the next one removes; no damage.
    public let strayFiles: [String]

    private static func checked(
        _ record: SegmentRecord, reference: EncoderReference, _ directory: IndexDirectory
    ) throws -> [Int64] {
        let location = KindredError.Location(path: directory.segments.appending(record.file).string)
        guard record.fingerprint == reference.fingerprint else {
            throw KindredError(.incompatible, "is of encoder \(record.fingerprint.prefix(12))", at: location)
        }
        let segment = try Segment(
            path: directory.segments.appending(record.file),
            fingerprint: SegmentStore.bytes(ofFingerprint: record.fingerprint))
        try segment.verify()
        guard segment.count == record.count, segment.dimensions == reference.dimensions else {
            throw KindredError(
                .invalidData,
                "holds \(segment.count) vectors of \(segment.dimensions) dimensions, not "
                    + "\(record.count) of \(reference.dimensions)", at: location)
        }
        return try segment.ids()
    }
}
