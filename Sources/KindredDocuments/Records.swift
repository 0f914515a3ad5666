import Crypto
import Foundation
import KindredSystem
import KindredWikipedia

/// A record of a file with many: names and values, in the order of the file.
struct FileRecord {
    /// Line where it starts, from 1.
    let line: Int
    let fields: [(name: String, values: [MetadataValue])]
    /// Whether the format tells numbers from texts.
    let isTyped: Bool
}

/// What stands in a file of records next.
enum FileRecordItem {
    case record(FileRecord)
    case damaged(KindredError)
}

/// Reads the records of a file in one format.
protocol RecordFormat: AnyObject {
    /// Raised whenever the same file would give other documents.
    static var version: Int { get }

    /// - Throws: what keeps it from going on. A fault of one record is an item.
    func next() throws -> FileRecordItem?
}

/// Makes a document of each record of a file.
final class RecordReader: DocumentReader {
    let collection: DocumentCollection
    private let path: String
    private let source: ByteSource
    private let format: any RecordFormat
    private let options: ReadingOptions
    private var fields: RecordFields
    private var seen: Set<[UInt8]> = []

    var bytesRead: Int { source.bytesRead }
    var totalBytes: Int? { source.totalBytes }

    /// - Parameter path: absolute.
    init(_ source: ByteSource, path: String, format: any RecordFormat, options: ReadingOptions) {
        self.source = source
        self.path = path
        self.format = format
        self.options = options
        fields = RecordFields(options)
        collection = .files(language: options.language)
    }

    func next() throws -> SourceItem? {
        switch try format.next() {
        case nil: nil
        case .damaged(let error): .skipped(Skipped(.damaged, error: error))
        case .record(let record): try item(record)
        }
    }

    private func item(_ record: FileRecord) throws -> SourceItem {
        let parts = try fields.parts(of: record, name: source.name)
        let size = record.fields.reduce(0) { $0 + $1.values.reduce(0) { $0 + $1.description.utf8.count } }
        guard size <= options.longest else { return .skipped(Skipped(.tooLong)) }
        var hash = SHA256()
        for (name, values) in record.fields {
            hash.update(data: Data(name.utf8))
            for value in values { hash.update(data: Data("\u{0}\(value)".utf8)) }
            hash.update(data: Data([1]))
        }
        let digest = Array(hash.finalize().prefix(16))
        // A record without an id is known by its content, so that one that is put before it changes nothing.
        let key = parts.id ?? digest.hex
        let known = Array(SHA256.hash(data: Data(key.utf8)).prefix(16))
        guard seen.insert(known).inserted else { return .skipped(Skipped(.duplicate)) }
        let title = parts.title.isEmpty ? Self.title(parts) : parts.title
        return .document(
            DocumentEntry(
                key: "\(path)\u{0}\(key)", title: title, path: path, line: record.line, digest: digest,
                reader: type(of: format).version,
                load: { Self.document(parts, title: title, line: record.line) }))
    }

    /// A record without a title is named by its id, or by how its text begins.
    private static func title(_ parts: RecordFields.Parts) -> String {
        let first = parts.text.prefix(200).split(whereSeparator: \.isWhitespace).prefix(8).joined(
            separator: " ")
        return parts.id ?? (first.isEmpty ? "untitled" : first + (parts.text.count > first.count ? " …" : ""))
    }

    private static func document(_ parts: RecordFields.Parts, title: String, line: Int) -> Document? {
        var builder = DocumentBuilder()
        TextParagraphs.forEach(in: parts.text) { piece in
            switch piece {
            case .heading(let text, let level): builder.begin(text, level: level)
            // The record's line is known, and not those of its text.
            case .paragraph(let text, _): builder.add(text, line: line)
            }
        }
        guard var document = builder.finish(title: title) else { return nil }
        document.url = parts.url
        document.metadata = parts.metadata
        return document
    }
}

/// Which fields of a record are its text, title, URL and id.
struct RecordFields {
    struct Parts {
        var text = ""
        var title = ""
        var url = ""
        var id: String?
        var metadata: Metadata = [:]
    }

    private static let usualTexts = ["text", "content", "body", "contents", "passage", "document", "article"]
    private static let usualTitles = ["title", "name", "headline", "heading", "subject"]
    private static let usualURLs = ["url", "link", "uri", "href"]
    private static let usualIDs = ["_id", "id", "doc_id", "docid", "document_id", "uuid", "key"]

    private let options: ReadingOptions

    init(_ options: ReadingOptions) { self.options = options }

    /// - Throws: `invalidRequest` where the record has no field of the text's name.
    func parts(of record: FileRecord, name: String) throws -> Parts {
        var parts = Parts()
        var taken: Set<Int> = []
        func find(_ wanted: [String]) -> Int? {
            for name in wanted {
                if let index = record.fields.firstIndex(where: { $0.name.lowercased() == name.lowercased() })
                {
                    return index
                }
            }
            return nil
        }
        func take(_ named: String?, _ usual: [String]) -> String? {
            guard let index = find(named.map { [$0] } ?? usual), !taken.contains(index) else { return nil }
            taken.insert(index)
            return Self.joined(record.fields[index].values)
        }
        if options.textFields.isEmpty {
            guard let text = take(nil, Self.usualTexts) else {
                let names = record.fields.map(\.name).prefix(20).joined(separator: ", ")
                throw KindredError(
                    .invalidRequest,
                    "no field is known to hold the text; name it with --text-field (there are: \(names))",
                    at: .init(path: name, line: record.line))
            }
            parts.text = text
        } else {
            parts.text = options.textFields.compactMap { take($0, []) }.filter { !$0.isEmpty }.joined(
                separator: "\n\n")
        }
        parts.title = take(options.titleField, Self.usualTitles)?.trimmed ?? ""
        parts.url = take(options.urlField, Self.usualURLs)?.trimmed ?? ""
        parts.id = take(options.idField, Self.usualIDs)?.trimmed
        if parts.id?.isEmpty == true { parts.id = nil }
        for (index, field) in record.fields.enumerated() where !taken.contains(index) {
            for value in field.values {
                let meant = record.isTyped ? value : MetadataValue(parsing: value.description)
                parts.metadata.add(field.name, meant)
            }
        }
        return parts
    }

    private static func joined(_ values: [MetadataValue]) -> String {
        values.map(\.description).joined(separator: "\n\n")
    }
}
