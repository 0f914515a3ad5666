import Foundation
import KindredTestSupport
import SystemPackage
import Testing

@Suite(.serialized) struct OutputTests {
    @Test func `an array goes to standard output, and the report does not`() throws {
        let directory = try TemporaryDirectory()
        let texts = try directory.file("texts.txt", Array("one\ntwo\n".utf8)).string
        let (file, piped) = (
            directory.path.appending("a.npy").string, directory.path.appending("b.npy").string
        )
        let written = try Run(["encode", texts, "--out", file, "-q"], indexes: directory.path)
        #expect(written.code == 0 && written.output.contains("encoded  2 texts"))
        for out in ["-", "/dev/stdout"] {
            let run = try Run(
                ["encode", texts, "--out", out, "-q"], indexes: directory.path,
                redirecting: "| cat > \(piped)")
            #expect(run.code == 0 && run.error.contains("encoded  2 texts"), "\(run.error)")
            #expect(
                FileManager.default.contents(atPath: piped) == FileManager.default.contents(atPath: file))
        }
        // The array itself may be replaced, any other file not.
        #expect(try Run(["encode", texts, "--out", file, "-q"], indexes: directory.path).code == 0)
        let other = try directory.file("notes", Array("my notes".utf8)).string
        #expect(try Run(["encode", texts, "--out", other, "-q"], indexes: directory.path).code == 73)
        #expect(FileManager.default.contents(atPath: other) == Data("my notes".utf8))
        #expect(
            try Run(["encode", texts, "--out", other, "-q", "--force"], indexes: directory.path).code == 0)
    }
}
