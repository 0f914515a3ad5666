import Foundation
import SystemPackage

extension TemporaryDirectory {
    /// Makes a named pipe below the directory and gives its path.
    package func pipe(_ name: String) throws -> FilePath {
        let pipe = path.appending(name)
        guard unsafe mkfifo(pipe.string, 0o600) == 0 else { throw POSIXError(.init(rawValue: errno) ?? .EIO) }
        return pipe
    }
}
