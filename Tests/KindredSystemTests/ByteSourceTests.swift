import KindredSystem
import KindredTestSupport
import SystemPackage
import Testing

@Suite struct ByteSourceTests {
    /// "one\ntwo\n" and "three\nfour\n", each a member of its own.
    private static let first: [UInt8] = [
        31, 139, 8, 0, 0, 0, 0, 0, 2, 3, 203, 207, 75, 229, 42, 41, 207, 231, 2, 0,
        230, 11, 186, 18, 8, 0, 0, 0,
    ]
    private static let second: [UInt8] = [
        31, 139, 8, 0, 0, 0, 0, 0, 2, 3, 43, 201, 40, 74, 77, 229, 74, 203, 47, 45,
        226, 2, 0, 216, 236, 214, 3, 11, 0, 0, 0,
    ]

    private func text(_ bytes: [UInt8]) throws -> String {
        let directory = try TemporaryDirectory()
        let source = try ByteSource(path: directory.file("f", bytes).string)
        var all: [UInt8] = []
        while true {
            let some = try source.read()
            if some.isEmpty { return String(decoding: all, as: UTF8.self) }
            all += some
        }
    }

    @Test func `every member is read, zeros behind are padding, and other bytes are told`() throws {
        let (first, second) = (Self.first, Self.second)
        let zeros = [UInt8](repeating: 0, count: 700)
        #expect(try text(first + second) == "one\ntwo\nthree\nfour\n")
        #expect(try text(first + zeros) == "one\ntwo\n")
        #expect(try text(first + zeros + second) == "one\ntwo\nthree\nfour\n")
        for damaged in [
            first + [0] + second.dropFirst(), first + [31, 0] + second.dropFirst(2),
            first + Array("end".utf8),
            first + [31], first + second.dropLast(3),
        ] {
            let error = #expect(throws: KindredError.self) { try text(damaged) }
            #expect(error?.code == .invalidData && error?.location?.byte != nil)
        }
    }
}
