import CKindredKernels

/// CRC-32C (Castagnoli), RFC 3720 appendix B.4: the checksum of every block on disk.
package struct CRC32C: Hashable, Sendable {
    package private(set) var value: UInt32 = 0

    package init() {}

    package init(_ bytes: [UInt8]) { update(bytes) }

    package mutating func update(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { value = kindred_crc32c(value, $0.baseAddress, $0.count) }
    }

    package mutating func update(_ bytes: ArraySlice<UInt8>) {
        bytes.withUnsafeBytes { value = kindred_crc32c(value, $0.baseAddress, $0.count) }
    }

    /// Takes in the elements of a buffer as they lie in memory.
    package mutating func update(_ buffer: AlignedBuffer<Float>) {
        let count = buffer.count * MemoryLayout<Float>.stride
        value = kindred_crc32c(value, buffer.pointer(0..<buffer.count), count)
    }

    /// Takes in bytes of a mapped file without copying them.
    package mutating func update(_ file: MappedFile, _ range: Range<Int>) {
        value = kindred_crc32c(value, file.pointer(range), range.count)
    }
}

extension Sequence<UInt8> {
    /// Two hexadecimal digits for each byte.
    package var hex: String {
        map { byte in
            let digits = String(byte, radix: 16)
            return digits.count == 1 ? "0" + digits : digits
        }.joined()
    }
}
