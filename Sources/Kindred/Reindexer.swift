import Foundation
import KindredEncoder
import KindredStore
import KindredSystem
import SystemPackage

/// Progress of a reindexing run.
public struct ReindexProgress: Sendable {
    /// Passages encoded by the new encoder, including those of interrupted runs.
    public let passages: Int
    /// All passages of the index.
    public let total: Int
    /// Passages encoded in this run.
    public let encoded: Int
}

/// Result of a reindexing run.
public struct ReindexReport: Sendable {
    /// Passages encoded in this run.
    public package(set) var passages = 0
    /// Passages that an interrupted run had encoded.
    public package(set) var resumed = 0
    /// Duration of the run.
    public package(set) var seconds = 0.0
    /// Whether the run was stopped before the switch.
    public package(set) var stopped = false
    /// Whether the index already used the encoder.
    public package(set) var nothingToDo = false
    /// Hex SHA-256 that identifies the new encoder.
    public package(set) var fingerprint = ""
}

/// Switches an index to another encoder: encodes the stored texts and replaces all vectors.
///
/// New vectors are staged in segments that no search sees, while searches use the old ones. The switch is one transaction
/// of the catalogue. A killed or stopped run resumes after the last staged passage.
///
/// ```swift
/// let report = try Reindexer(index, model: "models/mine").reindex()
/// ```
public struct Reindexer {
    /// Passages that are encoded and staged at a time.
    static let passagesPerCommit = 1024

    private let directory: IndexDirectory
    private let model: String
    private let encoder: TextEncoder

    /// - Parameters:
    ///   - directory: the index.
    ///   - model: a model directory, a GGUF file, or "embedded".
    /// - Throws: `notFound`, `invalidData`.
    public init(_ directory: IndexDirectory, model: String) throws {
        self.directory = directory
        self.model =
            model == EncoderReference.embeddedModel
            ? model : URL(fileURLWithPath: model).standardizedFileURL.path
        encoder = try TextEncoder(directory: EncoderReference.directory(of: self.model))
    }

    /// Encodes the texts and switches the index.
    ///
    /// - Parameters:
    ///   - shouldStop: called often; after it returns true, the run ends.
    ///   - progress: called after each batch.
    /// - Throws: `busy` where another process writes; `inputOutput`. Nothing is lost.
    @discardableResult
    public func reindex(
        shouldStop: () -> Bool = { false }, progress: (ReindexProgress) -> Void = { _ in }
    ) throws -> ReindexReport {
        let lock = try directory.lockForWriting()
        defer { withExtendedLifetime(lock) {} }
        let catalog = try Catalog(path: directory.catalog, access: .write)
        let started = ContinuousClock.now
        var report = ReindexReport()
        report.fingerprint = encoder.fingerprint.hex
        let current = try EncoderReference.current(of: directory, catalog)
        let segments = SegmentStore(directory, catalog: catalog, encoder: encoder)
        guard current.fingerprint != encoder.fingerprint else {
            // Also the end of a run that was killed between the switch and here, and how a model that moved is found again.
            try EncoderReference(model: model, encoder: encoder).write(to: directory.encoder)
            try catalog.dropStaged()
            try segments.sweep()
            report.nothingToDo = true
            return report
        }
        try announce(current, catalog)
        try segments.sweep()

        let total = try catalog.counts().passages
        let staged = try catalog.segmentsAndDeletions(staged: true).segments
        report.resumed = staged.reduce(0) { $0 + $1.count }
        var last = try segments.lastStagedPassage()
        while !shouldStop() {
            let ids = try catalog.passageIDs(after: last, limit: Self.passagesPerCommit)
            guard let end = ids.last else {
                try catalog.makeStagedLive(
                    keeping: segments.heldByStaged(catalog.segmentsAndDeletions().deletions))
                try EncoderReference(model: model, encoder: encoder).write(to: directory.encoder)
                try segments.sweep()
                report.seconds = (ContinuousClock.now - started) / .seconds(1)
                return report
            }
            guard let vectors = try encoder.vectors(of: ids, in: catalog, shouldStop: shouldStop) else {
                break
            }
            if let file = try segments.write(vectors, ids: ids) {
                try catalog.stage(file: file, fingerprint: encoder.fingerprint, count: ids.count)
            }
            do {
                try segments.mergeTiers(staged: true, shouldStop: shouldStop)
            } catch let error as KindredError where error.code == .interrupted {
                report.passages += ids.count
                break
            }
            last = end
            report.passages += ids.count
            progress(
                ReindexProgress(
                    passages: report.resumed + report.passages, total: total, encoded: report.passages))
        }
        report.stopped = true
        report.seconds = (ContinuousClock.now - started) / .seconds(1)
        return report
    }

    /// Writes down which encoder the index switches to. What an interrupted reindex to a third one staged is dropped.
    private func announce(_ current: EncoderReference, _ catalog: Catalog) throws {
        let staged = try catalog.segmentsAndDeletions(staged: true).segments
        if staged.contains(where: { $0.fingerprint != encoder.fingerprint }) { try catalog.dropStaged() }
        var reference = current
        reference.next = .init(
            model: model, fingerprint: encoder.fingerprint, dimensions: encoder.dimensions)
        try reference.write(to: directory.encoder)
    }
}
