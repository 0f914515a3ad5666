import Crypto
import Foundation
import KindredDocuments
import KindredEncoder
import KindredIndex
import KindredStore
import KindredSystem
import KindredTensors
import KindredWikipedia

/// A source that is open, with what was read of it until the first document or the first page of a dump.
struct OpenSource {
    let source: DocumentSource
    let reader: any DocumentReader
    let first: [SourceItem]

    /// - Throws: what opening the source and reading the first document throws; `invalidData` for a file that is no text.
    init(_ source: DocumentSource) throws {
        self.source = source
        reader = try source.open()
        var first: [SourceItem] = []
        while var item = try reader.next() {
            if reader.holdsOneDocument, case .document(var entry) = item {
                // A file that cannot be read leaves no trace either.
                let document = try entry.load()
                entry.load = { document }
                item = .document(entry)
            }
            first.append(item)
            guard case .skipped(let skipped) = item else { break }
            if reader.holdsOneDocument {
                throw skipped.error
                    ?? KindredError(
                        .invalidData, "is not indexed: it is \(skipped.reason.name)",
                        at: .init(path: source.name))
            }
            if reader is DumpFile { break }
        }
        self.first = first
    }

    /// Whether an error is one of the source rather than of the index.
    static func isFault(_ error: KindredError) -> Bool {
        [.notFound, .invalidData, .invalidRequest, .unavailable, .inputOutput].contains(error.code)
    }

    /// The error for a directory without any document.
    var nothingToRead: KindredError {
        var counts = SourceCounts()
        for case .skipped(let skipped) in first { counts.skip(skipped.reason.name) }
        let skipped = counts.skipped.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }
        return KindredError(
            .invalidData,
            "has no file that Kindred reads (.txt, .md, .html, .pdf, .jsonl, .csv, dumps)"
                + (skipped.isEmpty ? "" : "; skipped: \(skipped.joined(separator: ", "))"),
            at: .init(path: source.name))
    }

    var hasDocument: Bool {
        first.contains { if case .skipped = $0 { false } else { true } }
    }
}

/// One run of an `Indexer`: the batch that is being gathered, and what was counted.
struct IndexingRun {
    private let encoder: TextEncoder
    private let catalog: Catalog
    private let segments: SegmentStore
    private let progress: (IndexingProgress) -> Void
    private let cutter: PassageCutter
    private let counter: TokenCounter
    private let started = ContinuousClock.now
    /// Bytes of each source; nil where they are not known.
    private let sizes: [Int?]

    private(set) var report = IndexingReport()
    /// The source that is being read.
    private(set) var source = SourceReport(name: "")
    private var reader: (any DocumentReader)?
    /// Whether the run ends because it was asked to.
    var stopped = false
    /// Whether titles by which articles are found may have changed.
    private(set) var changedTitles = false

    /// Documents that are read but not committed, whether each is new, and all their passages' texts as the encoder
    /// sees them.
    private var articles: [NewArticle] = []
    private var isNew: [Bool] = []
    private var texts: [String] = []
    /// Documents whose text stays, and pages that redirect.
    private var refreshed: [(id: Int64, article: NewArticle)] = []
    private var redirects: [RedirectRecord] = []
    /// The collection that these are of, and all of the source so far.
    private var collection = DocumentCollection.files(language: "")
    private var collections: [String] = []
    /// Ids of articles, in the catalogue, that the source says are articles no more.
    private var removed: [Int64] = []
    private var identities = PageIdentities()
    /// Numbers of the files and records of this source.
    private var filesSeen: Set<Int64> = []
    /// Files and directories of this source that were not read to their end.
    private var unread: [String] = []
    /// The collection that these are in.
    private var filesCollection = ""
    /// Numbers of the collection's documents that the catalogue had before: only these need to be looked up.
    private var known = PageNumbers()

    /// More waiting pages without text than this are committed.
    private static let waitingAtMost = 4096
    /// Errors of one source whose text is kept.
    private static let errorsKept = 20

