import Crypto
import Foundation
import KindredDocuments
import KindredStore
import KindredSystem
import SystemPackage

/// A source as a file: whether it is the one that was read before.
struct SourceFile {
    /// Absolute path; nil for directories, standard input and pipes, which are always read.
    private let path: String?
    private let identity: String
    /// Bytes; nil where they are not known beforehand.
    let size: Int?

    /// Whether the file's name says that it is a wiki's whole dump, "enwiki-20260101-pages-articles.xml.bz2": parts have a
    /// number after "articles".
    let isNamedWhole: Bool

    /// - Throws: `notFound`, `inputOutput`.
    init(_ source: DocumentSource, options: ReadingOptions) throws {
        let name = URL(fileURLWithPath: source.name).lastPathComponent
        isNamedWhole = name.firstMatch(of: /-pages-articles(-multistream)?\.xml/) != nil
        guard source.kind == .file else {
            path = nil
            identity = ""
            size = source.treeSize
            return
        }
        let file = try MappedFile(FilePath(source.name))
        path = source.path
        size = file.count
        let attributes = try? FileManager.default.attributesOfItem(atPath: source.name)
        let modified = (attributes?[.modificationDate] as? Date)?.timeIntervalSince1970 ?? 0
        // The ends tell dumps apart that were copied with one time and size; the whole would take minutes to read.
        let edge = min(file.count, 1 << 20)
        var digest = SHA256()
        digest.update(data: file.bytes(0..<edge))
        digest.update(data: file.bytes(file.count - edge..<file.count))
        digest.update(data: Data("\(options)".utf8))
        let ends = digest.finalize().prefix(16).hex
        identity = "\(file.count) \(modified) \(ends) \(DocumentSource.version)"
    }

    /// The counts of an earlier run that read this very file to its end.
    func completeRecord(in catalog: Catalog) throws -> SourceCounts? {
        guard let path, let known = try catalog.source(path: path) else { return nil }
        return known.complete && known.identity == identity ? known.counts : nil
    }

    func record(_ counts: SourceCounts, complete: Bool, in catalog: Catalog) throws {
        guard let path else { return }
        try catalog.record(SourceRecord(path: path, identity: identity, complete: complete, counts: counts))
    }
}
