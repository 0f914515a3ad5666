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
    /// (missing file, no permission, full disk), the system's own words for the rest.
    package static func systemCall(
        _ action: String, path: FilePath, errno number: CInt, creating: Bool = false
    ) -> KindredError {
        let location = Location(path: path.string)
        switch number {
        case ENOENT:
            return KindredError(
                creating ? .cannotCreate : .notFound,
                creating
                    ? "the directory does not exist; make it first" : "no such file; check the path",
                at: location)
        case EISDIR:
            return KindredError(.invalidData, "is a directory where a file is needed", at: location)
        case EACCES, EPERM:
            return KindredError(
                creating ? .cannotCreate : .inputOutput,
                "cannot \(action): permission denied; check the owner and mode", at: location)
        case ENOSPC, EDQUOT:
            return KindredError(
                .inputOutput,
                "cannot \(action): no space left on the device; free some and run the same command again",
                at: location)
        case EROFS:
            return KindredError(
                .cannotCreate, "cannot \(action): the file system is read-only", at: location)
        default:
            let reason = String(cString: strerror(number))
            return KindredError(
                creating ? .cannotCreate : .inputOutput, "cannot \(action): \(reason)", at: location)
        }
    }
}

/// Calls `body` again while it is interrupted by a signal; throws what `errno` says when it returns -1.
func retryingOnInterrupt(
    _ action: String, _ path: FilePath, creating: Bool = false, _ body: () -> Int
) throws -> Int {
    while true {
        let result = body()
        if result >= 0 { return result }
        if errno != EINTR {
            throw KindredError.systemCall(action, path: path, errno: errno, creating: creating)
        }
    }
}

/// `write(2)` under a name that methods called `write` do not hide.
func systemWrite(_ descriptor: CInt, _ bytes: UnsafeRawPointer, _ count: Int) -> Int {
    write(descriptor, bytes, count)
}

/// `read(2)` under a name that methods called `read` do not hide.
func systemRead(_ descriptor: CInt, _ bytes: UnsafeMutableRawPointer, _ count: Int) -> Int {
    read(descriptor, bytes, count)
}
