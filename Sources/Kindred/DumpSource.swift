import Crypto
import Foundation
import KindredStore
import KindredSystem
import KindredWikipedia
import SystemPackage

/// A dump as a file: whether it is the one that was read before.
struct DumpSource {
    /// Absolute path; nil for standard input and pipes, which are always read.
    private let path: String?
    private let identity: String

    /// Whether the file's name says that it is a wiki's whole dump, "enwiki-20260101-pages-articles.xml.bz2": parts have a
    /// number after "articles".
    let isNamedWhole: Bool

    /// - Throws: `notFound`, `inputOutput`, `invalidData` for a directory.
    init(path: String) throws {
        let name = URL(fileURLWithPath: path).lastPathComponent
        isNamedWhole = name.firstMatch(of: /-pages-articles(-multistream)?\.xml/) != nil
        guard path != "-", FileKind(path) != .pipe else {
            self.path = nil
            identity = ""
            return
        }
        let file = try MappedFile(FilePath(path))
        self.path = URL(fileURLWithPath: path).standardizedFileURL.path
        let attributes = try? FileManager.default.attributesOfItem(atPath: path)
        let modified = (attributes?[.modificationDate] as? Date)?.timeIntervalSince1970 ?? 0
        // The ends tell dumps apart that were copied with one time and size; the whole would take minutes to read.
        let edge = min(file.count, 1 << 20)
        var digest = SHA256()
        digest.update(data: file.bytes(0..<edge))
        digest.update(data: file.bytes(file.count - edge..<file.count))
        let ends = digest.finalize().prefix(16).hex
        identity = "\(file.count) \(modified) \(ends)"
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

extension DumpSite {
    /// What tells this wiki from others in one index.
    var identity: String { database.isEmpty ? (base.isEmpty ? name : base) : database }
}

extension SiteRecord {
    init(_ site: DumpSite) {
        self.init(name: site.name, wiki: site.identity, base: site.base, language: site.language ?? "")
    }
}
