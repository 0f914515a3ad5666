import KindredSystem

/// Bytes of a buffer or of a mapped file, which live at least as long as this value.
@safe
struct OwnedBytes: @unchecked Sendable {
    /// For the kernels; valid while this value lives.
    let start: UnsafePointer<UInt8>
    private let owner: AnyObject

    init(_ buffer: AlignedBuffer<some BitwiseCopyable>) {
        unsafe self.init(start: buffer.base, owner: buffer)
    }

    /// - Parameter resident: copy the bytes into memory, in huge pages where the system has them.
    init(_ file: MappedFile, _ range: Range<Int>, resident: Bool) {
        if resident {
            self.init(file.buffer(UInt8.self, range, repeating: 0))
        } else {
            unsafe self.init(start: file.pointer(range)!, owner: file)
        }
    }

    private init(start: UnsafeRawPointer, owner: AnyObject) {
        unsafe self.start = start.assumingMemoryBound(to: UInt8.self)
        self.owner = owner
    }
}
