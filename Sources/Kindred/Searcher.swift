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
    public internal(set) var rank: Int
    /// Larger is better, on the mode's own scale: hybrid from 0 to 1, semantic a cosine, keyword BM25 with proximity. A
    /// hybrid score is relative to the other candidates of the query; `relevance` is not.
    public let score: Double
    /// The probability that the passage answers the query, 0 to 1, comparable between queries and modes. nil for an
    /// encoder other than the one that ships with Kindred, and where the passage's vector cannot be read.
    public internal(set) var relevance: Double?
    /// Cosine of query and passage, from -1 to 1; nil where `relevance` is.
    public internal(set) var cosine: Double?
    /// Share of the query's words that the passage, its title and its headings hold, weighted by how rare they are, from 0
    /// to 1; nil where `relevance` is.
    public internal(set) var wordShare: Double?
    /// Number of the article among those that answer, from 1; nil where hits are not grouped by article.
    public internal(set) var articleRank: Int?
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

    init(_ passage: PassageRecord, rank: Int, score: Double) {
        self.rank = rank
        self.score = score
        title = passage.title
        sectionPath = passage.sectionPath
        url = passage.url
        path = passage.path
        line = passage.line
        metadata = passage.metadata
        articleID = passage.articleID
        passageID = passage.id
        text = passage.text
        language = passage.language
    }
}

/// The answers to a query.
public struct SearchResults: Sendable {
    /// The query, without surrounding white space.
    public let query: String
    /// The mode that was asked for.
    public let mode: SearchMode
    /// Best first.
    public internal(set) var hits: [SearchHit]
    /// Time of the search, encoding of the query included; without loading the encoder and the segments.
    public let milliseconds: Double
    /// Whether even the best passage is unlikely to answer the query. False where relevance is not known.
    public let nothingRelevant: Bool
    /// Passages that were found and left out because their relevance lies below the minimum.
    public let omitted: Int
    /// Whether the hits are grouped by article.
    public let isGrouped: Bool
    /// What the answers lack and what to do; nil if they are complete.
    public let warning: String?
    /// For each field that was asked for, how many of the documents that were found have each value, the most frequent
    /// first. The documents are those of the ranked passages: at least the best hundred of each half in a hybrid search.
    public let facets: [String: [FacetCount]]
    /// Words that the index does not have, with those by which passages were found instead. Empty for a semantic search.
    public let corrections: [QueryCorrection]

    /// The same with the first hits only.
    package func prefix(_ count: Int) -> SearchResults {
        var results = self
        results.hits = Array(hits.prefix(count))
        return results
    }
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

    /// Both conditions, of those that are given; nil where neither is.
    /// - Throws: as `init(where:titlePrefix:)`.
    package static func parsing(condition: String?, titlePrefix: String?) throws -> SearchFilter? {
        if let condition { return try SearchFilter(where: condition, titlePrefix: titlePrefix) }
        return titlePrefix.map { SearchFilter(titlePrefix: $0) }
    }

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

        /// The vector of a query.
        func vector(_ query: String) throws -> [Float] {
            try encoder.encode([query], instruction: encoder.configuration.prompts.query, threads: 1).row(0)
        }
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
    /// A document whose title is the query, or that redirects with this title lead to, comes first with its first passage.
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
    ///   - grouping: how the hits are arranged.
    ///   - minimumRelevance: passages of less are left out, 0 to 1; nil for none.
    /// - Throws: `invalidData` where the index is damaged; `invalidRequest` for a query without any letter or digit, of
    ///   exclusions only or of more than `maximumQueryLength` characters, for a field that no document has, and for a
    ///   minimum where relevance is not known.
    public func search(
        _ query: String, mode: SearchMode = .hybrid, limit: Int = 10, efSearch: Int? = nil,
        filter: SearchFilter? = nil, facets: [String] = [], grouping: SearchGrouping = .none,
        minimumRelevance: Double? = nil
    ) throws -> SearchResults {
        try search(
            query, mode: mode, limit: limit, efSearch: efSearch, filter: filter, facets: facets,
            grouping: grouping, minimumRelevance: minimumRelevance, encoded: nil)
    }

