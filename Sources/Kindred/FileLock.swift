import KindredSystem
import SystemPackage

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// An exclusive lock on a file (`flock`), held until the value is dropped or the process ends, however it ends.
package final class FileLock {
    private let descriptor: CInt

    /// Makes the file where it is missing and takes the lock without waiting.
    /// - Throws: `busy` with `message` where another process holds it; `cannotCreate`, `inputOutput`.
    package convenience init(_ path: FilePath, busy message: String) throws {
        let descriptor = try retryingOnInterrupt("create", path, creating: true) {
            Int(systemOpen(path.string, O_RDWR | O_CREAT | O_CLOEXEC, mode: 0o644))
        }
        try self.init(CInt(descriptor), path, busy: message)
    }

    /// Takes the lock of a file that may only be read.
    /// - Throws: `notFound`, and as above.
    package convenience init(reading path: FilePath, busy message: String) throws {
        let descriptor = try retryingOnInterrupt("open", path) {
            Int(systemOpen(path.string, O_RDONLY | O_CLOEXEC))
        }
        try self.init(CInt(descriptor), path, busy: message)
    }

    private init(_ descriptor: CInt, _ path: FilePath, busy message: String) throws {
        self.descriptor = descriptor
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let number = errno
            close(descriptor)
            if number == EWOULDBLOCK {
                throw KindredError(.busy, message, at: .init(path: path.string))
            }
            throw KindredError.systemCall("lock", path: path, errno: number)
        }
    }

    deinit { close(descriptor) }
}
