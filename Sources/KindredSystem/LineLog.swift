import Foundation
import SystemPackage

/// A file of lines that grows while a long run goes on, so that a run that is resumed knows what was done.
package enum LineLog {
    /// Appends a line to a file, which is made where it is missing.
    ///
    /// - Parameter line: without its end.
    /// - Throws: `inputOutput`.
    package static func append(_ line: some Sequence<UInt8>, to path: FilePath) throws {
        if !FileManager.default.fileExists(atPath: path.string) {
            _ = FileManager.default.createFile(atPath: path.string, contents: nil)
        }
        do {
            let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: path.string))
            defer { try? handle.close() }
            try handle.seekToEnd()
            try handle.write(contentsOf: Data(line) + [0x0A])
        } catch {
            throw KindredError(
                .inputOutput, "cannot write the log; check free space and run with --resume",
                at: .init(path: path.string), cause: error)
        }
    }
}
