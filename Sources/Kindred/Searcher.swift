import Foundation
import KindredEncoder
import KindredIndex
import KindredStore
import KindredSystem
import SystemPackage

@_exported import enum KindredIndex.SearchMode
@_exported import enum KindredSystem.MetadataValue

/// A passage that answers a query.
public struct SearchHit: Sendable {
    /// From 1.
    public let rank: Int
    /// Larger is better, on the mode's own scale: hybrid from 0 to 1, semantic a cosine, keyword BM25 with proximity.
    public let score: Double
    /// Title of the article.
    public let title: String
    /// The headings above the passage, outermost first.
    public let sectionPath: [String]
    /// URL of the article; only the title if the dump names no site.
    public let url: String
    /// Absolute path of the file; empty for a page of a wiki.
    public let path: String
    /// Line of the file where the passage starts, from 1; nil if lines do not tell.
    public let line: Int?
    /// What is known of the document beside its text.
    public let metadata: [String: [MetadataValue]]
    /// Identifies the article within the index.
    public let articleID: Int64
    /// Identifies the passage within the index; a new text of the article gets new passages.
    public let passageID: Int64
    /// Text of the passage, without title and headings.
    public let text: String
    /// In which the full-text index has the passage.
    package let language: KeywordLanguage
}

/// The answers to a query.
public struct SearchResults: Sendable {
    /// The query, without surrounding white space.
    public let query: String
    /// The mode that was asked for.
    public let mode: SearchMode
    /// Best first.
    public let hits: [SearchHit]
    /// Time of the search, encoding included.
    public let milliseconds: Double
    /// What the answers lack and what to do; nil if they are complete.
    public let warning: String?
    /// For each field that was asked for, how many of the documents that were found have each value, the most frequent
    /// first. The documents are those of the ranked passages: at least the best hundred of each half in a hybrid search.
    public let facets: [String: [FacetCount]]
    /// Words that the index does not have, with those by which passages were found instead. Empty for a semantic search.
    public let corrections: [QueryCorrection]
}

/// A word of a query that the index does not have, and the one that was searched instead: the most frequent one that
/// differs by a letter.
public struct QueryCorrection: Hashable, Sendable {
    /// As it is in the query.
    public let word: String
    /// As the index has it, in lower case.
    public let correction: String
}

/// How many documents have a value.
public struct FacetCount: Sendable {
    /// The value.
    public let value: MetadataValue
    /// Documents that have it.
    public let count: Int
}

/// A condition on the documents that may answer.
public struct SearchFilter: Sendable {
    package let expression: FilterExpression

    /// - Parameters:
    ///   - condition: for example `category = 'Physics' and length > 2000 and date >= 2020`. Documentation/filters.md has
    ///     the grammar.
    ///   - titlePrefix: how the title must begin.
    /// - Throws: `invalidRequest` with the place where the condition is none.
    public init(where condition: String, titlePrefix: String? = nil) throws {
        let expression = try FilterExpression(parsing: condition)
        self.expression = titlePrefix.map { expression.and(FilterExpression(titlePrefix: $0)) } ?? expression
    }

    /// - Parameter titlePrefix: how the title must begin, without the case of ASCII letters.
    public init(titlePrefix: String) { expression = FilterExpression(titlePrefix: titlePrefix) }
}

/// The vector of a query, with what encoded it.
package struct EncodedQuery: Sendable {
    package let vector: [Float]
    package let fingerprint: Fingerprint

    package init(vector: [Float], fingerprint: Fingerprint) {
        self.vector = vector
        self.fingerprint = fingerprint
    }
}

/// Answers queries from one index. It sees a writer's commits as they happen, and is safe to use from several threads.
///
/// ```swift
/// let searcher = try Searcher(IndexDirectory(root: "indexes", name: "enwiki"))
/// for hit in try searcher.search("what keeps a bridge from swaying", limit: 5).hits {
///     print(hit.rank, hit.title, hit.score)
/// }
/// ```
public final class Searcher: @unchecked Sendable {
    /// Maximum characters of a query: far more than a question has, and cheap to encode.
    public static let maximumQueryLength = 10_000

    /// The index that is searched.
    public let directory: IndexDirectory
    package let catalog: Catalog
    private let encoders: OpenEncoders

    // Opened on first use and renewed when a writer has committed; guarded by `lock`.
    private let lock = NSLock()
    private var snapshot: Snapshot?

    /// The index as of one commit: segments, and the encoder that made their vectors.
    private struct Snapshot {
        let generation: Catalog.Generation
        let encoder: TextEncoder
        /// With which of their vectors are not deleted; nil where all are there.
        let segments: [(segment: Segment, live: SegmentFilter?)]
    }

    /// - Throws: `notFound`, `invalidData`, `incompatible`.
    public convenience init(_ directory: IndexDirectory) throws {
        try self.init(directory, encoders: OpenEncoders())
    }

