import KindredStore
import KindredSystem

/// Progress of an indexing run.
public struct IndexingProgress: Sendable {
    /// Pages, files and records read so far.
    public let pages: Int
    /// Passages encoded in this run.
    public let passages: Int
    /// Passages that are read and not encoded yet.
    public let waiting: Int
    /// The source that is being read.
    public let source: String
    /// Bytes of the (possibly compressed) sources read so far.
    public let bytesRead: Int
    /// Bytes of all sources; nil if one is standard input.
    public let totalBytes: Int?
    /// Whether the run was asked to stop and only finishes its commit.
    public let isStopping: Bool
    /// Seconds since the run started.
    public let seconds: Double

    /// Passages still to be encoded: those that wait, and as many for each byte to come as for each byte so far. An
    /// estimate: texts differ, and those that did not change give no passage. nil where the end is not known.
    public var passagesToCome: Int? {
        guard let totalBytes, bytesRead > 0 else { return nil }
        let rest = Double(max(0, totalBytes - bytesRead)) / Double(bytesRead)
        return waiting + Int((Double(passages + waiting) * rest).rounded())
    }
}

/// What an indexing run did with one source: a dump, a file or a directory.
public struct SourceReport: Sendable {
    /// The source as it was named.
    public let name: String
    package var counts = SourceCounts()
    /// New documents.
    public package(set) var added = 0
    /// Documents whose text changed.
    public package(set) var changed = 0
    /// Documents that were indexed already.
    public package(set) var unchanged = 0
    /// Removed documents: gone from the source, or pages that are no articles any more.
    public package(set) var removed = 0
    /// Documents of the index that the source lacks and that stay, since they are too many to be removed unasked.
    public package(set) var missing = 0
    /// Characters that XML forbids; they became spaces.
    public package(set) var forbiddenCharacters = 0
    /// The first of them, with its line and byte.
    public package(set) var firstForbiddenCharacter: String?
    /// Passages encoded and committed in this run.
    public package(set) var passages = 0
    /// Whether the same file was read to its end before, so that it was not read again.
    public package(set) var alreadyComplete = false
    /// What is wrong with files or records that were skipped, at most 20 of them.
    public package(set) var errors: [String] = []
    /// Why the source could not be read to its end; what came before is indexed.
    public package(set) var failure: KindredError?

    init(name: String) { self.name = name }

    init(name: String, nothingToDo counts: SourceCounts) {
        self.name = name
        self.counts = counts
        unchanged = counts.articles
        alreadyComplete = true
    }

    /// Pages, files or records that were read or seen.
    public var pages: Int { counts.pages }
    /// Pages that redirect to another page.
    public var redirects: Int { counts.redirects }
    /// Documents of the source that are in the index now.
    public var articles: Int { counts.articles }
    /// What was not indexed, by reason.
    public var skipped: [String: Int] { counts.skipped }
}

/// Result of an indexing run.
public struct IndexingReport: Sendable {
    /// The sources in the order in which they were named.
    public package(set) var sources: [SourceReport] = []
    /// Duration of the run.
    public package(set) var seconds = 0.0
    /// Whether the run ended because it was asked to.
    public package(set) var stopped = false
    /// What the user should know of the encoder and the texts: that its vocabulary does not fit them.
    public package(set) var warning: String?

    /// New documents.
    public var added: Int { sum(\.added) }
    /// Documents whose text changed.
    public var changed: Int { sum(\.changed) }
    /// Documents that were indexed already.
    public var unchanged: Int { sum(\.unchanged) }
    /// Removed documents: gone from their source, or pages that are no articles any more.
    public var removed: Int { sum(\.removed) }
    /// Documents of the index that the sources lack and that stay.
    public var missing: Int { sum(\.missing) }
    /// Passages encoded and committed in this run.
    public var passages: Int { sum(\.passages) }
    /// Pages, files or records that were read or seen.
    public var pages: Int { sum(\.pages) }
    /// Pages that redirect to another page.
    public var redirects: Int { sum(\.redirects) }
    /// Documents of the sources that are in the index now.
    public var articles: Int { sum(\.articles) }
    /// Characters that XML forbids; they became spaces.
    public var forbiddenCharacters: Int { sum(\.forbiddenCharacters) }
    /// What was not indexed, by reason.
    public var skipped: [String: Int] {
        sources.reduce(into: [:]) { all, source in all.merge(source.skipped) { $0 + $1 } }
    }
    /// Whether every source was read to its end before, so that none was read again.
    public var alreadyComplete: Bool { sources.allSatisfy(\.alreadyComplete) }
    /// Why the first source that could not be read to its end could not; what came before is indexed.
    public var failure: KindredError? { sources.lazy.compactMap(\.failure).first }

    private func sum(_ value: (SourceReport) -> Int) -> Int { sources.reduce(0) { $0 + value($1) } }
}
