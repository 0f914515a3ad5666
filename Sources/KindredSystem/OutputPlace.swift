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

    init(_ status: stat) {
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

/// What a file holds, told by its first bytes: what it may be replaced by unasked.
package struct OutputKind: Sendable {
    let name: String
    private let holds: @Sendable ([UInt8]) -> Bool

    package static let array = OutputKind(name: "an array of NumPy") {
        $0.starts(with: [0x93] + Array("NUMPY".utf8))
    }
    package static let segment = OutputKind(name: "an index of vectors") {
        $0.starts(with: Array("KINDREDV".utf8))
    }
    /// Lines `query Q0 document rank score tag`.
    package static let rankings = OutputKind(name: "a file of rankings") {
        let words = $0.prefix { $0 != 0x0A }.split(separator: 0x20)
        return words.count == 6 && words[1].elementsEqual("Q0".utf8)
    }

    /// Short lines of text, one word each as a rule.
    package static let lines = OutputKind(name: "a file of labels") {
        !$0.contains(0) && $0.split(separator: 0x0A).allSatisfy { $0.count <= 200 }
    }

    /// Checks, before any work is done, that an output may be written.
    ///
    /// - Parameters:
    ///   - inputs: paths of what the command reads.
    ///   - force: replace a file of another kind.
    /// - Throws: `invalidRequest` for an output that is an input; `cannotCreate` where a file of another kind is there.
    package func check(output path: String, inputs: [String], force: Bool) throws {
        guard path != "-" else { return }
        var status = stat()
        guard stat(path, &status) == 0 else { return }
        let isRegular = status.st_mode & S_IFMT == S_IFREG
        if isRegular, inputs.contains(where: { FileIdentity(input: $0) == FileIdentity(status) }) {
            throw KindredError(
                .invalidRequest, "is an input of this command, and would be overwritten; name another output",
                at: .init(path: path))
        }
        guard isRegular, status.st_size > 0, !force else { return }
        let file = try ReadableFile(FilePath(path))
        let start = try file.bytes(0..<min(file.count, 4096))
        guard holds(start) else {
            throw KindredError(
                .cannotCreate,
                "is there already and is not \(name); name another output, or replace it with --force",
                at: .init(path: path))
        }
    }
}