    /// - Parameter encoders: where an encoder is taken from if another index uses it too.
    /// - Throws: as `init(_:)`.
    package init(_ directory: IndexDirectory, encoders: OpenEncoders) throws {
        self.directory = directory
        self.encoders = encoders
        catalog = try Catalog(path: directory.catalog, access: .read)
        _ = try EncoderReference(reading: directory.encoder)
    }

    /// Loads the encoder and maps the segments now, so that the first query does not pay for it.
    /// - Throws: `incompatible` if the model is not the one that wrote the index. Queries report damaged segments.
    public func prepare() throws {
        do { _ = try currentSnapshot() } catch is DamagedSegment {}
    }

    /// The `limit` best passages for `query`.
    ///
    /// Words in quotation marks must stand in a passage in this order, in any inflection; `-word` and `-"two words"` exclude
    /// passages that hold them. Both hold for every mode. A word that the index does not have is corrected for the keyword
    /// half.
    ///
    /// A hybrid search answers by keywords alone, with a warning, where a segment cannot be read.
    ///
    /// - Parameters:
    ///   - query: words or a question; at most `maximumQueryLength` characters.
    ///   - mode: by what passages are found.
    ///   - limit: hits, at most; 1 to 1,000.
    ///   - efSearch: candidates that the walk through the graph keeps: more find more and take longer; nil: the default.
    ///   - filter: which documents may answer; nil for all. It goes into the walk, which passes over the others.
    ///   - facets: fields whose values are counted.
    /// - Throws: `invalidData` where the index is damaged; `invalidRequest` for a query without any letter or digit, of
    ///   exclusions only or of more than `maximumQueryLength` characters, and for a field that no document has.
    public func search(
        _ query: String, mode: SearchMode = .hybrid, limit: Int = 10, efSearch: Int? = nil,
        filter: SearchFilter? = nil, facets: [String] = []
    ) throws -> SearchResults {
        try search(
            query, mode: mode, limit: limit, efSearch: efSearch, filter: filter, facets: facets, encoded: nil)
    }

    /// As above, for a query that has been encoded already.
    package func search(
        _ query: String, mode: SearchMode, limit: Int, efSearch: Int? = nil, filter: SearchFilter?,
        facets: [String], encoded: EncodedQuery?
    ) throws -> SearchResults {
        let started = ContinuousClock.now
        let query = query.trimmingCharacters(in: .whitespacesAndNewlines)
        try Self.check(query, limit: limit)
        let depth = max(limit, mode == .hybrid || !facets.isEmpty ? Fusion.candidates : 0)
        let parsed = try KeywordQuery(query)
        let allowed = try allowed(filter, parsed)
        var ranked: [ScoredPassage] = []
        var corrections: [KeywordCorrection] = []
        var warning: String?
        if mode != .semantic {
            let answer = try catalog.keywordSearch(parsed, limit: depth, among: allowed)
            (ranked, corrections) = (answer.passages, answer.corrections)
        }
        if mode != .keyword {
            do {
                let semantic = try semantic(
                    parsed.text, encoded, limit: depth, efSearch: efSearch, among: allowed)
                ranked =
                    mode == .semantic
                    ? semantic : Fusion.standard.fuse(semantic: semantic, keyword: ranked)
            } catch let error as DamagedSegment {
                guard mode == .hybrid else { throw error.reason }
                warning = "these passages are found by keywords alone: \(error.reason.description)"
            }
        }
        let best = ranked.prefix(limit)
        let passages = try catalog.passages(best.map(\.id))
        let hits = best.compactMap { found in passages[found.id].map { ($0, found.score) } }
            .enumerated().map { index, found in
                SearchHit(
                    rank: index + 1, score: found.1, title: found.0.title, sectionPath: found.0.sectionPath,
                    url: found.0.url, path: found.0.path, line: found.0.line, metadata: found.0.metadata,
                    articleID: found.0.articleID, passageID: found.0.id, text: found.0.text,
                    language: found.0.language)
            }
        let counts = try facetCounts(facets, of: ranked)
        let elapsed = (ContinuousClock.now - started) / .milliseconds(1)
        return SearchResults(
            query: query, mode: mode, hits: hits, milliseconds: elapsed, warning: warning, facets: counts,
            corrections: corrections.map { QueryCorrection(word: $0.word, correction: $0.correction) })
    }

    /// What encodes queries of this index now, and the text of a query that is encoded: without what it excludes.
    ///
    /// - Throws: as `search` for what is no query.
    package func encoding(of query: String) throws -> (encoder: TextEncoder, text: String) {
        let query = query.trimmingCharacters(in: .whitespacesAndNewlines)
        try Self.check(query, limit: 1)
        let text = try KeywordQuery(query).text
        do { return (try currentSnapshot().encoder, text) } catch let error as DamagedSegment {
            throw error.reason
        }
    }

    /// The article that a hit is from, with the hit's range in it (UTF-8 bytes).
    public func article(of hit: SearchHit) throws -> (text: String, passage: Range<Int>) {
        let article = try catalog.article(hit.articleID)
        guard let passage = article.passages.first(where: { $0.id == hit.passageID }) else {
            throw KindredError(.notFound, "the article \"\(hit.title)\" has changed since; search again")
        }
        return (article.text, passage.range)
    }

