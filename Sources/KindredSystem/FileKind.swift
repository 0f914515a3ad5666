#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// What a path names, symbolic links followed.
package enum FileKind: Sendable {
    case regular, directory
    /// A pipe, a socket or a terminal: what can be read once.
    case pipe
    case missing

    package init(_ path: String) {
        guard let status = systemStatus(path) else {
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
