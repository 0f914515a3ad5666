import KindredEncoder
import KindredIndex
import KindredStore
import KindredSystem
import KindredTensors
import KindredWikipedia

/// Repairs the segments of an index with an intact catalogue: it stores the texts, so every vector can be recomputed.
struct IndexRepair {
    private let directory: IndexDirectory
    private let catalog: Catalog
    private let reference: EncoderReference

    init(_ directory: IndexDirectory, _ catalog: Catalog, _ reference: EncoderReference) {
        self.directory = directory
        self.catalog = catalog
        self.reference = reference
    }

    /// Rebuilds the links of segments whose codes are whole.
    /// - Returns: what was done, a line for each.
    /// - Throws: `cannotCreate`, `inputOutput` where a segment cannot be written.
    func rebuildLinks(of records: [SegmentRecord]) throws -> [String] {
        var repaired: [String] = []
        for record in records {
            let path = directory.segments.appending(record.file)
            do {
                let segment = try Segment(path: path, fingerprint: record.fingerprint, links: .ignore)
                try SegmentWriter.rebuildLinks(of: segment)
                try Segment(path: path).verify()
            } catch let error as KindredError
                where [.invalidData, .notFound, .incompatible].contains(error.code)
            {
                // The codes are damaged too: the passages are encoded again.
                continue
            }
            repaired.append("\(record.file): the links were damaged and are rebuilt")
        }
        return repaired
    }

    /// Encodes the passages without an intact vector, and replaces the damaged segments.
    ///
    /// Each batch is committed while the damaged segments are still named, so that no search treats the index as intact
    /// too early; a killed run resumes with what is still missing.
    /// - Returns: what was done, a line for each.
    /// - Throws: `incompatible` where the encoder is not the index's; `interrupted`; `inputOutput`.
    func encodeLost(
        _ check: SegmentCheck, shouldStop: () -> Bool, progress: (Int, Int) -> Void
    ) throws -> [String] {
        let encoder = try reference.open(index: directory.name)
        let segments = SegmentStore(directory, catalog: catalog, encoder: encoder)
        // Remove what a killed run left, so that new segments can take its names.
        try segments.sweep()
        try AtomicFile.makeDirectory(directory.segments)
        var done = 0
        while done < check.missing.count {
            let ids = Array(check.missing[done...].prefix(Indexer.passagesPerCommit))
            guard let vectors = try encoder.vectors(of: ids, in: catalog, shouldStop: shouldStop) else {
                throw KindredError(
                    .interrupted,
                    "stopped; run the same command to encode the passages that are still missing"
                )
            }
            if let file = try segments.write(vectors, ids: ids) {
                try catalog.commit(segment: (file, encoder.fingerprint, ids.count))
            }
            done += ids.count
            progress(done, check.missing.count)
        }
        let dropped = check.damaged
        try catalog.replace(dropped, by: nil, forgetting: check.needlessDeletions, staged: false)
        try segments.mergeTiers(shouldStop: shouldStop)
        try segments.sweep()
        return dropped.map { "\($0.file): was damaged or lost and is replaced" }
            + ["\(check.missing.count) passages are encoded again"]
    }
}

extension TextEncoder {
    /// The vectors of stored passages, in the order of their ids; nil where the work was stopped.
    func vectors(of ids: [Int64], in catalog: Catalog, shouldStop: () -> Bool) throws -> Matrix? {
        let passages = try catalog.passages(ids)
        let texts = ids.compactMap { passages[$0] }.map {
            Passage.encodedText(title: $0.title, sectionPath: $0.sectionPath, body: $0.text)
        }
        var encoded: [Matrix] = []
        for start in stride(from: 0, to: texts.count, by: Indexer.passagesPerStep) {
            if shouldStop() { return nil }
            encoded.append(
                try encode(Array(texts[start..<min(start + Indexer.passagesPerStep, texts.count)])))
        }
        return Matrix(stacking: encoded, rows: texts.count)
    }
}
