import SystemPackage

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

extension KindredError {
    /// The error for a system call that failed with `errno` on `path`: a sentence for what people meet
    /// (missing file, no permission, full disk), the system's own words for the rest. The cause keeps `errno`.
    package static func systemCall(
        _ action: String, path: FilePath, errno number: CInt, creating: Bool = false
    ) -> KindredError {
        let (code, message) = meaning(of: number, action, creating: creating)
        return KindredError(
            code, message, at: .init(path: path.string),
            cause: SystemCallError(action, Errno(rawValue: number)))
    }

    private static func meaning(
        of number: CInt, _ action: String, creating: Bool
    ) -> (code: Code, message: String) {
        switch number {
        case ENOENT:
            creating
                ? (.cannotCreate, "the directory does not exist; make it first")
                : (.notFound, "no such file; check the path")
        case EISDIR: (.invalidData, "is a directory where a file is needed")
        case EACCES, EPERM:
            (
                creating ? .cannotCreate : .inputOutput,
                "cannot \(action): permission denied; check the owner and mode"
            )
        case ENOSPC, EDQUOT:
            (
                .inputOutput,
                "cannot \(action): no space left on the device; free some and run the same command again"
            )
        case EMFILE, ENFILE:
            (
                .unavailable,
                "cannot \(action): too many open files; raise the limit (ulimit -n) and run this again"
            )
        case ENOMEM: (.unavailable, "cannot \(action): out of memory; free some and run this again")
        case EROFS: (.cannotCreate, "cannot \(action): the file system is read-only")
        default:
            (creating ? .cannotCreate : .inputOutput, "cannot \(action): \(systemMessage(number))")
        }
    }
}

extension FilePath {
    /// Whether there is a file or directory, to which a symbolic link may lead.
    /// - Throws: `inputOutput` where that cannot be told, as below a directory that may not be entered.
    package func isThere() throws -> Bool {
        if systemStatus(string) != nil { return true }
        if errno == ENOENT || errno == ENOTDIR { return false }
        throw KindredError.systemCall("look at", path: self, errno: errno)
    }

    /// The names in a directory; none where there is no directory.
    /// - Throws: `inputOutput` where it cannot be read; `invalidData` where it is a file.
    package func entries() throws -> [String] {
        guard let names = systemEntries(string) else {
            if errno == ENOENT { return [] }
            if errno == ENOTDIR {
                throw KindredError(
                    .invalidData, "is a file where a directory is needed", at: .init(path: string))
            }
            throw KindredError.systemCall("read", path: self, errno: errno)
        }
        return names.sorted()
    }
}

/// Calls `body` again while it is interrupted by a signal; throws what `errno` says when it returns -1.
///
/// - Parameter isInput: `body` may wait for as long as another program likes, so that a signal that asks the process to
///   stop ends the wait: then `interrupted` is thrown. Writing goes on, so that what was begun is finished.
@discardableResult
package func retryingOnInterrupt(
    _ action: String, _ path: FilePath, creating: Bool = false, isInput: Bool = false, _ body: () -> Int
) throws -> Int {
    while true {
        let result = body()
        if result >= 0 { return result }
        if errno != EINTR {
            throw KindredError.systemCall(action, path: path, errno: errno, creating: creating)
        }
        if isInput, Interrupts.requested {
            throw KindredError(.interrupted, "stopped while waiting for input")
        }
    }
}
