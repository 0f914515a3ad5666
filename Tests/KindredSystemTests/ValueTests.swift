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

@Suite struct MetadataTests {
    @Test(arguments: [
        ("12", MetadataValue.integer(12)), ("-3", .integer(-3)), ("1,234,567", .integer(1_234_567)),
        (" 4.50 ", .real(4.5)),
        ("0.5", .real(0.5)), ("007", .text("007")), ("+4930", .text("+4930")), ("12E4", .text("12E4")),
        ("1,23", .text("1,23")),
        ("12345678901234567890", .text("12345678901234567890")), ("2020-05-17", .text("2020-05-17")),
        ("nan", .text("nan")),
        ("1.2.3", .text("1.2.3")), ("", .text("")),
    ])
    func `a field is a number only where it is written as one`(_ text: String, _ value: MetadataValue) {
        #expect(MetadataValue(parsing: text) == value)
    }

    @Test func `a field keeps each value once, by the first spelling of its name`() {
        var metadata: Metadata = [:]
        metadata.add("Tag", .text("a"))
        metadata.add("tag ", .text("a"))
        metadata.add("TAG", .text("b"))
        metadata.add(" ", .text("c"))
        metadata.add("empty", .text(""))
        #expect(metadata == ["Tag": [.text("a"), .text("b")]])
    }

    @Test func `sets of ids intersect and subtract, with gaps and below zero`() {
        var set = IDSet([-5, 1, 65_536, 1_000_000_000])
        #expect(set.count == 4 && set.contains(-5) && !set.contains(2))
        set.formIntersection(IDSet([-5, 1, 2, 65_536]))
        set.subtract(IDSet([1]))
        #expect(set == IDSet([-5, 65_536]))
        set.subtract(set)
        #expect(set.isEmpty)
    }
}
