import Crypto
import Foundation
import KindredEncoder
import KindredIndex
import KindredStore
import KindredSystem
import KindredTensors
import KindredWikipedia
import SystemPackage

/// Reads a dump into an index: dump → passages → vectors → segments.
///
/// Work is committed in batches of about `passagesPerCommit` passages, each an immutable segment file and one
/// transaction. A run that was killed loses at most one batch; running it again skips committed articles. Batches
/// are cut by count and not by time, so it ends with the same index as an uninterrupted run.
///
/// ```swift
/// let index = try IndexDirectory(root: "indexes", name: "enwiki")
/// let report = try Indexer(index).index(dump: "enwiki-latest-pages-articles.xml.bz2")
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

    /// The counts of an earlier run that read this very dump to its end, where the index it made is whole.
    /// - Throws: `invalidData` where it is damaged.
    private func completeRecord(of source: DumpSource) throws -> SourceCounts? {
        do {
            let catalog = try Catalog(path: directory.catalog, access: .read)
            let known = try source.completeRecord(in: catalog)
            if known != nil { try SegmentStore.check(directory, catalog) }
            return known
        } catch let error as KindredError where [.notFound, .incompatible].contains(error.code) {
            return nil
        }
    }

    /// Indexes a dump, "-" for standard input.
    ///
    /// - Parameters:
    ///   - path: the dump, which may be compressed by bzip2 or gzip.
    ///   - longestPage: maximum bytes of a page's wikitext; longer pages are skipped and counted. Default: 64 MB.
    ///   - shouldStop: called often. After it returns true, the run drops the batch that is not yet encoded and ends.
    ///   - progress: called after each step.
    /// - Returns: what the run did. A truncated or malformed dump is indexed up to that place, and the report holds the
    ///   error.
    /// - Throws: `notFound` and `invalidData` before anything is written; `busy`; `inputOutput`.
    @discardableResult
    public func index(
        dump path: String, longestPage: Int? = nil, shouldStop: () -> Bool = { false },
        progress: @escaping (IndexingProgress) -> Void = { _ in }
    ) throws -> IndexingReport {
        let source = try DumpSource(path: path)
        // A read-only check: no lock is taken if nothing changed.
        if let known = try completeRecord(of: source) { return IndexingReport(nothingToDo: known) }
        // The first page is read before anything is created, so that a file that is not a dump leaves no trace.
        let reader = try DumpReader(path: path, longestPage: longestPage ?? DumpReader.longestPage)
        let first = try reader.next()

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
            encoder: encoder, catalog: catalog, segments: segments, reader: reader, progress: progress)
        do {
            try run.index(startingAt: first, shouldStop: shouldStop)
            if run.report.isComplete { try run.removeVanished(isWhole: source.isNamedWhole) }
        } catch let error as KindredError where error.code == .interrupted {
            run.report.stopped = true
        }
        if !run.report.stopped { try segments.compact(shouldStop: shouldStop) }
        try source.record(run.counts, complete: run.report.isComplete, in: catalog)
        return run.report
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

/// One run of an `Indexer`: the batch that is being gathered, and what was counted.
private struct IndexingRun {
    let encoder: TextEncoder
    let catalog: Catalog
    let segments: SegmentStore
    let reader: DumpReader
    let progress: (IndexingProgress) -> Void
    let cutter: PassageCutter
    let started = ContinuousClock.now

    var report = IndexingReport()
    var counts = SourceCounts()
    /// Articles that are read but not committed, whether each is new, and all their passages' texts as the encoder
    /// sees them.
    var articles: [NewArticle] = []
    var isNew: [Bool] = []
    var texts: [String] = []
    /// The wiki that these are of, and the identities of all so far.
    var site = DumpSite()
    var wikis: [String] = []
    /// Ids of articles, in the catalogue, that the dump says are articles no more.
    var removed: [Int64] = []
    var identities = PageIdentities()
    /// Ids of the wiki's articles that the catalogue had before: only these need to be looked up.
    var idsBefore = IDSet()

    init(
        encoder: TextEncoder, catalog: Catalog, segments: SegmentStore, reader: DumpReader,
        progress: @escaping (IndexingProgress) -> Void
    ) {
        self.encoder = encoder
        self.catalog = catalog
        self.segments = segments
        self.reader = reader
        self.progress = progress
        cutter = PassageCutter(budget: Indexer.tokensPerPassage) { encoder.tokenCount($0) }
    }

    /// A batch is committed whole or not at all. When the run is asked to stop, one that is not encoded yet is dropped:
    /// that keeps the batches, and with them the index, the same however often a run was interrupted, and a stop does not
    /// wait for an article of thousands of passages.
    mutating func index(startingAt first: DumpPage?, shouldStop: () -> Bool) throws {
        var page = first
        while let current = page {
            if shouldStop() { report.stopped = true }
            if report.stopped { break }
            try take(current)
            if texts.count >= Indexer.passagesPerCommit { try commit(shouldStop: shouldStop) }
            do {
                page = try reader.next()
            } catch let error as KindredError {
                if error.code == .interrupted { report.stopped = true } else { report.failure = error }
                break
            }
        }
        if !report.stopped { try commit(shouldStop: shouldStop) }
        (report.forbiddenCharacters, report.firstForbiddenCharacter) = reader.forbiddenCharacters
        report.seconds = (ContinuousClock.now - started) / .seconds(1)
    }

