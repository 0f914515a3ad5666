import Foundation
import KindredSystem
import KindredTestSupport
import SystemPackage
import Testing

@Suite struct PipeTests {
    @Test func `a pipe where a file is needed is refused and not waited for`() throws {
        let directory = try TemporaryDirectory()
        let pipe = try directory.pipe("pipe")
        #expect(#expect(throws: KindredError.self) { try MappedFile(pipe) }?.code == .invalidData)
        #expect(#expect(throws: KindredError.self) { try ReadableFile(pipe) }?.code == .invalidData)
    }
}

@Suite struct AtomicFileTests {
    @Test func `a file has no name until it is committed`() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path.appending("a")
        do {
            let file = try AtomicFile(path)
            try file.write(Array("half".utf8))
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path.string).isEmpty)

        let file = try AtomicFile(path)
        try file.write(Array("whole".utf8))
        #expect(!FileManager.default.fileExists(atPath: path.string))
        try file.commit()
        let mapped = try MappedFile(path)
        #expect(mapped.bytes(0..<mapped.count) == Array("whole".utf8))
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path.string) == ["a"])
    }

    @Test func `a symbolic link is written through, also one to a file that is not there yet`() throws {
        let directory = try TemporaryDirectory()
        let (link, target) = (directory.path.appending("link"), directory.path.appending("below/target"))
        try AtomicFile.makeDirectory(directory.path.appending("below"))
        try FileManager.default.createSymbolicLink(
            atPath: link.string, withDestinationPath: "below/target")
        for content in [[1], [2, 3]] as [[UInt8]] {
            try AtomicFile.replace(link, with: content)
            #expect(try FileManager.default.destinationOfSymbolicLink(atPath: link.string) == "below/target")
            #expect(FileManager.default.contents(atPath: target.string) == Data(content))
        }
    }

    @Test func `a device is written through and stays`() throws {
        try AtomicFile.replace("/dev/null", with: [1, 2, 3])
        let kind = try FileManager.default.attributesOfItem(atPath: "/dev/null")[.type] as? FileAttributeType
        #expect(kind == .typeCharacterSpecial)
    }

    @Test func `files of others stay, those of killed writers go, and the mode is kept`() throws {
        let directory = try TemporaryDirectory()
        let path = try directory.file("a", [1])
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path.string)
        for name in ["a.tmp", "a.kindred-1.tmp", "b.kindred-0123456789abcdef.tmp"] {
            _ = try directory.file(name, [7])
        }
        _ = try directory.file("a.kindred-0123456789abcdef.tmp", [7])
        // A writer at work is left alone.
        let busy = try AtomicFile(path)
        let file = try AtomicFile(path)
        try file.write([2])
        try file.commit()
        try busy.write([3])
        try busy.commit()
        #expect(
            try directory.path.entries() == [
                "a", "a.kindred-1.tmp", "a.tmp", "b.kindred-0123456789abcdef.tmp",
            ])
        #expect(FileManager.default.contents(atPath: path.string) == Data([3]))
        let mode = try FileManager.default.attributesOfItem(atPath: path.string)[.posixPermissions] as? Int
        #expect(mode == 0o600)
    }

    @Test func `directories are made with those above them, and not where a file is`() throws {
        let directory = try TemporaryDirectory()
        let deep = directory.path.appending("a").appending("b")
        for _ in 0..<2 { try AtomicFile.makeDirectory(deep) }
        try AtomicFile.replace(deep.appending("c"), with: [1])
        let error = #expect(throws: KindredError.self) {
            try AtomicFile.makeDirectory(deep.appending("c").appending("d"))
        }
        #expect(error?.code == .cannotCreate && error?.location?.path == deep.appending("c").string)
    }

    @Test func `a full device is an error that says what to do`() throws {
        // /dev/full refuses every write with ENOSPC.
        let file = try AtomicFile("/dev/full")
        try file.write(Array("x".utf8))
        let error = #expect(throws: KindredError.self) { try file.commit() }
        #expect(error?.code == .inputOutput)
        #expect(error?.message.contains("no space left") == true)
    }
}

@Suite struct ErrorTests {
    @Test func `an error is one line, whatever path and cause say`() {
        struct Cause: Error, CustomStringConvertible { let description = "first\nsecond\r\nthird" }
        let error = KindredError(.invalidData, "is bad", at: .init(path: "a\nb"), cause: Cause())
        #expect(error.description == "a b: is bad (first second third)")
    }
}

@Suite struct MappedFileTests {
    @Test func `values are read at any offset`() throws {
        let directory = try TemporaryDirectory()
        let mapped = try MappedFile(directory.file("a", [0, 1, 2, 3, 4, 5, 6, 7, 8]))
        #expect(mapped.load(UInt32.self, at: 1) == 0x0403_0201)
        #expect(mapped.load(UInt64.self, at: 1) == 0x0807_0605_0403_0201)
    }

    @Test func `a missing file is named in the error`() {
        let error = #expect(throws: KindredError.self) { try MappedFile("/nowhere/at-all") }
        #expect(error?.code == .notFound)
        #expect(error?.description.contains("/nowhere/at-all") == true)
    }

    @Test func `an empty file maps to no bytes`() throws {
        let directory = try TemporaryDirectory()
        let mapped = try MappedFile(directory.file("a", []))
        #expect(mapped.count == 0)
        #expect(mapped.bytes(0..<0).isEmpty)
    }
}

@Suite struct LineLogTests {
    @Test func `a log grows by lines, and says where it cannot`() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path.appending("log")
        try LineLog.append("one".utf8, to: path)
        try LineLog.append("two".utf8, to: path)
        #expect(try String(contentsOfFile: path.string, encoding: .utf8) == "one\ntwo\n")
        let lost = directory.path.appending("none").appending("log")
        let error = #expect(throws: KindredError.self) { try LineLog.append("one".utf8, to: lost) }
        #expect(error?.code == .inputOutput && error?.location?.path == lost.string)
    }
}