    init(
        encoder: TextEncoder, catalog: Catalog, segments: SegmentStore, sizes: [Int?],
        progress: @escaping (IndexingProgress) -> Void
    ) {
        self.encoder = encoder
        self.catalog = catalog
        self.segments = segments
        self.sizes = sizes
        self.progress = progress
        let counter = TokenCounter(encoder)
        self.counter = counter
        cutter = PassageCutter(budget: Indexer.tokensPerPassage) { counter.count($0) }
    }

    /// Whether the source was read to its end.
    var isSourceComplete: Bool { !stopped && source.failure == nil }

    /// Records a source that is not read.
    mutating func skip(_ report: SourceReport) { self.report.sources.append(report) }

    mutating func fail(_ source: DocumentSource, _ error: KindredError) {
        if self.source.name != source.name { self.source = SourceReport(name: source.name) }
        self.source.failure = error
    }

    mutating func endSource() {
        guard !source.name.isEmpty else { return }
        report.sources.append(source)
        report.stopped = stopped
        report.warning = counter.fit.warning
        report.seconds = (ContinuousClock.now - started) / .seconds(1)
        source = SourceReport(name: "")
        reader = nil
    }

    /// Reads a source to its end.
    ///
    /// A batch is committed whole or not at all. When the run is asked to stop, one that is not encoded yet is dropped:
    /// that keeps the batches, and with them the index, the same however often a run was interrupted, and a stop does not
    /// wait for an article of thousands of passages.
    mutating func index(_ open: OpenSource, shouldStop: () -> Bool) throws {
        source = SourceReport(name: open.source.name)
        reader = open.reader
        collections = []
        identities = PageIdentities()
        filesSeen = []
        unread = []
        for item in open.first { try take(item) }
        while !stopped {
            if shouldStop() {
                stopped = true
                break
            }
            if texts.count >= Indexer.passagesPerCommit
                || articles.count + refreshed.count + redirects.count + removed.count > Self.waitingAtMost
            {
                try commit(shouldStop: shouldStop)
                if stopped { break }
            }
            let item: SourceItem?
            do {
                item = try open.reader.next()
            } catch let error as KindredError where error.code == .interrupted {
                stopped = true
                break
            } catch let error as KindredError where OpenSource.isFault(error) {
                source.failure = error
                break
            }
            guard let item else { break }
            try take(item)
        }
        if !stopped { try commit(shouldStop: shouldStop) }
        if source.failure == nil, open.source.kind != .directory, source.counts.articles == 0,
            let first = source.errors.first
        {
            source.failure = KindredError(
                .invalidData, "no document of \(source.name) can be read; the first error: \(first)")
        }
        if let dump = open.reader as? DumpFile {
            (source.forbiddenCharacters, source.firstForbiddenCharacter) = dump.forbiddenCharacters
        }
    }

    // MARK: Items

    private mutating func take(_ item: SourceItem) throws {
        try enter(reader?.collection ?? collection)
        switch item {
        case .skipped(let skipped):
            source.counts.pages += 1
            source.counts.skip(skipped.reason.name)
            if let error = skipped.error { note(error) }
            if let path = skipped.unread { unread.append(path) }
            if let id = skipped.id, identities.note(id) { try drop(id) }
        case .redirect(let id, let title, let target):
            source.counts.pages += 1
            source.counts.redirects += 1
            let (number, isFirst) = identities.identity(id: id, title: title, titleBefore: nil)
            if isFirst { try drop(number) }
            guard !target.isEmpty, target != title else { return }
            redirects.append(RedirectRecord(sourceID: number, title: title, target: target))
            changedTitles = true
        case .document(let entry):
            source.counts.pages += 1
            try take(entry)
        }
    }

    private mutating func note(_ error: KindredError) {
        if source.errors.count < Self.errorsKept { source.errors.append(error.description) }
    }

    /// Has an article removed that is none any more.
    private mutating func drop(_ number: Int64) throws {
        guard known.contains(number),
            let old = try catalog.article(wiki: collection.identity, sourceID: number)
        else { return }
        removed.append(old.id)
    }

    /// Parts of several wikis may follow each other in one file; a commit is of one.
    private mutating func enter(_ next: DocumentCollection) throws {
        guard collections.last != next.identity else {
            collection = next
            return
        }
        try commit(shouldStop: { false })
        collections.append(next.identity)
        collection = next
        known = PageNumbers(try catalog.sourceIDs(wiki: next.identity))
        identities = PageIdentities()
    }

