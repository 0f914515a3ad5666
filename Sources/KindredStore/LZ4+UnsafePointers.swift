import CLZ4
import KindredSystem

extension LZ4 {
    /// Compresses at the high-compression level 9: texts are written once and read often.
    package static func compress(_ bytes: [UInt8]) -> [UInt8] {
        precondition(bytes.count <= maximumSize)
        let bound = Int(LZ4_compressBound(CInt(bytes.count)))
        return unsafe [UInt8](unsafeUninitializedCapacity: max(bound, 1)) { target, count in
            count = unsafe bytes.withUnsafeBytes { source in
                unsafe Int(
                    LZ4_compress_HC(
                        source.baseAddress?.assumingMemoryBound(to: CChar.self),
                        UnsafeMutableRawPointer(target.baseAddress!).assumingMemoryBound(to: CChar.self),
                        CInt(source.count), CInt(target.count), 9))
            }
        }
    }

    /// - Parameter size: of the text before compression, in bytes.
    /// - Throws: `invalidData` where the block does not hold exactly `size` bytes.
    package static func decompress(_ block: [UInt8], size: Int) throws -> [UInt8] {
        guard size >= 0, size <= maximumSize else {
            throw KindredError(.invalidData, "a compressed text claims \(size) bytes; the index is damaged")
        }
        var written = -1
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: max(size, 1)) { target, count in
            written = unsafe block.withUnsafeBytes { source in
                unsafe Int(
                    LZ4_decompress_safe(
                        source.baseAddress?.assumingMemoryBound(to: CChar.self),
                        UnsafeMutableRawPointer(target.baseAddress!).assumingMemoryBound(to: CChar.self),
                        CInt(source.count), CInt(size)))
            }
            count = max(0, min(written, size))
        }
        guard written == size else {
            throw KindredError(.invalidData, "a compressed text is damaged")
        }
        return bytes
    }
}
