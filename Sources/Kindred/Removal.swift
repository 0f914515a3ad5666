import Foundation
import KindredStore
import KindredSystem

/// Takes documents out of an index, or a whole index away. Searches continue meanwhile.
///
/// ```swift
/// let removal = try Removal(from: IndexDirectory(root: "indexes", name: "library"))
/// let filter = try SearchFilter(where: "date < 2010")
/// print(try removal.count(where: filter))
/// try removal.removeDocuments(where: filter)
/// ```
public struct Removal {
    private let directory: IndexDirectory
    private let catalog: Catalog
    private let lock: FileLock

    /// Takes the right to write.
    ///
    /// - Throws: `notFound`, `busy`, `invalidData`, `incompatible`.
    public init(from directory: IndexDirectory) throws {
        self.directory = directory
        guard try directory.exists else {
            throw KindredError(.notFound, "no index \"\(directory.name)\" in \(directory.root)")
        }
        lock = try directory.lockForWriting()
        catalog = try Catalog(path: directory.catalog, access: .write)
    }

    /// How many documents meet a condition.
    /// - Throws: `invalidRequest` for a field that no document has.
    public func count(where filter: SearchFilter) throws -> Int {
        try catalog.articles(where: filter.expression).count
    }

    /// Removes the documents that meet a condition. Indexing their source again adds them again.
    ///
    /// - Returns: how many.
    /// - Throws: as `count`; `inputOutput`.
    @discardableResult
    public func removeDocuments(where filter: SearchFilter) throws -> Int {
        let ids = try catalog.articles(where: filter.expression)
        guard !ids.isEmpty else { return 0 }
        try catalog.remove(articles: ids)
        let reference = try EncoderReference.current(of: directory, catalog)
        let segments = SegmentStore(directory, catalog: catalog, fingerprint: reference.fingerprint)
        try segments.sweep()
        try segments.compact(shouldStop: { false })
        return ids.count
    }

    /// Removes the index with all its files. Files that Kindred did not make stay.
    ///
    /// - Returns: names of what stays in the index's directory.
    /// - Throws: `inputOutput` where a file cannot be removed.
    @discardableResult
    public func removeIndex() throws -> [String] {
        // The encoder's reference goes first: without it there is no index, however far this gets.
        let files = FileManager.default
        func remove(_ path: String) throws {
            guard files.fileExists(atPath: path) else { return }
            do {
                try files.removeItem(atPath: path)
            } catch {
                throw KindredError(
                    .inputOutput, "cannot be removed; check the owner and mode of its directory",
                    at: .init(path: path), cause: error)
            }
        }
        try remove(directory.encoder.string)
        for file in try directory.segments.entries() where SegmentStore.makes(file) {
            try remove(directory.segments.appending(file).string)
        }
        for suffix in ["", "-journal", ".upgraded"] { try remove(directory.catalog.string + suffix) }
        try remove(directory.lock.string)
        var left: [String] = []
        for path in [directory.segments, directory.path] {
            let entries = try path.entries()
            if entries.isEmpty {
                try remove(path.string)
            } else {
                left += entries.filter { $0 != "segments" }
            }
        }
        return left
    }
}
