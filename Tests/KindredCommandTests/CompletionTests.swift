import ArgumentParser
import Foundation
import Kindred
import KindredTestSupport
import Testing

@testable import KindredCommand

@Suite struct CompletionTests {
    /// A directory with two indexes, and one that is none.
    private func indexes() throws -> TemporaryDirectory {
        let directory = try TemporaryDirectory()
        for name in ["enwiki", "notes"] {
            let index = try IndexDirectory(root: directory.path, name: name)
            try index.create()
            try Data().write(to: URL(fileURLWithPath: index.encoder.string))
            try Data().write(to: URL(fileURLWithPath: index.catalog.string))
        }
        try FileManager.default.createDirectory(
            atPath: directory.path.appending("none").string, withIntermediateDirectories: false)
        return directory
    }

    @Test func `the names of indexes are those in the directory that the words name`() throws {
        let directory = try indexes()
        let path = directory.path.string
        let command = ["kindred", "search", "tides"]
        for option in [
            ["--indexes", path], ["--indexes=\(path)"], ["--indexes", "'\(path)'"], ["--indexes", "=", path],
        ] {
            let words = command + option + ["--index", ""]
            #expect(CompletionKind.indexNames(for: words).sorted() == ["enwiki", "notes"], "\(option)")
        }
        #expect(CompletionKind.indexNames(for: command + ["--indexes", path + "/missing"]) == [])
    }

    @Test func `a shell asks the command for the names of indexes`() throws {
        let directory = try indexes()
        let answer = try Run(
            ["---completion", "search", "--", "--index", "3", "0", "kindred", "search", "--index", ""],
            indexes: directory.path)
        #expect(answer.code == 0, "\(answer.error)")
        let lines = answer.output.split(whereSeparator: \.isNewline).sorted()
        #expect(lines == ["enwiki", "notes"])
    }

    @Test(arguments: ["bash", "zsh", "fish"])
    func `there is a script for every shell`(_ shell: String) throws {
        let directory = try TemporaryDirectory()
        let script = try Run(["--generate-completion-script", shell], indexes: directory.path)
        #expect(script.code == 0, "\(script.error)")
        for word in ["hybrid", "semantic", "keyword", "---completion search -- --index"] {
            #expect(script.output.contains(word), "\(word)")
        }
    }
}