    private mutating func take(_ entry: DocumentEntry) throws {
        let number: Int64
        let isFirst: Bool
        if let id = entry.id, id > 0, entry.path.isEmpty {
            var titleBefore: String?
            if identities.contains(id) {
                titleBefore =
                    try articles.last { $0.sourceID == id }?.title
                    ?? catalog.article(wiki: collection.identity, sourceID: id)?.title
            }
            (number, isFirst) = identities.identity(id: id, title: entry.title, titleBefore: titleBefore)
        } else {
            (number, isFirst) = (PageIdentities.number(of: entry.key), true)
            if !entry.path.isEmpty {
                filesSeen.insert(number)
                filesCollection = collection.identity
            }
        }
        let mayBeKnown = !isFirst || known.contains(number)
        let old = mayBeKnown ? try catalog.article(wiki: collection.identity, sourceID: number) : nil
        if let old, old.digest == entry.digest, old.reader == entry.reader {
            source.unchanged += 1
            source.counts.articles += 1
            return
        }
        let document: Document?
        do {
            document = try entry.load()
        } catch let error as KindredError where [.invalidData, .unavailable].contains(error.code) {
            source.counts.skip(Skipped.reason(error).name)
            return note(error)
        }
        guard let document else {
            if let old { removed.append(old.id) }
            source.counts.skip(Skipped.Reason.empty.name)
            return
        }
        take(document, entry, number: number, old: old)
    }

    private mutating func take(
        _ document: Document, _ entry: DocumentEntry, number: Int64, old: KnownArticle?
    ) {
        let passages = cutter.passages(
            title: document.title, text: document.text, sections: document.sections)
        guard !passages.isEmpty else {
            if let old { removed.append(old.id) }
            return source.counts.skip(Skipped.Reason.empty.name)
        }
        var article = NewArticle(
            sourceID: number, title: document.title, url: document.url, revision: entry.revision,
            digest: entry.digest, text: document.text,
            passages: passages.map {
                NewPassage(
                    id: 0, sectionPath: $0.sectionPath, range: $0.range,
                    line: document.line(at: $0.range.lowerBound))
            })
        article.path = entry.path
        article.line = entry.line
        article.reader = entry.reader
        article.metadata = document.metadata
        article.anchors = document.anchors
        // A page may come twice; the last stays.
        let isWaiting = articles.contains { $0.sourceID == number }
        // What was read differently, and says the same, need not be encoded again.
        if let old, !isWaiting,
            (try? catalog.article(old.id)).map({ Self.isSame($0, article) }) == true
        {
            refreshed.append((old.id, article))
            source.unchanged += 1
            source.counts.articles += 1
            return
        }
        changedTitles = true
        isNew.append(old == nil && !isWaiting)
        articles.append(article)
        texts += passages.map {
            Passage.encodedText(
                title: document.title, sectionPath: $0.sectionPath,
                body: String(decoding: document.text[$0.range], as: UTF8.self))
        }
    }

    private static func isSame(_ old: ArticleRecord, _ new: NewArticle) -> Bool {
        old.title == new.title && old.text.utf8.elementsEqual(new.text)
            && old.passages.count == new.passages.count
            && zip(old.passages, new.passages).allSatisfy {
                $0.sectionPath == $1.sectionPath && $0.range == $1.range
            }
    }

    // MARK: Removal

