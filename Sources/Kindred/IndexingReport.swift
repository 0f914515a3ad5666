import KindredStore
import KindredSystem

/// Progress of an indexing run.
public struct IndexingProgress: Sendable {
    package let counts: SourceCounts
    /// Passages encoded in this run.
    public let passages: Int
    /// Bytes of the (possibly compressed) input read so far.
    public let bytesRead: Int
    /// Bytes of the input; nil for standard input.
    public let totalBytes: Int?
    /// Whether the run was asked to stop and only finishes its commit.
    public let isStopping: Bool
    /// Seconds since the run started.
    public let seconds: Double

    /// Pages read so far.
    public var pages: Int { counts.pages }
}

/// Result of an indexing run.
public struct IndexingReport: Sendable {
    package var counts = SourceCounts()
    /// New articles.
    public package(set) var added = 0
    /// Articles whose text changed.
    public package(set) var changed = 0
    /// Articles that were indexed already.
    public package(set) var unchanged = 0
    /// Removed articles: now redirects, in another namespace, of another content model, or gone from the wiki.
    public package(set) var removed = 0
    /// Articles of the index that the dump lacks and that stay, since it has fewer than half of those it could have.
    public package(set) var missing = 0
    /// Articles that are longer than the limit.
    public package(set) var tooLong = 0
    /// Characters that XML forbids; they became spaces.
    public package(set) var forbiddenCharacters = 0
    /// The first of them, with its line and byte.
    public package(set) var firstForbiddenCharacter: String?
    /// Passages encoded and committed in this run.
    public package(set) var passages = 0
    /// Duration of the run.
    public package(set) var seconds = 0.0
    /// Whether the run ended because it was asked to.
    public package(set) var stopped = false
    /// Whether the same file was read to its end before, so that it was not read again.
    public package(set) var alreadyComplete = false
    /// Why the dump could not be read to its end; what came before is indexed.
    public package(set) var failure: KindredError?

    init() {}

    init(nothingToDo counts: SourceCounts) {
        self.counts = counts
        unchanged = counts.articles
        alreadyComplete = true
    }

    /// Pages of the dump that were read.
    public var pages: Int { counts.pages }
    /// Pages that redirect to another page.
    public var redirects: Int { counts.redirects }
    /// Pages outside the article namespace.
    public var otherNamespaces: Int { counts.otherNamespaces }
    /// Pages whose content is not wikitext.
    public var otherModels: Int { counts.otherModels }
    /// Articles without any prose.
    public var empty: Int { counts.empty }
    /// Articles of the dump that are in the index now.
    public var articles: Int { counts.articles }
    var isComplete: Bool { !stopped && failure == nil }
}
