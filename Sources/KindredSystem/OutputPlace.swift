import SystemPackage

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Where an output goes.
package enum OutputPlace {
    /// An open descriptor: standard output, a device or a pipe.
    case through(CInt)
    /// A regular file, which is there (`old`) or not; never a symbolic link.
    case file(target: FilePath, old: stat?)

    private static let mostLinks = 40

    /// - Throws: `invalidData` for a directory; `cannotCreate`, `inputOutput`.
    init(_ path: FilePath) throws {
        let standardOutput = FileIdentity(descriptor: 1)
        let target = try Self.followed(path)
        guard path != "-", let status = systemStatus(target.string) else {
            guard path == "-" else {
                guard errno == ENOENT else {
                    throw KindredError.systemCall("create", path: path, errno: errno, creating: true)
                }
                self = .file(target: target, old: nil)
                return
            }
            self = .through(try Self.duplicateOfStandardOutput())
            return
        }
        switch status.st_mode & S_IFMT {
        case S_IFDIR: throw KindredError.systemCall("write", path: path, errno: EISDIR)
        case _ where FileIdentity(status) == standardOutput:
            self = .through(try Self.duplicateOfStandardOutput())
        case S_IFREG: self = .file(target: target, old: status)
        default:
            self = .through(
                CInt(
                    try retryingOnInterrupt("open", path, creating: true) {
                        Int(systemOpen(path.string, O_WRONLY | O_CLOEXEC))
                    }))
        }
    }

    /// Whether what is written to `path` goes where results are printed.
    package static func isStandardOutput(_ path: String) -> Bool {
        path == "-" || FileIdentity(input: path).map { $0 == FileIdentity(descriptor: 1) } ?? false
    }

    private static func duplicateOfStandardOutput() throws -> CInt {
        CInt(try retryingOnInterrupt("write", "-") { Int(fcntl(1, F_DUPFD_CLOEXEC, 0)) })
    }

    /// The path that a chain of symbolic links leads to, whether or not there is a file.
    private static func followed(_ path: FilePath) throws -> FilePath {
        var path = path
        for _ in 0..<mostLinks {
            guard let link = systemLinkTarget(path.string).map({ FilePath($0) }) else { return path }
            // What /dev/stdout leads to has no path of its own where it is a pipe.
            let next = path.removingLastComponent().pushing(link)
            if systemLinkStatus(next.string) == nil, systemStatus(path.string) != nil { return path }
            path = next
        }
        throw KindredError.systemCall("open", path: path, errno: ELOOP, creating: true)
    }
}

/// Which file a path or a descriptor stands for.
package struct FileIdentity: Hashable, Sendable {
    private let device: UInt64
    private let inode: UInt64

    package init(_ status: stat) {
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
    }

    /// nil where nothing is open.
    init?(descriptor: CInt) {
        guard let status = systemStatus(descriptor) else { return nil }
        self.init(status)
    }

    /// nil where there is no file. "-" is standard input.
    package init?(input path: String) {
        if path == "-" {
            self.init(descriptor: 0)
        } else {
            guard let status = systemStatus(path) else { return nil }
            self.init(status)
        }
    }
}
