import Foundation
import KindredEncoder
import KindredIndex
import KindredStore
import KindredSystem
import KindredTensors
import SystemPackage

/// The segment files of one index, as its writer sees them.
struct SegmentStore {
    /// A batch is in the lowest tier, also one that its last article made somewhat larger.
    static let mergePolicy = MergePolicy(lowestTier: 2 * Indexer.passagesPerCommit)

    private let directory: IndexDirectory
    private let catalog: Catalog
    private let fingerprint: Fingerprint

    init(_ directory: IndexDirectory, catalog: Catalog, encoder: TextEncoder) {
        self.init(directory, catalog: catalog, fingerprint: encoder.fingerprint)
    }

    init(_ directory: IndexDirectory, catalog: Catalog, fingerprint: Fingerprint) {
        self.directory = directory
        self.catalog = catalog
        self.fingerprint = fingerprint
    }

    /// Whether a writer of segments makes files of this name, also before they get it.
    static func makes(_ name: String) -> Bool {
        name.wholeMatch(of: /[0-9]{6,}\.hnsw(\.kindred-[0-9a-f]{16}\.tmp)?/) != nil
    }

    /// Removes what a killed run left: files that the catalogue does not name. Files that no writer makes stay.
    func sweep() throws {
        let live = try Set(
            (catalog.segmentsAndDeletions().segments + catalog.segmentsAndDeletions(staged: true).segments)
                .map(\.file))
        for file in try directory.segments.entries() where Self.makes(file) && !live.contains(file) {
            try? FileManager.default.removeItem(atPath: directory.segments.appending(file).string)
        }
    }

    /// Checks that every live segment is there and whole, block by block, also while another process merges some.
    /// - Throws: `invalidData` with what to do.
    static func check(_ directory: IndexDirectory, _ catalog: Catalog) throws {
        var generation = try catalog.generation()
        while true {
            do {
                for record in try catalog.segmentsAndDeletions().segments {
                    try Segment(path: directory.segments.appending(record.file)).checkBlocks()
                }
                return
            } catch let error as KindredError where damages.contains(error.code) {
                let now = try catalog.generation()
                guard now != generation else { throw damaged(directory, error) }
                generation = now
            }
        }
    }

    /// What a damaged or lost segment gives.
    static let damages: Set<KindredError.Code> = [.invalidData, .notFound, .inputOutput]

    static func damaged(_ directory: IndexDirectory, _ error: KindredError) -> KindredError {
        KindredError(
            .invalidData,
            "the index \"\(directory.name)\" is damaged: a segment is missing or cannot be read; run 'kindred verify "
                + "\(directory.name) --repair'", at: error.location, cause: error)
    }

    /// Writes the vectors of a batch durably; the caller commits the file's name.
    /// - Returns: the file's name; nil where there is no vector.
    func write(_ vectors: Matrix, ids: [Int64]) throws -> String? {
        guard !ids.isEmpty else { return nil }
        let file = try nextFile()
        try SegmentWriter.write(
            vectors: vectors, ids: ids, fingerprint: fingerprint, to: directory.segments.appending(file))
        return file
    }

    /// Merges small segments into larger ones, for as long as the policy finds some to merge.
    ///
    /// - Parameter staged: merge what a reindex has staged, instead of what is live.
    func mergeTiers(staged: Bool = false, shouldStop: () -> Bool) throws {
        while !shouldStop() {
            let (records, deletions) = try catalog.segmentsAndDeletions(staged: staged)
            guard let chosen = Self.mergePolicy.nextMerge(records.map(\.count)) else { return }
            try merge(chosen.map { records[$0] }, deletions: deletions, staged: staged)
        }
    }

    /// Rewrites each live segment of which too much is deleted; its graph is kept and mended around the gaps. For the end
    /// of a run: to count the deleted is to read all ids.
    func compact(shouldStop: () -> Bool) throws {
        let (records, deletions) = try catalog.segmentsAndDeletions()
        guard !deletions.isEmpty else { return }
        for record in records where !shouldStop() {
            let ids = try Segment(
                path: directory.segments.appending(record.file), fingerprint: fingerprint
            ).ids()
            let dead = ids.count(where: deletions.contains)
            guard Self.mergePolicy.rewrites(count: ids.count, deleted: dead) else { continue }
            try merge([record], deletions: deletions, staged: false)
        }
        try mergeTiers(shouldStop: shouldStop)
    }

    private func merge(_ records: [SegmentRecord], deletions: Set<Int64>, staged: Bool) throws {
        let segments = try records.map { record in
            try Segment(path: directory.segments.appending(record.file), fingerprint: fingerprint)
        }
        let held = try segments.flatMap { segment in try segment.ids().filter(deletions.contains) }
        let live = segments.reduce(0) { $0 + $1.count } - held.count
        var merged: (file: String, fingerprint: Fingerprint, count: Int)?
        if live > 0 {
            let file = try nextFile()
            let path = directory.segments.appending(file)
            try Interrupts.released {
                try SegmentWriter.merge(segments, dropping: { deletions.contains($0) }, to: path)
            }
            merged = (file, fingerprint, live)
        }
        // A deletion that a live segment and a staged one hold is forgotten by the one that is merged last: at the switch.
        let others = try staged ? [] : heldByStaged(held)
        let forgotten = staged ? [] : held.filter { !others.contains($0) }
        try catalog.replace(records, by: merged, forgetting: forgotten, staged: staged)
        KillPoint.segmentsReplaced.pass()
        for record in records {
            try? FileManager.default.removeItem(atPath: directory.segments.appending(record.file).string)
        }
    }

    /// The largest passage id in the staged segments, which hold every passage up to it; 0 where there are none.
    func lastStagedPassage() throws -> Int64 {
        try catalog.segmentsAndDeletions(staged: true).segments.map { record in
            try Segment(path: directory.segments.appending(record.file), fingerprint: fingerprint).ids()
                .max() ?? 0
        }.max() ?? 0
    }

    /// Which of the ids a staged segment holds.
    func heldByStaged(_ ids: some Sequence<Int64>) throws -> Set<Int64> {
        let staged = try catalog.segmentsAndDeletions(staged: true).segments
        guard !staged.isEmpty else { return [] }
        let held = try Set(
            staged.flatMap { try Segment(path: directory.segments.appending($0.file)).ids() })
        return held.intersection(ids)
    }

    private func nextFile() throws -> String {
        let number = String(try catalog.nextSegmentNumber())
        return String(repeating: "0", count: max(0, 6 - number.count)) + number + ".hnsw"
    }
}
