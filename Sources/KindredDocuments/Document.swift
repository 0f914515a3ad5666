import KindredSystem
import KindredWikipedia

/// A document as plain text with its sections, and what is known of it.
package struct Document: Sendable {
    package var title: String
    /// Where it is on the web; empty where it does not say.
    package var url = ""
    /// In UTF-8: headings and paragraphs, a blank line between them.
    package var text: [UInt8]
    /// The sections with text, in order.
    package var sections: [Article.Section]
    package var metadata: Metadata = [:]
    /// Links to other articles, a line each: text, tab, title of the target.
    package var anchors = ""
    /// Where paragraphs start: the offset in `text` and the line of the file, from 1, both in ascending order.
    package var lines: [(offset: Int, line: Int)] = []

    /// The line of the file in which the paragraph at an offset of the text starts; nil where lines do not tell.
    package func line(at offset: Int) -> Int? { lines.last { $0.offset <= offset }?.line }
}

/// What a source has next.
package enum SourceItem {
    case document(DocumentEntry)
    /// A page that leads to the article that has the title `target`.
    case redirect(id: Int64?, title: String, target: String)
    case skipped(Skipped)
}

/// A document that has been found, and not turned into text yet: that is left out where it has not changed.
package struct DocumentEntry {
    /// The number by which the source knows it; nil where it has none or none to rely on.
    package var id: Int64?
    /// What tells it from others of its collection where it has no number: its title, or path and record.
    package var key: String
    package var title: String
    /// Absolute path of its file; empty for a page of a wiki.
    package var path = ""
    /// Line of the file where a record starts, from 1.
    package var line: Int?
    package var revision: Int64?
    /// Of the source, 16 bytes.
    package var digest: [UInt8]
    /// Version of the code that turns it into text: what an earlier one read is read again.
    package var reader: Int
    /// Turns it into text; nil where it has none.
    package var load: () throws -> Document?
}

/// A page, file or record that is not indexed.
package struct Skipped: Sendable {
    /// A reason for which pages, files or records are not indexed, as reports name it.
    package struct Reason: Hashable, Sendable, ExpressibleByStringLiteral {
        package let name: String
        package init(stringLiteral name: String) { self.name = name }

        package static let otherNamespace: Reason = "of other namespaces"
        package static let otherModel: Reason = "not wikitext"
        package static let tooLong: Reason = "longer than --max-page"
        package static let empty: Reason = "without text"
        package static let hidden: Reason = "hidden"
        package static let ignored: Reason = "ignored by .gitignore"
        package static let otherType: Reason = "of other types"
        package static let symbolicLink: Reason = "symbolic links"
        package static let special: Reason = "not regular files"
        package static let binary: Reason = "binary"
        package static let encoding: Reason = "of unknown encoding"
        package static let unreadable: Reason = "not readable"
        package static let damaged: Reason = "damaged"
        package static let duplicate: Reason = "duplicate records"
        package static let judgments: Reason = "queries and judgments of a BEIR corpus"
        package static let dumpIndex: Reason = "index of a multistream dump"
    }

    /// Why a file or record is not indexed that cannot be read.
    package static func reason(_ error: KindredError) -> Reason {
        switch error.code {
        case .invalidData: error.message.hasPrefix("is not UTF-8") ? .encoding : .damaged
        case .invalidRequest: .otherType
        default: .unreadable
        }
    }

    package var reason: Reason
    /// The number of the page, where it has one: an article that the index may have.
    package var id: Int64?
    /// What stands in the way, where it is a fault of the input.
    package var error: KindredError?
    /// Absolute path of a file or directory that was not read to its end: nothing is known of the rest.
    package var unread: String?

    package init(_ reason: Reason, id: Int64? = nil, error: KindredError? = nil, unread: String? = nil) {
        self.reason = reason
        self.id = id
        self.error = error
        self.unread = unread
    }
}

/// Reads the documents of one source, one by one: a dump, a file in one of the formats, or the files of a directory.
package protocol DocumentReader: AnyObject {
    /// What the item that `next` returned last belongs to.
    var collection: DocumentCollection { get }
    /// Whether the source is one document, rather than a file or directory of many.
    var holdsOneDocument: Bool { get }
    /// Bytes of the source as it is stored, read so far, and in all; nil where they are not known beforehand.
    var bytesRead: Int { get }
    var totalBytes: Int? { get }

    /// The next item; nil at the end.
    ///
    /// - Throws: what keeps the reader from going on. A fault of one document is an item.
    func next() throws -> SourceItem?
}

extension DocumentReader {
    package var holdsOneDocument: Bool { false }
}
