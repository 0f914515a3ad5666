import Foundation
import KindredSystem
import Testing

/// Blocks are decoded apart from each other; what comes out must be what was compressed.
@Suite struct Bzip2DecoderTests {
    private static func file(_ bytes: [UInt8]) throws -> String {
        let path = NSTemporaryDirectory() + "bzip2-\(UUID().uuidString)"
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        return path
    }

    private static func compressed(_ bytes: [UInt8], level: Int) throws -> [UInt8] {
        let path = try file(bytes)
        defer { try? FileManager.default.removeItem(atPath: path) }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["bzip2", "-\(level)", "-c", path]
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        let data = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return Array(data)
    }

    private static func read(_ bytes: [UInt8]) throws -> [UInt8] {
        let path = try file(bytes)
        defer { try? FileManager.default.removeItem(atPath: path) }
        let source = try ByteSource(path: path)
        var output: [UInt8] = []
        while true {
            let some = try source.read()
            if some.isEmpty { return output }
            output += some
        }
    }

    private static func noise(_ count: Int, seed: UInt64) -> [UInt8] {
        var random = SplitMix64(seed: seed)
        return (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next() >> 24) & 0x3F }
    }

    @Test(arguments: [0, 1, 99_000, 450_000, 1_300_000])
    func theOutputIsWhatWasCompressed(count: Int) throws {
        let bytes = Self.noise(count, seed: 7)
        for level in [1, 4, 9] {
            #expect(try Self.read(Self.compressed(bytes, level: level)) == bytes)
        }
    }

    @Test func streamsOfDifferentLevelsFollowEachOther() throws {
        let parts = [Self.noise(250_000, seed: 1), [], Self.noise(1_100_000, seed: 2)]
        let file =
            try Self.compressed(parts[0], level: 1) + Self.compressed(parts[1], level: 9)
            + Self.compressed(parts[2], level: 5) + [0, 0, 0]
        #expect(try Self.read(file) == parts[0] + parts[2])
    }

    @Test func zerosThatShrinkToNothingAreRestored() throws {
        let zeros = [UInt8](repeating: 0, count: 60_000_000)
        #expect(try Self.read(Self.compressed(zeros, level: 9)) == zeros)
    }

    /// Noise as it is: its compressed blocks are searched for a magic that is put there, which damages them.
    @Test func aMagicInsideABlockIsDamageAndNeverText() throws {
        let bytes = Self.noise(600_000, seed: 3)
        let whole = try Self.compressed(bytes, level: 1)
        for magic in [[0x31, 0x41, 0x59, 0x26, 0x53, 0x59], [0x17, 0x72, 0x45, 0x38, 0x50, 0x90]] as [[UInt8]]
        {
            var file = whole
            file.replaceSubrange(200_000..<200_006, with: magic)
            #expect(throws: KindredError.self) { try Self.read(file) }
        }
    }

    @Test func everyFlippedBitIsReported() throws {
        let whole = try Self.compressed(Self.noise(330_000, seed: 4), level: 1)
        for place in Array(stride(from: 0, to: whole.count, by: whole.count / 61)) + [
            4, whole.count - 1, whole.count - 5,
        ] {
            var file = whole
            // The last bits of the last byte may be padding; the first bit never is.
            file[place] ^= 0x80
            // A file whose first bytes are not bzip2's is no bzip2 file.
            guard place > 2 else { continue }
            #expect(throws: KindredError.self, "byte \(place)") { try Self.read(file) }
        }
    }

    @Test func everyFileThatIsCutOffIsReported() throws {
        let whole = try Self.compressed(Self.noise(330_000, seed: 5), level: 1)
        for count in Array(stride(from: 4, to: whole.count, by: whole.count / 37)) + [whole.count - 1] {
            let error = #expect(throws: KindredError.self) { try Self.read(Array(whole[..<count])) }
            #expect(error?.message.contains("ends in the middle") == true, "\(count) bytes")
            #expect(error?.location?.byte == count)
        }
    }
}