    /// As above, for a query that has been encoded already.
    package func search(
        _ query: String, mode: SearchMode, limit: Int, efSearch: Int? = nil, filter: SearchFilter?,
        facets: [String], grouping: SearchGrouping, minimumRelevance: Double?, encoded: EncodedQuery?
    ) throws -> SearchResults {
        let query = query.trimmingCharacters(in: .whitespacesAndNewlines)
        let parsed = try Self.parsed(query)
        try Self.check(limit: limit, minimumRelevance)
        // Loading is not part of the time of a search. The part that needs what cannot be loaded reports why.
        _ = try? currentSnapshot()
        let started = ContinuousClock.now
        let isWide = mode == .hybrid || !facets.isEmpty || grouping != .none
        let depth = max(
            limit * (grouping == .none ? 1 : SearchGrouping.passagesPerArticle),
            isWide ? Fusion.candidates : 0)
        let allowed = try allowed(filter, parsed)
        var ranked: [ScoredPassage] = []
        var keyword: KeywordAnswer?
        var warning: String?
        if mode != .semantic {
            let found = try catalog.keywordSearch(parsed, limit: depth, among: allowed)
            ranked = found.passages
            keyword = found
        }
        var semantic: SemanticAnswer?
        if mode != .keyword {
            do {
                let found = try self.semantic(
                    parsed.text, encoded, limit: depth, efSearch: efSearch, among: allowed)
                ranked =
                    mode == .semantic
                    ? found.passages : Fusion.standard.fuse(semantic: found.passages, keyword: ranked)
                semantic = found
            } catch let error as DamagedSegment {
                guard mode == .hybrid else { throw error.reason }
                warning = "these passages are found by keywords alone: \(error.reason.description)"
            }
        }
        let leads = try leads(query, among: allowed, ranked)
        ranked = Self.first(leads, ranked)

        var chosen = ranked.prefix(limit).map { (passage: $0, article: Int?.none) }
        if grouping != .none {
            let articles = try catalog.articles(ofPassages: ranked.map(\.id))
            if grouping == .article || SearchGrouping.isOneSided(ranked.prefix(limit), of: articles) {
                chosen = SearchGrouping.groups(ranked, of: articles, limit: limit).map {
                    ($0.passage, $0.article)
                }
            }
        }
        let isGrouped = chosen.first?.article != nil
        let passages = try catalog.passages(chosen.map(\.passage.id))
        var hits = chosen.compactMap { found -> SearchHit? in
            guard let passage = passages[found.passage.id] else { return nil }
            var hit = SearchHit(passage, rank: 0, score: found.passage.score)
            hit.articleRank = found.article
            return hit
        }
        let model = try rate(&hits, parsed, keyword, semantic)
        let best = hits.compactMap(\.relevance).max()
        let isNothing =
            leads.isEmpty && model.map { model in best.map { $0 < model.threshold } ?? false } ?? false
        var omitted = 0
        if let minimumRelevance, !hits.isEmpty {
            guard model != nil else { throw unrated(warning) }
            let found = hits.count
            hits.removeAll { ($0.relevance ?? 0) < minimumRelevance }
            omitted = found - hits.count
        }
        Self.number(&hits)
        let counts = try facetCounts(facets, of: ranked)
        let elapsed = (ContinuousClock.now - started) / .milliseconds(1)
        return SearchResults(
            query: query, mode: mode, hits: hits, milliseconds: elapsed, nothingRelevant: isNothing,
            omitted: omitted, isGrouped: isGrouped, warning: warning, facets: counts,
            corrections: (keyword?.corrections ?? []).map {
                QueryCorrection(word: $0.word, correction: $0.correction)
            })
    }

    /// What encodes queries of this index now, and the text of a query that is encoded: without what it excludes.
    ///
    /// - Throws: as `search` for what is no query.
    package func encoding(of query: String) throws -> (encoder: TextEncoder, text: String) {
        let text = try Self.parsed(query).text
        do { return (try currentSnapshot().encoder, text) } catch let error as DamagedSegment {
            throw error.reason
        }
    }

    /// The article that a hit is from, with the hit's range in it (UTF-8 bytes).
    public func article(of hit: SearchHit) throws -> (text: String, passage: Range<Int>) {
        let (text, passages) = try wholeArticle(of: hit)
        return (text, passages.first { $0.id == hit.passageID }!.range)
    }

    /// The names that a condition may use: those of every document first.
    package func filterFields() throws -> [String] {
        try FilterExpression.standardFields + catalog.metadataFields()
    }

    /// The article that a hit is from: its passages with their headings and ranges (UTF-8 bytes of the text), in order.
    /// - Throws: `notFound` where the article has changed since.
    package func wholeArticle(
        of hit: SearchHit
    ) throws -> (text: String, passages: [(id: Int64, sectionPath: [String], range: Range<Int>)]) {
        let article = try catalog.article(hit.articleID)
        guard article.passages.contains(where: { $0.id == hit.passageID }) else {
            throw KindredError(.notFound, "the article \"\(hit.title)\" has changed since; search again")
        }
        return (article.text, article.passages)
    }

    // MARK: Pieces

    /// The first passages of documents whose title is the query, those that a filter excludes left out.
    private func leads(_ query: String, among allowed: IDSet?, _ ranked: [ScoredPassage]) throws -> [Int64] {
        try catalog.leadPassages(titled: query, among: ranked.prefix(Fusion.candidates).map(\.id))
            .filter { allowed?.contains($0) ?? true }
    }

    /// A ranking with some passages before all others. One that was not found has the score of the best that was.
    private static func first(_ leads: [Int64], _ ranked: [ScoredPassage]) -> [ScoredPassage] {
        guard !leads.isEmpty else { return ranked }
        let best = ranked.first?.score ?? 0
        return leads.map { lead in
            ranked.first { $0.id == lead } ?? ScoredPassage(id: lead, score: best)
        } + ranked.filter { !leads.contains($0.id) }
    }

