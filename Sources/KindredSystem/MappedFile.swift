import SystemPackage

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A file mapped read-only into memory. Reads are bounds-checked and need no alignment.
///
/// The file must not be shortened while it is mapped: Kindred's files are immutable once they have their name.
///
/// Public, as no `package` function is inlined into another module; no product exports it.
@safe
public final class MappedFile: @unchecked Sendable {
    package let path: FilePath
    /// Size in bytes.
    public let count: Int
    @usableFromInline let base: UnsafeRawPointer?

    /// - Throws: `notFound`, `inputOutput`.
    package init(_ path: FilePath) throws {
        self.path = path
        let descriptor = try retryingOnInterrupt("open", path) {
            // A pipe without a writer is not waited for.
            Int(systemOpen(path.string, O_RDONLY | O_CLOEXEC | O_NONBLOCK))
        }
        defer { close(CInt(descriptor)) }
        guard let status = systemStatus(CInt(descriptor)) else {
            throw KindredError.systemCall("read the size of", path: path, errno: errno)
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw KindredError(.invalidData, "is not a regular file; name one", at: .init(path: path.string))
        }
        count = Int(status.st_size)
        guard count > 0 else {
            unsafe base = nil
            return
        }
        let mapped = unsafe mmap(nil, count, PROT_READ, MAP_SHARED, CInt(descriptor), 0)
        guard let mapped = unsafe mapped, unsafe mapped != MAP_FAILED else {
            throw KindredError.systemCall("map", path: path, errno: errno)
        }
        unsafe base = UnsafeRawPointer(mapped)
    }

    deinit {
        if let base = unsafe base { unsafe munmap(UnsafeMutableRawPointer(mutating: base), count) }
    }

    /// The value stored at `offset` in the machine's byte order; `offset` needs no alignment.
    @inlinable public func load<Value: BitwiseCopyable>(_ type: Value.Type, at offset: Int) -> Value {
        precondition(offset >= 0 && offset <= count - MemoryLayout<Value>.size, "offset out of range")
        return unsafe base.unsafelyUnwrapped.loadUnaligned(fromByteOffset: offset, as: type)
    }

    /// A copy of the bytes of `range`.
    package func bytes(_ range: Range<Int>) -> [UInt8] {
        unsafe [UInt8](UnsafeRawBufferPointer(start: pointer(range), count: range.count))
    }

    /// Lends the bytes of `range`.
    package func withBytes<Result>(
        _ range: Range<Int>, _ body: (RawSpan) throws -> Result
    ) rethrows -> Result {
        unsafe try body(UnsafeRawBufferPointer(start: pointer(range), count: range.count).bytes)
    }

    /// A copy of `range`, whose size must be a multiple of the element's, in an aligned buffer.
    package func buffer<Element: BitwiseCopyable>(
        _ type: Element.Type, _ range: Range<Int>, repeating zero: Element
    ) -> AlignedBuffer<Element> {
        precondition(range.count % MemoryLayout<Element>.stride == 0, "not a whole number of elements")
        let buffer = AlignedBuffer(repeating: zero, count: range.count / MemoryLayout<Element>.stride)
        if let source = unsafe pointer(range) {
            unsafe UnsafeMutableRawPointer(buffer.base).copyMemory(from: source, byteCount: range.count)
        }
        return buffer
    }

    /// The start of `range`, for the kernels. Checked; valid while the file lives; nil for an empty file.
    package func pointer(_ range: Range<Int>) -> UnsafeRawPointer? {
        precondition(range.lowerBound >= 0 && range.upperBound <= count, "range out of bounds")
        return unsafe base.map { unsafe $0 + range.lowerBound }
    }
}
