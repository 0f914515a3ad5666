import Foundation
import KindredDocuments
import KindredEncoder
import KindredStore
import KindredSystem
import SystemPackage

/// Reads documents into an index: documents → passages → vectors → segments.
///
/// Work is committed in batches of about `passagesPerCommit` passages, each an immutable segment file and one
/// transaction. A run that was killed loses at most one batch; running it again skips committed documents. Batches
/// are cut by count and not by time, so it ends with the same index as an uninterrupted run.
///
/// ```swift
/// let index = try IndexDirectory(root: "indexes", name: "enwiki")
/// let report = try Indexer(index).index(["enwiki-latest-pages-articles.xml.bz2", "notes"])
/// print(report.added, report.changed, report.unchanged)
/// ```
public struct Indexer {
    /// Tokens of a passage, its title and headings included.
    public static let tokensPerPassage = 160
    static let passagesPerCommit = 256
    /// Passages encoded between two calls of `shouldStop`.
    static let passagesPerStep = 64

    private let directory: IndexDirectory
    private let model: String
    private let encoder: TextEncoder

    /// - Parameters:
    ///   - directory: the index, which need not exist yet.
    ///   - model: a model directory or a GGUF file; nil for the index's own encoder, or the embedded one for a new index.
    /// - Throws: `notFound` for a missing model, `invalidData` for a damaged one, `incompatible` for one that is not
    ///   the index's.
    public init(_ directory: IndexDirectory, model: String? = nil) throws {
        self.directory = directory
        let named = model.map { URL(fileURLWithPath: $0).standardizedFileURL.path }
        guard FileManager.default.fileExists(atPath: directory.encoder.string) else {
            self.model = named ?? EncoderReference.embeddedModel
            encoder = try TextEncoder(directory: EncoderReference.directory(of: self.model))
            return
        }
        let reference = try Self.reference(of: directory)
        self.model = reference.model
        if let named {
            encoder = try TextEncoder(directory: FilePath(named))
            guard encoder.fingerprint == reference.fingerprint else {
                throw KindredError(
                    .incompatible,
                    "the index \"\(directory.name)\" was written by encoder \(reference.fingerprint.prefix), and "
                        + "\(named) is \(encoder.fingerprint.prefix); index into another name with --index"
                )
            }
        } else {
            encoder = try reference.open(index: directory.name)
        }
    }

    /// The current reference, even if the first writer has not created the catalogue yet.
    private static func reference(of directory: IndexDirectory) throws -> EncoderReference {
        do {
            return try EncoderReference.current(
                of: directory, Catalog(path: directory.catalog, access: .read))
        } catch let error as KindredError where [.notFound, .incompatible].contains(error.code) {
            // One of an earlier format is brought up to this one once the lock is held.
            return try EncoderReference(reading: directory.encoder)
        }
    }

    /// Indexes dumps, files and directories.
    ///
    /// - Parameters:
    ///   - paths: dumps, which may be compressed; text, Markdown, HTML, PDF, JSON lines and CSV files; directories of
    ///     these; "-" for standard input.
    ///   - shouldStop: called often. After it returns true, the run drops the batch that is not yet encoded and ends.
    ///   - progress: called after each step.
    /// - Returns: what the run did with each source. A source that is damaged is indexed up to that place, and the report
    ///   holds the error.
    /// - Throws: `notFound`, `invalidData` and `invalidRequest` before anything is written; `busy`; `inputOutput`.
    @discardableResult
    public func index(
        _ paths: [String], shouldStop: () -> Bool = { false },
        progress: @escaping (IndexingProgress) -> Void = { _ in }
    ) throws -> IndexingReport {
        try index(paths, options: ReadingOptions(), shouldStop: shouldStop, progress: progress)
    }

    /// Indexes one dump, "-" for standard input.
    ///
    /// - Parameters:
    ///   - path: the dump, which may be compressed.
    ///   - longestPage: maximum bytes of a page's wikitext; longer pages are skipped and counted. Default: 64 MB.
    ///   - shouldStop: called often. After it returns true, the run drops the batch that is not yet encoded and ends.
    ///   - progress: called after each step.
    /// - Returns: what the run did. A dump that is damaged is indexed up to that place, and the report holds the error.
    /// - Throws: `notFound` and `invalidData` before anything is written; `busy`; `inputOutput`.
    @discardableResult
    public func index(
        dump path: String, longestPage: Int? = nil, shouldStop: () -> Bool = { false },
        progress: @escaping (IndexingProgress) -> Void = { _ in }
    ) throws -> IndexingReport {
        var options = ReadingOptions()
        options.format = .dump
        if let longestPage { options.longest = longestPage }
        return try index([path], options: options, shouldStop: shouldStop, progress: progress)
    }