    /// Counts a page, and cuts it into passages where it is a new or changed article.
    private mutating func take(_ page: DumpPage) throws {
        // Parts of several wikis may follow each other in one file; a commit is of one.
        let wiki = reader.site.identity
        if wikis.last != wiki {
            try commit(shouldStop: { false })
            wikis.append(wiki)
            idsBefore = IDSet(try catalog.sourceIDs(wiki: wiki))
            identities = PageIdentities()
        }
        site = reader.site
        counts.pages += 1
        defer { report.counts = counts }
        var titleBefore: String?
        if let id = page.id, identities.contains(id) {
            titleBefore =
                try articles.last { $0.sourceID == id }?.title
                ?? catalog.article(wiki: wiki, sourceID: id)?.title
        }
        let (id, isFirst) = identities.identity(of: page, titleBefore: titleBefore)
        guard isArticle(page) else {
            if isFirst, idsBefore.contains(id), let known = try catalog.article(wiki: wiki, sourceID: id) {
                removed.append(known.id)
            }
            return
        }
        if page.isTooLong {
            report.tooLong += 1
            return
        }
        var hash = SHA256()
        hash.update(data: Data("\(page.title)\u{0}".utf8))
        hash.update(data: page.wikitext)
        let digest = Array(hash.finalize().prefix(16))
        let mayBeKnown = !isFirst || id < 0 || idsBefore.contains(id)
        let known = mayBeKnown ? try catalog.article(wiki: wiki, sourceID: id) : nil
        if known?.digest == digest {
            report.unchanged += 1
            counts.articles += 1
            return
        }
        let article = Article(title: page.title, wikitext: page.wikitext, site: site)
        let passages = cutter.passages(of: article)
        if passages.isEmpty && known == nil {
            counts.empty += 1
            return
        }
        // A page may come twice; the last stays.
        isNew.append(known == nil && !articles.contains { $0.sourceID == id })
        articles.append(
            NewArticle(
                sourceID: id, title: page.title, url: reader.url(of: page), revision: page.revision,
                digest: digest, text: article.bytes,
                passages: passages.map { NewPassage(id: 0, sectionPath: $0.sectionPath, range: $0.range) }))
        texts += passages.map {
            Passage.encodedText(
                title: page.title, sectionPath: $0.sectionPath,
                body: String(decoding: article.bytes[$0.range], as: UTF8.self))
        }
    }

    /// Whether a page is an article; counts it where it is none.
    private mutating func isArticle(_ page: DumpPage) -> Bool {
        if page.redirectTarget != nil {
            counts.redirects += 1
        } else if page.namespace != 0 {
            counts.otherNamespaces += 1
        } else if page.model != nil, page.model != "wikitext" {
            counts.otherModels += 1
        } else {
            return true
        }
        return false
    }

    /// Takes out articles that the dump should have and does not.
    mutating func removeVanished(isWhole: Bool) throws {
        guard wikis.count == 1, let range = identities.range(isWhole: isWhole) else { return }
        let known = try catalog.articles(wiki: site.identity, sourceIDs: range)
        let gone = known.filter { !identities.contains($0.sourceID) }
        guard !gone.isEmpty else { return }
        // A dump that lacks most of what is known is an excerpt, and says nothing of the others.
        guard gone.count * 2 <= known.count else {
            report.missing = gone.count
            return
        }
        removed = gone.map(\.id)
        try commit(shouldStop: { false })
    }

    /// Encodes what was gathered, writes its segment and commits both.
    private mutating func commit(shouldStop: () -> Bool) throws {
        guard !articles.isEmpty || !removed.isEmpty else { return }
        var encoded: [Matrix] = []
        for start in stride(from: 0, to: texts.count, by: Indexer.passagesPerStep) {
            let end = min(start + Indexer.passagesPerStep, texts.count)
            encoded.append(
                try encoder.encode(
                    Array(texts[start..<end]), instruction: encoder.configuration.prompts.document))
            report.passages += end - start
            let isStopping = shouldStop()
            tell(isStopping: isStopping)
            guard !isStopping || end == texts.count else {
                // As if it had been killed here: the next run takes these articles again.
                report.passages -= end
                report.stopped = true
                return
            }
        }
        var next = try catalog.nextPassageID()
        for article in articles.indices {
            for passage in articles[article].passages.indices {
                articles[article].passages[passage].id = next
                next += 1
            }
        }
        let ids = articles.flatMap { $0.passages.map(\.id) }
        let file =
            ids.isEmpty ? nil : try segments.write(Matrix(stacking: encoded, rows: ids.count), ids: ids)
        try catalog.commit(
            site: SiteRecord(site), articles: articles, removed: removed,
            segment: file.map { ($0, encoder.fingerprint, ids.count) })
        counts.articles += articles.count
        counts.passages += ids.count
        report.counts = counts
        report.added += zip(articles, isNew).count { $0.1 }
        report.changed += zip(articles, isNew).count { !$0.1 }
        report.removed += removed.count
        removed.removeAll(keepingCapacity: true)
        articles.removeAll(keepingCapacity: true)
        isNew.removeAll(keepingCapacity: true)
        texts.removeAll(keepingCapacity: true)
        try segments.mergeTiers(shouldStop: shouldStop)
    }

    private func tell(isStopping: Bool) {
        progress(
            IndexingProgress(
                counts: counts, passages: report.passages, bytesRead: reader.bytesRead,
                totalBytes: reader.totalBytes, isStopping: isStopping,
                seconds: (ContinuousClock.now - started) / .seconds(1)))
    }
}