    /// Takes out documents that the source had before and has no more.
    ///
    /// - Parameters:
    ///   - isWhole: whether a dump is known to be all of its wiki.
    ///   - mayRemove: whether the documents may be removed; gets how many are gone and of how many.
    mutating func removeVanished(
        from source: DocumentSource, isWhole: Bool, mayRemove: (Int, Int) -> Bool
    ) throws {
        if let path = source.path, !(reader is DumpFile) {
            let before = try catalog.articles(below: path)
            // Read again in another language, a document is in another collection.
            removed = before.filter { filesSeen.contains($0.sourceID) && $0.collection != filesCollection }
                .map(\.id)
            try commit(shouldStop: { false })
            // Of what could not be read nothing tells that it is gone.
            let gone = before.filter { known in
                !filesSeen.contains(known.sourceID)
                    && !unread.contains { known.path == $0 || known.path.hasPrefix($0 + "/") }
            }
            try remove(gone.map(\.id), of: before.count, mayRemove)
        }
        // The pages of dumps have no path.
        guard collections.count == 1, let range = identities.range(isWhole: isWhole) else { return }
        let wiki = collection.identity
        let before = try catalog.articles(wiki: wiki, sourceIDs: range)
        let isRemoved = try remove(
            before.filter { !identities.contains($0.sourceID) }.map(\.id), of: before.count, mayRemove)
        guard isRemoved else { return }
        let gone = try catalog.redirectIDs(wiki: wiki).filter {
            range.contains($0) && !identities.contains($0)
        }
        if !gone.isEmpty { changedTitles = true }
        try catalog.removeRedirects(wiki: wiki, sourceIDs: gone)
    }

    @discardableResult
    private mutating func remove(_ gone: [Int64], of known: Int, _ mayRemove: (Int, Int) -> Bool) throws
        -> Bool
    {
        guard !gone.isEmpty else { return true }
        guard mayRemove(gone.count, known) else {
            source.missing += gone.count
            return false
        }
        removed = gone
        try commit(shouldStop: { false })
        return true
    }

    // MARK: Commits

    /// Encodes what was gathered, writes its segment and commits both.
    private mutating func commit(shouldStop: () -> Bool) throws {
        guard !articles.isEmpty || !removed.isEmpty || !refreshed.isEmpty || !redirects.isEmpty else {
            return
        }
        var encoded: [Matrix] = []
        for start in stride(from: 0, to: texts.count, by: Indexer.passagesPerStep) {
            let end = min(start + Indexer.passagesPerStep, texts.count)
            encoded.append(
                try encoder.encode(
                    Array(texts[start..<end]), instruction: encoder.configuration.prompts.document))
            source.passages += end - start
            let isStopping = shouldStop()
            tell(waiting: texts.count - end, isStopping: isStopping)
            guard !isStopping || end == texts.count else {
                // As if it had been killed here: the next run takes these articles again.
                source.passages -= end
                stopped = true
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
            site: collection, articles: articles, refreshed: refreshed, removed: removed,
            redirects: redirects, segment: file.map { ($0, encoder.fingerprint, ids.count) })
        source.counts.articles += articles.count
        source.counts.passages += ids.count
        source.added += zip(articles, isNew).count { $0.1 }
        source.changed += zip(articles, isNew).count { !$0.1 }
        source.removed += removed.count
        if !removed.isEmpty { changedTitles = true }
        removed.removeAll(keepingCapacity: true)
        refreshed.removeAll(keepingCapacity: true)
        redirects.removeAll(keepingCapacity: true)
        articles.removeAll(keepingCapacity: true)
        isNew.removeAll(keepingCapacity: true)
        texts.removeAll(keepingCapacity: true)
        if !ids.isEmpty { try segments.mergeTiers(shouldStop: shouldStop) }
    }

    private func tell(waiting: Int, isStopping: Bool) {
        let done = sizes.prefix(report.sources.count).reduce(0) { $0 + ($1 ?? 0) }
        let total = sizes.contains(nil) ? nil : sizes.reduce(0) { $0 + ($1 ?? 0) }
        progress(
            IndexingProgress(
                pages: report.pages + source.counts.pages, passages: report.passages + source.passages,
                waiting: waiting, source: source.name, bytesRead: done + (reader?.bytesRead ?? 0),
                totalBytes: total,
                isStopping: isStopping, seconds: (ContinuousClock.now - started) / .seconds(1)))
    }
}

/// Counts the tokens of texts, and how well the vocabulary fits them.
private final class TokenCounter {
    private let encoder: TextEncoder
    private(set) var fit = VocabularyFit()

    init(_ encoder: TextEncoder) { self.encoder = encoder }

    func count(_ text: String) -> Int {
        let tokens = encoder.tokenCount(text)
        fit.add(bytes: text.utf8.count, tokens: tokens)
        return tokens
    }
}
