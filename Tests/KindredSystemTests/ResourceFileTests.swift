import Foundation
import KindredSystem
import KindredTestSupport
import SystemPackage
import Testing

@Suite struct ResourceFileTests {
    /// A directory with `bin/kindred`, as a package installs it.
    private func installation(in directory: TemporaryDirectory) throws -> FilePath {
        let root = FilePath(
            URL(fileURLWithPath: directory.path.string).resolvingSymlinksInPath().path
        ).appending("kindred-1")
        try AtomicFile.makeDirectory(root.appending("bin"))
        try AtomicFile.makeDirectory(root.appending("share/kindred"))
        try AtomicFile.replace(root.appending("bin/kindred"), with: [])
        return root
    }

    @Test func `an installed executable finds its files in share, also through a symbolic link`() throws {
        let directory = try TemporaryDirectory()
        let root = try installation(in: directory)
        let file = root.appending("share/kindred/sample")
        try AtomicFile.replace(file, with: [1])
        let link = directory.path.appending("link")
        try FileManager.default.createSymbolicLink(
            atPath: link.string, withDestinationPath: "kindred-1/bin/kindred")
        for executable in [root.appending("bin/kindred"), link] {
            #expect(
                try ResourceFiles.find("sample", in: ResourceFiles.directories(beside: executable)) == file)
        }
    }

    @Test func `files beside the executable come before those in share`() throws {
        let directory = try TemporaryDirectory()
        let root = try installation(in: directory)
        try AtomicFile.replace(root.appending("share/kindred/sample"), with: [1])
        let bundle = root.appending("bin/kindred_Kindred.resources")
        try AtomicFile.makeDirectory(bundle)
        try AtomicFile.replace(bundle.appending("sample"), with: [2])
        let places = ResourceFiles.directories(beside: root.appending("bin/kindred"))
        #expect(try ResourceFiles.find("sample", in: places) == bundle.appending("sample"))
    }

    @Test func `the error about a missing file names every place and the way out`() throws {
        let directory = try TemporaryDirectory()
        let root = try installation(in: directory)
        let places = ResourceFiles.directories(beside: root.appending("bin/kindred"))
        let error = #expect(throws: KindredError.self) { try ResourceFiles.find("sample", in: places) }
        #expect(error?.code == .unavailable)
        let message = "\(try #require(error))"
        for part in ["bin/kindred_Kindred.resources/sample", "share/kindred/sample", "KINDRED_RESOURCES"] {
            #expect(message.contains(part))
        }
    }
}
