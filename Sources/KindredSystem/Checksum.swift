/// CRC-32C (Castagnoli), RFC 3720 appendix B.4: the checksum of every block on disk.
package struct CRC32C: Hashable, Sendable {
    package internal(set) var value: UInt32 = 0

    package init() {}

    package init(_ bytes: [UInt8]) { update(bytes) }

    package mutating func update(_ bytes: [UInt8]) { bytes.withBytes { update($0) } }

    package mutating func update(_ bytes: ArraySlice<UInt8>) { bytes.withBytes { update($0) } }

    /// Takes in the elements of a buffer as they lie in memory.
    package mutating func update(_ buffer: AlignedBuffer<Float>) {
        buffer.withBytes(0..<buffer.count) { update($0) }
    }

    /// Takes in bytes of a mapped file without copying them.
    package mutating func update(_ file: MappedFile, _ range: Range<Int>) {
        file.withBytes(range) { update($0) }
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
