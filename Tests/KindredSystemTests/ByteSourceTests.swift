import Foundation
import KindredSystem
import KindredTestSupport
import SystemPackage
import Testing

@Suite(.serialized) struct ByteSourceTests {
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

    // MARK: xz, zstd and 7z

    private static let words = (0..<60_000).map { "word \($0 * 7919 % 10_007)" }.joined(separator: "\n")

    /// What a command makes of a text.
    private func packed(_ text: String, _ tool: String, _ arguments: String...) throws -> [UInt8] {
        let directory = try TemporaryDirectory()
        let file = try directory.file("f", Array(text.utf8))
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [tool] + arguments + [file.string]
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let result = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        return [UInt8](result)
    }

    private func failure(_ bytes: [UInt8]) -> KindredError? {
        do {
            _ = try text(bytes)
            return nil
        } catch { return error as? KindredError }
    }

    @Test(arguments: [("xz", ["-1c", "-qc", "--check=crc32"]), ("zstd", ["-1qc", "-19qc", "--no-check"])])
    func `streams of xz and zstd that follow each other are one text`(tool: String, options: [String]) throws
    {
        let streams = try options.map { try packed(Self.words, tool, "-c", $0) }
        #expect(try text(streams[0]) == Self.words)
        #expect(try text(streams.flatMap(\.self)) == Self.words + Self.words + Self.words)
    }

    @Test func `padding between streams of xz and skippable frames of zstd are passed over`() throws {
        let xz = try packed("tide", "xz", "-c")
        #expect(try text(xz + [UInt8](repeating: 0, count: 8) + xz + [0, 0, 0, 0]) == "tidetide")
        let zstd = try packed("tide", "zstd", "-qc")
        let skippable: [UInt8] = [0x53, 0x2A, 0x4D, 0x18, 3, 0, 0, 0, 9, 9, 9]
        #expect(try text(skippable + zstd + skippable + zstd + skippable) == "tidetide")
    }

    @Test func `a zstd frame whose output is longer than its last bytes is whole`() throws {
        let zeros = String(repeating: "\0", count: 3_000_000)
        #expect(try text(packed(zeros, "zstd", "-qc", "--no-check")).utf8.count == 3_000_000)
    }

    @Test(arguments: ["xz", "zstd", "gzip", "bzip2"])
    func `a stream that is cut off or damaged gives what came before, then an error with the place`(
        tool: String
    ) throws {
        let whole = try packed(Self.words, tool, "-c")
        for cut in [7, whole.count / 3, whole.count - 3] {
            let error = failure(Array(whole.prefix(cut)))
            #expect(error?.code == .invalidData && error?.message.contains("ends in the middle") == true)
            #expect(error?.location?.byte == cut)
        }
        var damaged = whole
        for index in 0..<16 { damaged[whole.count / 2 + index] ^= 0x5A }
        #expect(failure(damaged)?.message.contains("damaged") == true)
        #expect(failure(whole + Array("more".utf8))?.message.contains("bytes follow") == true)
    }

    /// A 7z archive of files with these contents; nil where no program makes one.
    private func archive(_ directory: TemporaryDirectory, _ contents: [String]) throws -> FilePath {
        let names = try contents.enumerated().map { try directory.file("f\($0)", Array($1.utf8)).string }
        let path = directory.path.appending("a.7z")
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["7zz", "a", "-bd", path.string] + names
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        return path
    }

    private func read(_ path: FilePath) throws -> String {
        let source = try ByteSource(path: path.string)
        var all: [UInt8] = []
        while true {
            let some = try source.read()
            if some.isEmpty { return String(decoding: all, as: UTF8.self) }
            all += some
        }
    }

    @Test func `a 7z archive of one file is read, and one of several is told`() throws {
        let directory = try TemporaryDirectory()
        #expect(try read(archive(directory, [Self.words])) == Self.words)
        let other = try TemporaryDirectory()
        let several = try archive(other, ["a", "b", "c"])
        let error = #expect(throws: KindredError.self) { try read(several) }
        #expect(error?.code == .invalidData && error?.message.contains("holds 3 files") == true)
    }

    @Test func `a damaged 7z archive is told, wherever the damage is`() throws {
        let directory = try TemporaryDirectory()
        let path = try archive(directory, [Self.words])
        let whole = try [UInt8](Data(contentsOf: URL(fileURLWithPath: path.string)))
        var flipped = whole
        flipped[whole.count / 2] ^= 0xFF
        for bytes in [Array(whole.prefix(whole.count / 2)), flipped, Array(whole.prefix(40))] {
            let damaged = try directory.file("damaged.7z", bytes)
            let error = #expect(throws: KindredError.self) { try read(damaged) }
            #expect(error?.code == .invalidData && error?.message.contains("7z archive") == true)
        }
    }

    @Test func `an archive that is not read to its end leaves no process behind`() throws {
        let directory = try TemporaryDirectory()
        let path = try archive(directory, [String(repeating: Self.words, count: 20)])
        for _ in 0..<5 {
            let source = try ByteSource(path: path.string)
            #expect(try !source.read().isEmpty)
        }
        #expect(children(of: ProcessInfo.processInfo.processIdentifier, named: "7zz").isEmpty)
    }

    /// The ids of this process's children, as /proc tells; zombies are among them.
    private func children(of parent: Int32, named name: String) -> [String] {
        let ids = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return ids.filter { id in
            guard let stat = try? String(contentsOfFile: "/proc/\(id)/stat", encoding: .utf8) else {
                return false
            }
            let parts = stat.split(separator: " ")
            return parts.count > 3 && parts[1] == "(\(name))" && parts[3] == "\(parent)"
        }
    }
}
