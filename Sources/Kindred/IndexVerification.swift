import Foundation
import KindredIndex
import KindredStore
import KindredSystem
import SystemPackage

/// Result of checking a whole index.
///
/// ```swift
/// let check = try IndexVerification(index)
/// if !check.problems.isEmpty { _ = try IndexVerification(index, repair: true) }
/// ```
public struct IndexVerification: Sendable {
    /// Name of the index.
    public let name: String
    /// What is wrong, a line each; empty where every checksum and every invariant holds.
    public let problems: [String]
    /// Articles in the catalogue.
    public let articles: Int
    /// Passages in the catalogue.
    public let passages: Int
    /// Live segment files.
    public let segments: Int
    /// Vectors in all segments, those of deleted passages included.
    public let vectors: Int
    /// What was repaired, one line each.
    public let repaired: [String]
    /// Files that a killed run left and the next one removes; no damage.
    public let strayFiles: [String]

    /// Checks the catalogue (pages, foreign keys, texts, full-text index), every block and link of every segment,
    /// that all segments are of the index's encoder, and that each passage has exactly one vector.
    ///
    /// - Parameters:
    ///   - directory: the index.
    ///   - repair: rebuild the links of a damaged segment from its codes, where those are whole, and encode again the
    ///     passages whose vectors are damaged or lost.
    ///   - shouldStop: called while passages are encoded.
    ///   - progress: called with the number of encoded passages and their total.
    /// - Throws: `notFound`, `incompatible`, `inputOutput`; `busy` where another process writes; `interrupted`. What is
    ///   damaged is in `problems` instead.
    public init(
        _ directory: IndexDirectory, repair: Bool = false, shouldStop: () -> Bool = { false },
        progress: (Int, Int) -> Void = { _, _ in }
    ) throws {
        // A writer that commits in between would look like damage; it is kept out while this reads.
        let lock = try repair ? directory.lockForWriting() : directory.lockForReading()
        defer { withExtendedLifetime(lock) {} }
        let files = try directory.segments.entries()
        let catalog: Catalog
        var problems: [String] = []
        do {
            catalog = try Catalog(path: directory.catalog, access: repair ? .write : .read)
            problems = try catalog.problems()
        } catch let error as KindredError where error.code == .invalidData {
            self.init(directory, problems: [error.description])
            return
        }
        guard problems.isEmpty else {
            // What a damaged catalogue says of the segments is not relied on.
            self.init(directory, problems: problems)
            return
        }
        let reference = try EncoderReference.current(of: directory, catalog)
        var repaired: [String] = []
        var check = try SegmentCheck(directory, catalog, reference)
        if repair {
            let work = IndexRepair(directory, catalog, reference)
            repaired = try work.rebuildLinks(of: check.damaged)
            if !repaired.isEmpty { check = try SegmentCheck(directory, catalog, reference) }
            if !check.isComplete {
                repaired += try work.encodeLost(check, shouldStop: shouldStop, progress: progress)
                check = try SegmentCheck(directory, catalog, reference)
            }
        }
        self.init(
            directory, problems: check.problems, repaired: repaired, check: check,
            articles: try catalog.counts().articles,
            strayFiles: files.filter { SegmentStore.makes($0) && !check.files.contains($0) })
    }

    private init(
        _ directory: IndexDirectory, problems: [String], repaired: [String] = [], check: SegmentCheck? = nil,
        articles: Int = 0, strayFiles: [String] = []
    ) {
        name = directory.name
        self.problems = problems
        self.repaired = repaired
        self.articles = articles
        self.strayFiles = strayFiles
        passages = check?.passages ?? 0
        vectors = check?.vectors ?? 0
        segments = check?.segments ?? 0
    }
}

/// What the segments of an index hold, against what its catalogue says that they do.
struct SegmentCheck {
    private(set) var problems: [String] = []
    /// Live segments that are damaged or lost.
    private(set) var damaged: [SegmentRecord] = []
    /// Passages without a vector.
    private(set) var missing: [Int64] = []
    /// Deletions that no whole segment needs.
    private(set) var needlessDeletions: [Int64] = []
    private(set) var vectors = 0
    let passages: Int
    let segments: Int
    /// Files that the catalogue names.
    let files: Set<String>

    var isComplete: Bool { damaged.isEmpty && missing.isEmpty }

    init(_ directory: IndexDirectory, _ catalog: Catalog, _ reference: EncoderReference) throws {
        let (records, _) = try catalog.segmentsAndDeletions()
        var seen: Set<Int64> = []
        for record in records {
            do {
                let ids = try Self.checked(record, reference: reference, directory)
                vectors += ids.count
                for id in ids where !seen.insert(id).inserted {
                    problems.append("\(record.file): passage \(id) has a second vector")
                }
            } catch let error as KindredError
                where SegmentStore.damages.contains(error.code) || error.code == .incompatible
            {
                problems.append(error.description)
                damaged.append(record)
            }
        }
        let (passages, deletions) = try catalog.passageAndDeletionIDs()
        missing = passages.subtracting(seen).sorted()
        if !missing.isEmpty { problems.append("segments: \(missing.count) passages have no vector") }
        let unknown = seen.subtracting(passages).subtracting(deletions).count
        if unknown > 0 { problems.append("segments: \(unknown) vectors have no passage") }
        needlessDeletions = deletions.subtracting(seen).sorted()
        let (staged, _) = try catalog.segmentsAndDeletions(staged: true)
        for record in staged {
            do {
                try Segment(path: directory.segments.appending(record.file)).verify()
            } catch let error as KindredError where SegmentStore.damages.contains(error.code) {
                problems.append(error.description)
            }
        }
        files = Set((records + staged).map(\.file))
        segments = records.count
        self.passages = passages.count
    }

    private static func checked(
        _ record: SegmentRecord, reference: EncoderReference, _ directory: IndexDirectory
    ) throws -> [Int64] {
        let location = KindredError.Location(path: directory.segments.appending(record.file).string)
        guard record.fingerprint == reference.fingerprint else {
            throw KindredError(.incompatible, "is of encoder \(record.fingerprint.prefix)", at: location)
        }
        let segment = try Segment(
            path: directory.segments.appending(record.file),
            fingerprint: record.fingerprint)
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
