import CKindredKernels
import KindredSystem
import Testing

@Suite struct ChecksumTests {
    @Test func `the checksum of the digits is the value of the RFC`() {
        #expect(CRC32C(Array("123456789".utf8)).value == 0xE306_9283)
        #expect(CRC32C([UInt8](repeating: 0, count: 32)).value == 0x8A91_36AA)
    }

    @Test func `a checksum taken in pieces equals one taken at once`() {
        let bytes = (0..<1000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        for cut in [0, 1, 7, 8, 9, 500, 999, 1000] {
            var pieces = CRC32C()
            pieces.update(bytes[..<cut])
            pieces.update(bytes[cut...])
            #expect(pieces == CRC32C(bytes))
        }
    }

    @Test func `the instruction and the table agree at every length`() {
        let bytes = (0..<200).map { UInt8(truncatingIfNeeded: $0 &* 57 &+ 3) }
        for count in 0...bytes.count {
            let expected = unsafe kindred_crc32c_portable(0, bytes, count)
            unsafe #expect(kindred_crc32c(0, bytes, count) == expected)
            if kindred_features() & UInt32(KINDRED_SSE42) != 0 {
                unsafe #expect(kindred_crc32c_sse42(0, bytes, count) == expected)
            }
        }
    }
}
