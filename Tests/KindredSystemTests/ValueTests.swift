import Foundation
import Testing

@testable import KindredSystem

@Suite struct ValueTests {
    /// The first numbers of seed 0 by splitmix64.c of Sebastiano Vigna.
    @Test func `SplitMix64 gives the numbers of its reference`() {
        var random = SplitMix64(seed: 0)
        #expect(
            (0..<3).map { _ in random.next() } == [
                0xE220_A839_7B1D_CDAF, 0x6E78_9E6A_A1B9_65F4, 0x06C4_5D18_8009_454F,
            ])
    }

    @Test func `a fingerprint is 32 bytes or 64 hexadecimal digits and nothing else`() throws {
        let digits = String(repeating: "0aF9", count: 16)
        let fingerprint = try #require(Fingerprint(hex: digits))
        #expect(fingerprint.bytes == [UInt8](repeatElement([0x0A, 0xF9], count: 16).joined()))
        #expect(fingerprint.hex == digits.lowercased() && fingerprint.prefix == "0af90af90af9")
        #expect(Fingerprint(bytes: fingerprint.bytes) == fingerprint)
        for wrong in [
            "", String(digits.dropLast()), digits + "00", String(digits.dropLast()) + "g",
            digits.dropLast(2) + "é",
        ] {
            #expect(Fingerprint(hex: wrong) == nil)
        }
        #expect(Fingerprint(bytes: [1, 2]) == nil)
        let json = try JSONEncoder().encode([fingerprint])
        #expect(String(decoding: json, as: UTF8.self) == "[\"\(digits.lowercased())\"]")
        #expect(try JSONDecoder().decode([Fingerprint].self, from: json) == [fingerprint])
        #expect(throws: DecodingError.self) {
            try JSONDecoder().decode([Fingerprint].self, from: Data("[\"f\"]".utf8))
        }
    }

    @Test func `passages are ranked by score, and equal ones by id`() {
        let passages = [(7, 0.5), (3, 0.5), (9, 2)].map { ScoredPassage(id: $0.0, score: $0.1) }
        #expect(passages.ranked().map(\.id) == [9, 3, 7])
    }
}
