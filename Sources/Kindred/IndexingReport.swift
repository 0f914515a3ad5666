import KindredStore
import KindredSystem

/// How far an indexing run is.
public struct IndexingProgress: Sendable {
    package let counts: SourceCounts
    /// Passages encoded in this run.
    public let passages: Int
    /// Bytes of the input, compressed where it is compressed, read so far and in all (nil for standard input).
    public let bytesRead: Int
    public let totalBytes: Int?
    /// Whether the run was asked to stop and only finishes its commit.
    public let isStopping: Bool
    public let seconds: Double

    public var pages: Int { counts.pages }
}

/// What an indexing run did.
public struct IndexingReport: Sendable {
    package var counts = SourceCounts()
    /// Articles that are new, that replaced an older text, and that were there already.
    public package(set) var added = 0
    public package(set) var changed = 0
    public package(set) var unchanged = 0
    /// Articles that were taken out: redirects by now, in another namespace, of another model, or gone from the wiki.
    public package(set) var removed = 0
    /// Articles of the index that the dump lacks and that stay, since it has fewer than half of those it could have.
    public package(set) var missing = 0
    /// Articles that are longer than the limit.
    public package(set) var tooLong = 0
    /// Characters that XML does not allow, which became spaces, and which and where the first was.
    public package(set) var forbiddenCharacters = 0
    public package(set) var firstForbiddenCharacter: String?
    /// Passages encoded and committed in this run.
    public package(set) var passages = 0
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
