import SystemPackage

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The calls that make a file durable. Tests put others in their place, which fail, write a part, or do nothing.
package struct FileLayer: Sendable {
    /// `write(2)`: descriptor, bytes; how many were written, or -1 with `errno`.
    package var write: @Sendable (CInt, RawSpan) -> Int
    /// `fsync(2)` of a file.
    package var sync: @Sendable (CInt) -> CInt
    /// `rename(2)`: from, to.
    package var rename: @Sendable (String, String) -> CInt
    /// `fsync(2)` of a directory.
    package var syncDirectory: @Sendable (CInt) -> CInt

    package init(
        write: @escaping @Sendable (CInt, RawSpan) -> Int,
        sync: @escaping @Sendable (CInt) -> CInt,
        rename: @escaping @Sendable (String, String) -> CInt,
        syncDirectory: @escaping @Sendable (CInt) -> CInt
    ) {
        self.write = write
        self.sync = sync
        self.rename = rename
        self.syncDirectory = syncDirectory
    }

    package static let system = FileLayer(
        write: { systemWrite($0, $1) }, sync: { fsync($0) }, rename: { systemRename($0, $1) },
        syncDirectory: { fsync($0) })
}

/// A file that appears under its name whole or not at all.
///
/// Bytes go to a temporary file beside it, whose name is new and which is locked while it is written; `commit()` syncs
/// it, renames it, and syncs the directory. A writer that is dropped before that removes the temporary file; one that
/// is killed leaves it for the next writer of the same name. Where the name is a symbolic link, the file that it
/// points to is replaced, not the link. What has no content to replace is written through: "-" and whatever else is
/// standard output, devices and pipes.
package final class AtomicFile {
    package let path: FilePath
    /// Bytes written so far.
    package private(set) var count = 0
    /// The file's own name, and where its bytes go until then; nil where they are written through.
    private let replacement: (target: FilePath, temporary: FilePath)?
    private let files: FileLayer
    private var descriptor: CInt
    private var isRenamed = false
    private var pending: [UInt8] = []
    private static let capacity = 1 << 18

    /// - Throws: `cannotCreate`, `inputOutput`; `invalidData` for a directory.
    package init(_ path: FilePath, files: FileLayer = .system) throws {
        self.path = path
        self.files = files
        switch try OutputPlace(path) {
        case .through(let opened):
            replacement = nil
            descriptor = opened
        case .file(let target, let old):
            let made = try TemporaryFile.make(for: target, like: old)
            replacement = (target, made.path)
            descriptor = made.descriptor
        }
        pending.reserveCapacity(Self.capacity)
    }

    deinit {
        if let replacement, !isRenamed { TemporaryFile.remove(replacement.temporary) }
        if descriptor >= 0 { close(descriptor) }
    }

    /// Whether a name is that of a file that a killed writer left.
    package static func isTemporary(_ name: String) -> Bool { TemporaryFile.isOurs(name) }

    package func write(_ bytes: [UInt8]) throws { try write(bytes[...]) }

    package func write(_ bytes: ArraySlice<UInt8>) throws {
        pending.append(contentsOf: bytes)
        count += bytes.count
        if pending.count >= Self.capacity { try flush() }
    }

    /// Writes the elements of a buffer as they lie in memory.
    package func write<Element>(_ buffer: AlignedBuffer<Element>, _ range: Range<Int>? = nil) throws {
        let range = range ?? 0..<buffer.count
        try flush()
        try buffer.withBytes(range) { try writeAll($0) }
        count += range.count * MemoryLayout<Element>.stride
    }

    /// Makes the file durable under its name.
    package func commit() throws {
        precondition(descriptor >= 0, "committed twice")
        try flush()
        guard let (target, temporary) = replacement else {
            close(descriptor)
            descriptor = -1
            return
        }
        KillPoint.fileWritten.pass()
        try retryingOnInterrupt("sync", path) { Int(files.sync(descriptor)) }
        KillPoint.fileSynced.pass()
        try retryingOnInterrupt("rename", path, creating: true) {
            Int(files.rename(temporary.string, target.string))
        }
        isRenamed = true
        TemporaryFile.forget()
        close(descriptor)
        descriptor = -1
        KillPoint.fileRenamed.pass()
        try Self.syncDirectory(target.removingLastComponent(), files: files)
        KillPoint.fileDurable.pass()
    }

    private func flush() throws {
        try pending.withBytes { try writeAll($0) }
        pending.removeAll(keepingCapacity: true)
    }

    private func writeAll(_ bytes: RawSpan) throws {
        var done = 0
        while done < bytes.byteCount {
            done += try retryingOnInterrupt("write", path) {
                files.write(descriptor, bytes.extracting(droppingFirst: done))
            }
            KillPoint.fileBegun.pass()
        }
    }

    /// Writes `bytes` as the whole content of `path`, durably.
    package static func replace(_ path: FilePath, with bytes: [UInt8]) throws {
        let file = try AtomicFile(path)
        try file.write(bytes)
        try file.commit()
    }

    /// Makes a directory, and those above it, where they are missing.
    /// - Throws: `cannotCreate`, `inputOutput`.
    package static func makeDirectory(_ path: FilePath) throws {
        guard !path.isEmpty else { return }
        let kind = FileKind(path.string)
        if kind != .missing {
            guard kind == .directory else {
                throw KindredError(
                    .cannotCreate, "is a file where a directory is needed; name another",
                    at: .init(path: path.string))
            }
            return
        }
        let parent = path.removingLastComponent()
        if parent != path { try makeDirectory(parent) }
        guard systemMakeDirectory(path.string, mode: 0o777) != 0, errno != EEXIST else { return }
        throw KindredError.systemCall("make the directory", path: path, errno: errno, creating: true)
    }

    /// Makes renames and removals in a directory durable.
    package static func syncDirectory(_ directory: FilePath, files: FileLayer = .system) throws {
        let directory = directory.isEmpty ? FilePath(".") : directory
        let descriptor = CInt(
            try retryingOnInterrupt("open", directory) {
                Int(systemOpen(directory.string, O_RDONLY | O_CLOEXEC))
            })
        defer { close(descriptor) }
        try retryingOnInterrupt("sync", directory) { Int(files.syncDirectory(descriptor)) }
    }
}
