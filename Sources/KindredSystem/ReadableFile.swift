import SystemPackage

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A file that is read at any place, by any thread, without being mapped: what was read does not count as this process's
/// memory.
package final class ReadableFile: Sendable {
    package let path: FilePath
    /// Size in bytes.
    package let count: Int
    private let descriptor: CInt

    /// - Throws: `notFound`, `inputOutput`; `invalidData` for what is no regular file.
    package init(_ path: FilePath) throws {
        self.path = path
        let descriptor = try retryingOnInterrupt("open", path) {
            // A pipe without a writer is not waited for.
            Int(systemOpen(path.string, O_RDONLY | O_CLOEXEC | O_NONBLOCK))
        }
        self.descriptor = CInt(descriptor)
        guard let status = systemStatus(CInt(descriptor)), status.st_mode & S_IFMT == S_IFREG else {
            close(CInt(descriptor))
            throw KindredError(.invalidData, "is not a regular file", at: .init(path: path.string))
        }
        count = Int(status.st_size)
    }

    deinit { close(descriptor) }

    /// The bytes from `offset` on.
    /// - Throws: `inputOutput`; `invalidData` where the file ends before.
    package func bytes(_ range: Range<Int>) throws -> [UInt8] {
        let buffer = AlignedBuffer<UInt8>(repeating: 0, count: range.count)
        try read(at: range.lowerBound, into: buffer, range: 0..<range.count)
        return buffer.array()
    }

    /// Reads into elements of a buffer, as they lie in memory.
    /// - Throws: as `bytes`.
    package func read<Element: BitwiseCopyable>(
        at offset: Int, into buffer: AlignedBuffer<Element>, range: Range<Int>
    ) throws {
        let start = range.lowerBound * MemoryLayout<Element>.stride
        let size = range.count * MemoryLayout<Element>.stride
        var done = 0
        while done < size {
            let some = try retryingOnInterrupt("read", path) {
                systemRead(descriptor, at: offset + done, into: buffer, bytes: start + done..<start + size)
            }
            guard some > 0 else {
                throw KindredError(
                    .invalidData, "ends too early", at: .init(path: path.string, byte: offset + done))
            }
            done += some
        }
    }
}
