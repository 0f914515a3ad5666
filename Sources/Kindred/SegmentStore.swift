import Foundation
import KindredEncoder
import KindredIndex
import KindredStore
import KindredSystem
import KindredTensors
import SystemPackage

/// The segment files of one index, as its writer sees them.
struct SegmentStore {
    /// As many segments of one tier are merged into one of the next.
    private static let segmentsPerMerge = 4
    /// No merge makes a larger segment: it bounds the memory of a merge (about 1 KB a vector), and so of indexing.
    static let maximumMergedVectors = 1 << 20
    /// A segment of which more is deleted is written anew without it.
    static let mostDeleted = 0.3

    private let directory: IndexDirectory
    private let catalog: Catalog
    private let fingerprint: String
    private let fingerprintBytes: [UInt8]

    init(_ directory: IndexDirectory, catalog: Catalog, encoder: TextEncoder) throws {
        self.directory = directory
        self.catalog = catalog
        fingerprint = encoder.fingerprint
        fingerprintBytes = try Self.bytes(ofFingerprint: encoder.fingerprint)
    }

    /// The 32 bytes of a hex SHA-256.
    static func bytes(ofFingerprint hex: String) throws -> [UInt8] {
        let digits = Array(hex.utf8)
        let bytes = stride(from: 0, to: digits.count - 1, by: 2).compactMap {
            UInt8(String(decoding: digits[$0...$0 + 1], as: UTF8.self), radix: 16)
        }
        guard bytes.count == 32, digits.count == 64 else {
            throw KindredError(.invalidData, "\"\(hex.prefix(80))\" is no SHA-256; encoder.json is damaged")
        }
        return bytes
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
            vectors: vectors, ids: ids, fingerprint: fingerprintBytes, to: directory.segments.appending(file))
        return file
    }

    /// Merges small segments of one size into larger ones, until no tier has `segmentsPerMerge` of them.
    ///
    /// Which segments are merged depends on their sizes alone, so that an index is the same however often the run
    /// that made it was killed.
    ///
    /// - Parameter staged: merge what a reindex has staged, instead of what is live.
    func mergeTiers(staged: Bool = false, shouldStop: () -> Bool) throws {
        while !shouldStop() {
            let (records, deletions) = try catalog.segmentsAndDeletions(staged: staged)
            let tiers = Dictionary(grouping: records) { Self.tier($0.count) }
            let full = tiers.filter { $0.value.count >= Self.segmentsPerMerge }.min { $0.key < $1.key }
            guard let full else { return }
            let chosen = Array(full.value.prefix(Self.segmentsPerMerge))
            guard chosen.reduce(0, { $0 + $1.count }) <= Self.maximumMergedVectors else { return }
            try merge(chosen, deletions: deletions, staged: staged)
        }
    }

    /// Writes anew each live segment of which more than `mostDeleted` is deleted; its graph is kept and mended around the
    /// gaps. For the end of a run: to count the deleted is to read all ids.
    func compact(shouldStop: () -> Bool) throws {
        let (records, deletions) = try catalog.segmentsAndDeletions()
        guard !deletions.isEmpty else { return }
        for record in records where !shouldStop() {
            let ids = try Segment(
                path: directory.segments.appending(record.file), fingerprint: fingerprintBytes
            ).ids()
            let dead = ids.count(where: deletions.contains)
            guard Double(dead) > Self.mostDeleted * Double(ids.count) else { continue }
            try merge([record], deletions: deletions, staged: false)
        }
        try mergeTiers(shouldStop: shouldStop)
    }

    /// 0 for a segment of one batch, one more for each fourfold size.
    private static func tier(_ count: Int) -> Int {
        var tier = 0
        var limit = Indexer.passagesPerCommit * 2
        while count >= limit {
            tier += 1
            limit *= segmentsPerMerge
        }
        return tier
    }

    private func merge(_ records: [SegmentRecord], deletions: Set<Int64>, staged: Bool) throws {
        let segments = try records.map { record in
            try Segment(path: directory.segments.appending(record.file), fingerprint: fingerprintBytes)
        }
        let held = try segments.flatMap { segment in try segment.ids().filter(deletions.contains) }
        let live = segments.reduce(0) { $0 + $1.count } - held.count
        var merged: (file: String, fingerprint: String, count: Int)?
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
            try Segment(path: directory.segments.appending(record.file), fingerprint: fingerprintBytes).ids()
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
