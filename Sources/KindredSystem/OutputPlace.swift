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
        var status = stat()
        guard path != "-", stat(target.string, &status) == 0 else {
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
                        Int(open(path.string, O_WRONLY | O_CLOEXEC))
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
            var buffer = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
            let length = readlink(path.string, &buffer, Int(PATH_MAX))
            guard length > 0 else { return path }
            let link = FilePath(
                String(decoding: buffer[..<length].map(UInt8.init(bitPattern:)), as: UTF8.self))
            // What /dev/stdout leads to has no path of its own where it is a pipe.
            let next = path.removingLastComponent().pushing(link)
            var status = stat()
            if lstat(next.string, &status) != 0, stat(path.string, &status) == 0 { return path }
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
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { return nil }
        self.init(status)
    }

    /// nil where there is no file. "-" is standard input.
    package init?(input path: String) {
        if path == "-" {
            self.init(descriptor: 0)
        } else {
            var status = stat()
            guard stat(path, &status) == 0 else { return nil }
            self.init(status)
        }
    }
}
