import KindredSystem

/// An article or another document on its way into the catalogue, with its passages in order.
package struct NewArticle: Sendable {
    package var sourceID: Int64
    package var title: String
    package var url: String
    /// Absolute path of the file that it is, or is a record of; empty for a page of a wiki.
    package var path = ""
    /// Line of the file where the record starts, from 1; nil for a file that is one document.
    package var line: Int?
    package var revision: Int64?
    /// Version of the code that read it.
    package var reader = 0
    /// Digest of the article's source, to tell whether it changed.
    package var digest: [UInt8]
    package var metadata: Metadata = [:]
    /// Its links to other articles, a line each: text, tab, title of the target.
    package var anchors = ""
    /// In UTF-8.
    package var text: [UInt8]
    package var passages: [NewPassage]

    package init(
        sourceID: Int64, title: String, url: String, revision: Int64?, digest: [UInt8], text: [UInt8],
        passages: [NewPassage]
    ) {
        self.sourceID = sourceID
        self.title = title
        self.url = url
        self.revision = revision
        self.digest = digest
        self.text = text
        self.passages = passages
    }
}

/// A passage of a `NewArticle`.
package struct NewPassage: Sendable {
    /// Given out by `Catalog.nextPassageID` before the passage's vector is written.
    package var id: Int64
    package var sectionPath: [String]
    /// UTF-8 bytes of the article's text.
    package var range: Range<Int>
    /// Line of the file where it starts, from 1; nil where lines do not tell.
    package var line: Int?

    package init(id: Int64, sectionPath: [String], range: Range<Int>, line: Int? = nil) {
        self.id = id
        self.sectionPath = sectionPath
        self.range = range
        self.line = line
    }
}

/// What the catalogue knows of an article before it is read again.
package struct KnownArticle: Sendable {
    package let id: Int64
    package let digest: [UInt8]
    package let title: String
    /// Version of the code that read it.
    package let reader: Int
}

/// A page that redirects to another one.
package struct RedirectRecord: Hashable, Sendable {
    package var sourceID: Int64
    package var title: String
    package var target: String

    package init(sourceID: Int64, title: String, target: String) {
        self.sourceID = sourceID
        self.title = title
        self.target = target
    }
}

/// A passage with what is shown of it.
package struct PassageRecord: Sendable {
    package let id: Int64
    package let articleID: Int64
    /// Position among the article's passages, from 0.
    package let ordinal: Int
    package let title: String
    package let url: String
    /// Absolute path of the file; empty for a page of a wiki.
    package let path: String
    /// Line of the file where it starts, from 1; nil where lines do not tell.
    package let line: Int?
    package let metadata: Metadata
    /// In which the full-text index has it.
    package let language: KeywordLanguage
    package let sectionPath: [String]
    package let text: String
}

/// An article as stored.
package struct ArticleRecord: Sendable {
    package let id: Int64
    package let title: String
    package let url: String
    /// Absolute path of the file; empty for a page of a wiki.
    package let path: String
    package let metadata: Metadata
    package let text: String
    /// (id, section path, UTF-8 range), in order.
    package let passages: [(id: Int64, sectionPath: [String], range: Range<Int>)]
}

/// A segment file that the catalogue names; what it does not name does not exist.
package struct SegmentRecord: Hashable, Sendable {
    package let id: Int64
    /// File name below `segments/`.
    package let file: String
    /// Of the encoder that made its vectors.
    package let fingerprint: Fingerprint
    package let count: Int
}

/// What was counted while a source was read.
package struct SourceCounts: Hashable, Sendable, Codable {
    /// Pages of a dump, files, or records.
    package var pages = 0
    package var redirects = 0
    package var articles = 0
    package var passages = 0
    /// What was not indexed, by reason.
    package var skipped: [String: Int] = [:]

    package init() {}

    package mutating func skip(_ reason: String, _ count: Int = 1) { skipped[reason, default: 0] += count }

    /// Adds the counts of another source.
    package mutating func add(_ other: SourceCounts) {
        pages += other.pages
        redirects += other.redirects
        articles += other.articles
        passages += other.passages
        skipped.merge(other.skipped) { $0 + $1 }
    }
}

/// A dump that was read, wholly or in part.
package struct SourceRecord: Sendable {
    package let path: String
    /// Size, modification time and digests of its ends: whether it is the same file as before.
    package let identity: String
    package let complete: Bool
    package let counts: SourceCounts

    package init(path: String, identity: String, complete: Bool, counts: SourceCounts) {
        self.path = path
        self.identity = identity
        self.complete = complete
        self.counts = counts
    }
}

/// Rows of the catalogue.
package struct CatalogCounts: Sendable {
    package let articles: Int
    package let passages: Int
    package let deletions: Int
    /// LZ4 bytes and plain bytes of the stored texts.
    package let compressedTextBytes: Int
    package let textBytes: Int
}
