import Foundation
import KindredSystem
import SystemPackage

@_exported import struct KindredSystem.KindredError

/// Where an index lives: `indexes/NAME/`.
///
/// | name | content |
/// |---|---|
/// | `catalog.sqlite` | articles, passages, full-text index, and which segments are live |
/// | `segments/NNNNNN.hnsw` | vectors; immutable |
/// | `encoder.json` | which model answers queries here |
/// | `writer.lock` | held by the one process that writes |
public struct IndexDirectory: Hashable, Sendable {
    /// The directory that holds all indexes.
    public let root: FilePath
    /// Name of the index; 1 to 64 letters, digits, `-`, `_` and `.`.
    public let name: String

    /// - Parameters:
    ///   - root: the directory that holds all indexes.
    ///   - name: 1 to 64 letters, digits, `-`, `_` and `.`, not starting with a dot.
    /// - Throws: `invalidRequest` for any other name.
    public init(root: FilePath, name: String) throws {
        let allowed = name.unicodeScalars.allSatisfy {
            ("a"..."z").contains($0) || ("A"..."Z").contains($0) || ("0"..."9").contains($0)
                || "-_.".unicodeScalars.contains($0)
        }
        guard allowed, (1...64).contains(name.utf8.count), !name.hasPrefix(".") else {
            throw KindredError(
                .invalidRequest,
                "\"\(name.prefix(80))\" cannot name an index; use 1 to 64 letters, digits, '-', '_' and '.', "
                    + "not starting with a dot")
        }
        self.root = root
        self.name = name
    }

    package var path: FilePath { root.appending(name) }
    package var catalog: FilePath { path.appending("catalog.sqlite") }
    package var segments: FilePath { path.appending("segments") }
    package var encoder: FilePath { path.appending("encoder.json") }
    package var lock: FilePath { path.appending("writer.lock") }

    /// Whether there is an index of this name.
    /// - Throws: `inputOutput` where its directory may not be entered.
    public var exists: Bool {
        get throws { try encoder.isThere() && catalog.isThere() }
    }

    /// The indexes below `root`, by name, with those whose directories may not be entered; none where there is no `root`.
    /// - Throws: `inputOutput` where `root` cannot be read; `invalidData` where it is a file.
    public static func all(in root: FilePath) throws -> [IndexDirectory] {
        try root.entries().compactMap { try? IndexDirectory(root: root, name: $0) }
            .filter { (try? $0.exists) ?? true }
    }

    /// The index called `name`, or the only one there is.
    /// - Throws: `notFound` where there is none of the name; `invalidRequest` where a name is needed.
    public static func find(_ name: String?, in root: FilePath) throws -> IndexDirectory {
        let named = try name.map { try IndexDirectory(root: root, name: $0) }
        if let named, try named.exists { return named }
        let all = try all(in: root)
        let names = all.map(\.name).joined(separator: ", ")
        if let name {
            let known =
                all.isEmpty ? "there are none yet; make one with 'kindred index DUMP'" : "there are: \(names)"
            throw KindredError(.notFound, "no index \"\(name)\" in \(root); \(known)")
        }
        guard let only = all.first else {
            throw KindredError(.notFound, "no index in \(root); make one with 'kindred index DUMP'")
        }
        guard all.count == 1 else {
            throw KindredError(.invalidRequest, "there are several indexes; name one with --index: \(names)")
        }
        return only
    }

    /// Makes the directories where they are missing.
    package func create() throws { try AtomicFile.makeDirectory(segments) }

    /// Takes the right to write, for as long as the value is held.
    package func lockForWriting() throws -> FileLock {
        try FileLock(
            lock,
            busy: busy)
    }

    private var busy: String {
        "another process is writing the index \"\(name)\"; wait for it to end, then run this again"
    }

    /// Keeps writers out while the index is checked, also where it may only be read; nil where no writer ever was.
    package func lockForReading() throws -> FileLock? {
        try lock.isThere() ? FileLock(reading: lock, busy: busy) : nil
    }

    /// Bytes on disk of every file below the directory, by part.
    package func bytesOnDisk() -> (catalog: Int, segments: Int, other: Int) {
        var bytes = (catalog: 0, segments: 0, other: 0)
        let files = FileManager.default.enumerator(atPath: path.string)
        while let file = files?.nextObject() as? String {
            let attributes = try? FileManager.default.attributesOfItem(atPath: path.appending(file).string)
            guard attributes?[.type] as? FileAttributeType == .typeRegular else { continue }
            let size = (attributes?[.size] as? Int) ?? 0
            if file.hasPrefix("catalog.sqlite") {
                bytes.catalog += size
            } else if file.hasPrefix("segments/") {
                bytes.segments += size
            } else {
                bytes.other += size
            }
        }
        return bytes
    }
}
