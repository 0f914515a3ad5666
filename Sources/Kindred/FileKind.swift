import KindredSystem

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// What a path names, symbolic links followed.
enum FileKind: Sendable {
    case regular, directory
    /// A pipe, a socket or a terminal: what can be read once.
    case pipe
    case missing

    init(_ path: String) {
        var status = stat()
        guard stat(path, &status) == 0 else {
            self = .missing
            return
        }
        switch status.st_mode & S_IFMT {
        case S_IFREG: self = .regular
        case S_IFDIR: self = .directory
        default: self = .pipe
        }
    }
}
