import Foundation
import KindredSystem
import SystemPackage

/// A directory of its own for a test, removed when the value is dropped.
package final class TemporaryDirectory {
    package let path: FilePath

    package init() throws {
        let url = FileManager.default.temporaryDirectory
            .appendingPathComponent("kindred-test-\(UUID().uuidString)", isDirectory: true)
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        path = FilePath(url.path)
    }

    deinit { try? FileManager.default.removeItem(atPath: path.string) }

    /// Writes a file below the directory and gives its path.
    package func file(_ name: String, _ bytes: [UInt8]) throws -> FilePath {
        let file = path.appending(name)
        try Data(bytes).write(to: URL(fileURLWithPath: file.string))
        return file
    }
}

/// Pseudo-random numbers for tests.
package typealias SeededGenerator = SplitMix64