    /// Indexes sources.
    ///
    /// - Parameters:
    ///   - options: how files are read.
    ///   - mayRemove: asked before documents are removed that a source had before and has no more; gets how many these
    ///     are, and of how many. By default not if they are more than half.
    package func index(
        _ paths: [String], options: ReadingOptions,
        mayRemove: (_ gone: Int, _ known: Int) -> Bool = { $0 * 2 <= $1 }, shouldStop: () -> Bool,
        progress: @escaping (IndexingProgress) -> Void
    ) throws -> IndexingReport {
        let sources = try paths.map { try DocumentSource($0, options: options) }
        let records = try sources.map { try SourceFile($0, options: options) }
        // A read-only check: no lock is taken if nothing changed.
        let known = try completeRecords(of: records)
        if known.allSatisfy({ $0 != nil }) {
            return IndexingReport(
                sources: zip(sources, known).map { SourceReport(name: $0.name, nothingToDo: $1!) })
        }
        // The first document is read before anything is created, so that a file that is none leaves no trace.
        var opened = try open(sources, known: known)

        try directory.create()
        let lock = try directory.lockForWriting()
        defer { withExtendedLifetime(lock) {} }
        if !FileManager.default.fileExists(atPath: directory.encoder.string) {
            try EncoderReference(model: model, encoder: encoder).write(to: directory.encoder)
        }
        try checkForLostCatalog()
        let catalog = try Catalog(path: directory.catalog, access: .create)
        let segments = SegmentStore(directory, catalog: catalog, encoder: encoder)
        try SegmentStore.check(directory, catalog)
        try segments.sweep()
        // What a killed run would have merged next, so that the index does not depend on where it was killed.
        try segments.mergeTiers(shouldStop: shouldStop)

        var run = IndexingRun(
            encoder: encoder, catalog: catalog, segments: segments, sizes: records.map(\.size),
            progress: progress)
        do {
            for (index, source) in sources.enumerated() where !run.stopped {
                if let counts = known[index] {
                    run.skip(SourceReport(name: source.name, nothingToDo: counts))
                    continue
                }
                var open = opened.flatMap { $0.index == index ? $0.1 : nil }
                opened = nil
                do {
                    if open == nil { open = try OpenSource(source) }
                } catch let error as KindredError where OpenSource.isFault(error) {
                    // The other sources do not suffer from it.
                    run.fail(source, error)
                }
                if let open { try run.index(open, shouldStop: shouldStop) }
                if run.isSourceComplete {
                    try run.removeVanished(
                        from: source, isWhole: records[index].isNamedWhole, mayRemove: mayRemove)
                }
                try records[index].record(
                    run.source.counts, complete: run.isSourceComplete, in: catalog)
                run.endSource()
            }
            if !run.stopped, run.changedTitles { try catalog.settleRedirects(shouldStop: shouldStop) }
        } catch let error as KindredError where error.code == .interrupted {
            run.stopped = true
            run.endSource()
        }
        if !run.stopped { try segments.compact(shouldStop: shouldStop) }
        return run.report
    }

    /// Opens the first source that is to be read and can be.
    ///
    /// - Returns: nil where none can be, and others were read before.
    /// - Throws: what is wrong with the first one where nothing can be read; `invalidData` for a directory without any
    ///   document where there is no index yet.
    private func open(
        _ sources: [DocumentSource], known: [SourceCounts?]
    ) throws -> (index: Int, source: OpenSource)? {
        var failure: KindredError?
        for (index, source) in sources.enumerated() where known[index] == nil {
            do {
                let open = try OpenSource(source)
                if sources.count == 1, source.kind == .directory, !open.hasDocument, try !directory.exists {
                    throw open.nothingToRead
                }
                return (index, open)
            } catch let error as KindredError where OpenSource.isFault(error) {
                failure = failure ?? error
            }
        }
        if let failure, known.allSatisfy({ $0 == nil }) { throw failure }
        return nil
    }

    /// For each source, the counts of an earlier run that read this very file to its end, where the index that it made
    /// is whole.
    /// - Throws: `invalidData` where it is damaged.
    private func completeRecords(of sources: [SourceFile]) throws -> [SourceCounts?] {
        do {
            let catalog = try Catalog(path: directory.catalog, access: .read)
            let known = try sources.map { try $0.completeRecord(in: catalog) }
            if known.contains(where: { $0 != nil }) { try SegmentStore.check(directory, catalog) }
            return known
        } catch let error as KindredError where [.notFound, .incompatible].contains(error.code) {
            return sources.map { _ in nil }
        }
    }

    /// A catalogue is made before the first segment. Where only segments are, it is lost, and a new one would have them
    /// swept.
    private func checkForLostCatalog() throws {
        let attributes = try? FileManager.default.attributesOfItem(atPath: directory.catalog.string)
        guard (attributes?[.size] as? Int ?? 0) == 0,
            try directory.segments.entries().contains(where: SegmentStore.makes)
        else { return }
        throw KindredError(
            .invalidData,
            "is missing or empty while there are segments: the index is damaged; put the catalogue back, or index into "
                + "another name", at: .init(path: directory.catalog.string))
    }
}
