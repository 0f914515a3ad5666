#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Elements in one block of memory that starts on a 64-byte boundary, as the kernels want them.
///
/// A reference type: copies share the elements. Reads and writes through the subscript are bounds-checked;
/// `pointer` checks the range that a kernel gets.
/// Not synchronised: threads may write to ranges that do not overlap.
///
/// Public, as no `package` function is inlined into another module; no product exports it.
@safe
public final class AlignedBuffer<Element: BitwiseCopyable>: @unchecked Sendable {
    package static var alignment: Int { 64 }

    public let count: Int
    public let base: UnsafeMutablePointer<Element>

    /// From this size on a block asks for huge pages: rows read at random then miss the address cache seldom.
    private static var hugePage: Int { 2 << 20 }

    @usableFromInline static func allocate(_ bytes: Int) -> UnsafeMutableRawPointer {
        guard bytes >= 2 * hugePage else { return .allocate(byteCount: bytes, alignment: alignment) }
        let start = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: hugePage)
        #if os(Linux)
            // Only advice: without huge pages everything is the same, but slower.
            _ = unsafe madvise(start, bytes, MADV_HUGEPAGE)
        #endif
        return unsafe start
    }

    /// `count` elements, each `value`.
    @inlinable public init(repeating value: Element, count: Int) {
        precondition(count >= 0)
        self.count = count
        let bytes = max(count, 1) * MemoryLayout<Element>.stride
        unsafe base = unsafe Self.allocate(bytes).bindMemory(to: Element.self, capacity: max(count, 1))
        if Self.isZero(value) {
            unsafe UnsafeMutableRawPointer(base).initializeMemory(as: UInt8.self, repeating: 0, count: bytes)
        } else {
            unsafe base.initialize(repeating: value, count: count)
        }
    }

    /// Code that is not specialised for the element calls a function for each, so zeros, which most values are, are
    /// written as bytes.
    @inlinable static func isZero(_ value: Element) -> Bool {
        unsafe withUnsafeBytes(of: value) { unsafe $0.allSatisfy { $0 == 0 } }
    }

    @inlinable public convenience init(_ elements: some Collection<Element>) {
        guard let first = elements.first else {
            // Never read: there is no element.
            self.init(uninitialized: 0)
            return
        }
        self.init(repeating: first, count: elements.count)
        for (index, element) in elements.enumerated() { unsafe base[index] = element }
    }

    @usableFromInline init(uninitialized count: Int) {
        self.count = count
        unsafe base = unsafe UnsafeMutableRawPointer.allocate(
            byteCount: max(count, 1) * MemoryLayout<Element>.stride, alignment: Self.alignment
        ).bindMemory(to: Element.self, capacity: max(count, 1))
    }

    deinit { unsafe UnsafeMutableRawPointer(base).deallocate() }

    @inlinable public subscript(index: Int) -> Element {
        get {
            precondition(index >= 0 && index < count, "index out of range")
            return unsafe base[index]
        }
        set {
            precondition(index >= 0 && index < count, "index out of range")
            unsafe base[index] = newValue
        }
    }

    package func fill(_ value: Element) {
        if Self.isZero(value) {
            unsafe memset(base, 0, count * MemoryLayout<Element>.stride)
        } else {
            unsafe base.update(repeating: value, count: count)
        }
    }

    /// Takes the elements of a buffer of the same size.
    @inlinable public func copy(_ source: AlignedBuffer<Element>) {
        precondition(source.count == count)
        unsafe base.update(from: source.base, count: count)
    }

    /// Takes elements `range` of another buffer, to lie from `start` on here.
    @inlinable public func copy(_ source: AlignedBuffer<Element>, from range: Range<Int>, at start: Int) {
        precondition(start >= 0 && start + range.count <= count, "range out of bounds")
        unsafe (base + start).update(from: source.pointer(range), count: range.count)
    }

    /// The elements of `range` as an array.
    @inlinable public func array(_ range: Range<Int>? = nil) -> [Element] {
        let range = range ?? 0..<count
        precondition(range.lowerBound >= 0 && range.upperBound <= count, "range out of bounds")
        return unsafe Array(UnsafeBufferPointer(start: base + range.lowerBound, count: range.count))
    }

    /// A copy of the bytes of the elements of `range`, as they lie in memory.
    @inlinable public func bytes(_ range: Range<Int>) -> [UInt8] {
        unsafe [UInt8](
            UnsafeRawBufferPointer(start: pointer(range), count: range.count * MemoryLayout<Element>.stride))
    }

    /// Lends the bytes of the elements of `range`, as they lie in memory.
    @inlinable public func withBytes<Result>(
        _ range: Range<Int>, _ body: (RawSpan) throws -> Result
    ) rethrows -> Result {
        unsafe try body(
            UnsafeRawBufferPointer(start: pointer(range), count: range.count * MemoryLayout<Element>.stride)
                .bytes)
    }

    /// The start of `range`, for the kernels. Checked; valid while the buffer lives.
    @inlinable public func pointer(_ range: Range<Int>) -> UnsafeMutablePointer<Element> {
        precondition(range.lowerBound >= 0 && range.upperBound <= count, "range out of bounds")
        return unsafe base + range.lowerBound
    }
}