    // MARK: Pieces

    /// The passages that may answer; nil for all.
    private func allowed(_ filter: SearchFilter?, _ query: KeywordQuery) throws -> IDSet? {
        let matching = try catalog.passages(matching: query)
        guard let filter else { return matching }
        var allowed = try catalog.passages(where: filter.expression)
        if let matching { allowed.formIntersection(matching) }
        return allowed
    }

    /// Values of a facet that are listed, at most.
    private static let facetValues = 100

    private func facetCounts(
        _ fields: [String], of ranked: [ScoredPassage]
    ) throws -> [String: [FacetCount]] {
        guard !fields.isEmpty else { return [:] }
        let articles = try catalog.articleIDs(ofPassages: ranked.map(\.id))
        var counts: [String: [FacetCount]] = [:]
        for field in fields {
            counts[field] = try catalog.facet(field, ofArticles: articles, limit: Self.facetValues).map {
                FacetCount(value: $0.value, count: $0.count)
            }
        }
        return counts
    }

    private static func check(_ query: String, limit: Int) throws {
        guard query.contains(where: { $0.isLetter || $0.isNumber || $0.isSymbol }) else {
            let what = query.isEmpty ? "is empty" : "has no letter, digit or symbol"
            throw KindredError(.invalidRequest, "the query \(what); write what you want to find")
        }
        guard query.count <= maximumQueryLength else {
            throw KindredError(
                .invalidRequest,
                "the query has \(query.count) characters and may have \(maximumQueryLength); ask with less text"
            )
        }
        guard (1...1000).contains(limit) else {
            throw KindredError(.invalidRequest, "the number of results must be 1 to 1000, not \(limit)")
        }
    }

    private func semantic(
        _ query: String, _ encoded: EncodedQuery?, limit: Int, efSearch: Int?, among allowed: IDSet?
    ) throws -> [ScoredPassage] {
        let snapshot = try currentSnapshot()
        let vector =
            try encoded.flatMap { $0.fingerprint == snapshot.encoder.fingerprint ? $0.vector : nil }
            ?? snapshot.encoder.encode(
                [query], instruction: snapshot.encoder.configuration.prompts.query, threads: 1
            ).row(0)
        let efSearch = max(efSearch ?? Segment.defaultEfSearch, limit)
        var found: [Neighbor] = []
        for (segment, live) in snapshot.segments {
            found += try reading(segment.path) {
                // No deleted passage is allowed.
                let filter = try allowed.map { allowed in try SegmentFilter(segment, where: allowed.contains)
                }
                return try segment.search(vector, k: limit, efSearch: efSearch, filter: filter ?? live)
            }
        }
        return Array(
            found.map { ScoredPassage(id: $0.id, score: Double($0.score)) }.ranked().prefix(limit))
    }

    /// A live segment that cannot be read, although no writer has replaced it.
    private struct DamagedSegment: Error {
        let reason: KindredError
    }

    private func reading<Value>(_ path: FilePath, _ body: () throws -> Value) throws -> Value {
        do {
            return try body()
        } catch let error as KindredError where SegmentStore.damages.contains(error.code) {
            throw DamagedSegment(reason: SegmentStore.damaged(directory, error))
        }
    }

    /// The live segments, mapped. Between reading the catalogue and mapping, a writer may remove files or switch the encoder.
    /// The catalogue's generation has then changed, and a retry finds the new files.
    private func currentSnapshot() throws -> Snapshot {
        try lock.withLock {
            var attempts = 0
            while true {
                let generation = try catalog.generation()
                if let snapshot, snapshot.generation == generation { return snapshot }
                do {
                    let opened = try open(generation)
                    snapshot = opened
                    return opened
                } catch {
                    guard attempts < 5, try catalog.generation() != generation else { throw error }
                    attempts += 1
                }
            }
        }
    }

    private func open(_ generation: Catalog.Generation) throws -> Snapshot {
        let reference = try EncoderReference.current(of: directory, catalog)
        let (records, deletions) = try catalog.segmentsAndDeletions()
        let known = Dictionary(
            (snapshot?.segments ?? []).map { ($0.segment.path, $0.segment) },
            uniquingKeysWith: { first, _ in first })
        let segments = try records.map { record -> (Segment, SegmentFilter?) in
            let path = directory.segments.appending(record.file)
            return try reading(path) {
                let segment = try known[path] ?? Segment(path: path, fingerprint: reference.fingerprint)
                let live = try deletions.isEmpty ? nil : SegmentFilter(segment) { !deletions.contains($0) }
                return (segment, live)
            }
        }
        var encoder = snapshot?.encoder
        if encoder?.fingerprint != reference.fingerprint {
            encoder = try encoders.encoder(reference.fingerprint) {
                try reference.open(index: directory.name)
            }
        }
        return Snapshot(generation: generation, encoder: encoder!, segments: segments)
    }
}
