import KindredSystem

/// A wiki that articles come from.
package struct SiteRecord: Hashable, Sendable {
    package var name: String
    /// The wiki's database name ("enwiki"), its identity in the catalogue.
    package var wiki: String
    package var base: String
    package var language: String

    package init(name: String, wiki: String, base: String, language: String) {
        self.name = name
        self.wiki = wiki
        self.base = base
        self.language = language
    }
}

/// An article on its way into the catalogue, with its passages in order.
package struct NewArticle: Sendable {
    package var sourceID: Int64
    package var title: String
    package var url: String
    package var revision: Int64?
    /// Digest of the article's source, to tell whether it changed.
    package var digest: [UInt8]
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

    package init(id: Int64, sectionPath: [String], range: Range<Int>) {
        self.id = id
        self.sectionPath = sectionPath
        self.range = range
    }
}

/// What the catalogue knows of an article before it is read again.
package struct KnownArticle: Sendable {
    package let id: Int64
    package let digest: [UInt8]
    package let title: String
}

/// A passage with what is shown of it.
package struct PassageRecord: Sendable {
    package let id: Int64
    package let articleID: Int64
    /// Position among the article's passages, from 0.
    package let ordinal: Int
    package let title: String
    package let url: String
    package let sectionPath: [String]
    package let text: String
}

/// An article as stored.
package struct ArticleRecord: Sendable {
    package let id: Int64
    package let title: String
    package let url: String
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
    package var pages = 0
    package var redirects = 0
    package var otherNamespaces = 0
    package var otherModels = 0
    package var empty = 0
    package var articles = 0
    package var passages = 0

    package init() {}
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