    /// Numbers hits, and the articles of those that are grouped, from 1 without gaps.
    private static func number(_ hits: inout [SearchHit]) {
        var articles: [Int] = []
        for index in hits.indices {
            hits[index].rank = index + 1
            guard let article = hits[index].articleRank else { continue }
            if articles.last != article { articles.append(article) }
            hits[index].articleRank = articles.count
        }
    }

    /// Sets the relevance of hits.
    ///
    /// - Parameters:
    ///   - keyword: nil where the keyword half was not asked.
    ///   - semantic: nil where the semantic half was not asked, or could not answer.
    /// - Returns: nil where relevance is not known.
    /// - Throws: `invalidData` where the catalogue is damaged.
    private func rate(
        _ hits: inout [SearchHit], _ query: KeywordQuery, _ keyword: KeywordAnswer?,
        _ semantic: SemanticAnswer?
    ) throws -> RelevanceModel? {
        guard !hits.isEmpty else { return nil }
        let snapshot: Snapshot
        do { snapshot = try semantic?.snapshot ?? currentSnapshot() } catch { return nil }
        guard let model = RelevanceModel.fitted(to: snapshot.encoder.fingerprint) else { return nil }
        var cosines: [Int64: Double] = [:]
        for passage in semantic?.passages ?? [] { cosines[passage.id] = passage.score }
        var missing = Set(hits.lazy.map(\.passageID).filter { cosines[$0] == nil })
        do {
            let vector = try semantic?.vector ?? snapshot.vector(query.text)
            for (segment, _) in snapshot.segments where !missing.isEmpty {
                for found in try segment.similarities(vector, of: missing) {
                    cosines[found.id] = Double(found.score)
                    missing.remove(found.id)
                }
            }
        } catch let error as KindredError where SegmentStore.damages.contains(error.code) {
            // The passages are found all the same.
            return nil
        }
        let words = try catalog.words(of: query, in: keyword)
        for index in hits.indices {
            let hit = hits[index]
            guard let cosine = cosines[hit.passageID] else { continue }
            let share = words.share(
                heldBy: [hit.title] + hit.sectionPath + [hit.text], language: hit.language)
            hits[index].cosine = cosine
            hits[index].wordShare = share
            hits[index].relevance = model.probability(cosine: cosine, wordShare: share)
        }
        return model
    }

    /// Why a minimum of relevance cannot be met.
    private func unrated(_ warning: String?) -> KindredError {
        if let warning { return KindredError(.invalidData, "no relevance is known: \(warning)") }
        return KindredError(
            .invalidRequest,
            "relevance is known only with the encoder that ships with Kindred, and the index \"\(directory.name)\" has "
                + "another one or its vectors cannot be read; search without a minimum")
    }

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
        let known = try catalog.articles(ofPassages: ranked.map(\.id))
        var seen: Set<Int64> = []
        let articles = ranked.compactMap { known[$0.id] }.filter { seen.insert($0).inserted }
        var counts: [String: [FacetCount]] = [:]
        for field in fields {
            counts[field] = try catalog.facet(field, ofArticles: articles, limit: Self.facetValues).map {
                FacetCount(value: $0.value, count: $0.count)
            }
        }
        return counts
    }

    /// A query as its parts.
    /// - Throws: `invalidRequest` for what is no query.
    package static func parsed(_ query: String) throws -> KeywordQuery {
        let query = query.trimmingCharacters(in: .whitespacesAndNewlines)
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
        return try KeywordQuery(query)
    }

    private static func check(limit: Int, _ minimumRelevance: Double?) throws {
        guard (1...1000).contains(limit) else {
            throw KindredError(.invalidRequest, "the number of results must be 1 to 1000, not \(limit)")
        }
        if let minimumRelevance, !(0...1).contains(minimumRelevance) {
            throw KindredError(
                .invalidRequest, "the minimum of relevance must be 0 to 1, not \(minimumRelevance)")
        }
    }

    /// What the semantic half found, and by what.
    private struct SemanticAnswer {
        let passages: [ScoredPassage]
        let vector: [Float]
        let snapshot: Snapshot
    }

    private func semantic(
        _ query: String, _ encoded: EncodedQuery?, limit: Int, efSearch: Int?, among allowed: IDSet?
    ) throws -> SemanticAnswer {
        let snapshot = try currentSnapshot()
        let vector =
            try encoded.flatMap { $0.fingerprint == snapshot.encoder.fingerprint ? $0.vector : nil }
            ?? snapshot.vector(query)
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
        let passages = found.map { ScoredPassage(id: $0.id, score: Double($0.score)) }.ranked().prefix(limit)
        return SemanticAnswer(passages: Array(passages), vector: vector, snapshot: snapshot)
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
