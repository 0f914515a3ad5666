import SystemPackage

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The one file of a 7z archive, unpacked by a program that is installed: the format needs its index, which stands at the
/// end, and no library for it is common.
final class ArchiveReader {
    static let magic: [UInt8] = [0x37, 0x7A, 0xBC, 0xAF, 0x27, 0x1C]

    /// Programs that unpack 7z, best first.
    private static let programs = ["7zz", "7z", "7za", "bsdtar"]
    /// Bytes of the list of an archive's files that are read, at most.
    private static let longestList = 1 << 20

    private let path: FilePath
    private let program: String
    private let child: ChildProcess
    private var isFinished = false

    /// - Throws: `unavailable` where no program is installed or none can be started; `invalidData` for an archive that is
    ///   damaged or does not hold exactly one file.
    init(_ path: FilePath) throws {
        self.path = path
        guard let (name, program) = ChildProcess.installed(Self.programs) else {
            throw KindredError(
                .unavailable,
                "is a 7z archive, and none of \(Self.programs.joined(separator: ", ")) is installed; install the package "
                    + "\"7zip\" or \"libarchive-tools\"", at: .init(path: path.string))
        }
        self.program = name
        // A name that begins with a dash would be an option.
        let file = path.isRelative ? "./" + path.string : path.string
        let isTar = name == "bsdtar"
        try Self.check(path, program, isTar ? ["-tf", file] : ["l", "-ba", "-slt", "-p-", file], name)
        child = try ChildProcess(program, isTar ? ["-xOf", file] : ["x", "-so", "-bd", "-p-", file])
    }

    /// The next bytes of the file; none at its end.
    /// - Throws: `invalidData` at the end, where the program says that the archive is damaged; `interrupted`.
    func read(upTo count: Int) throws -> [UInt8] {
        guard !isFinished else { return [] }
        let bytes = try child.read(upTo: count)
        if bytes.isEmpty {
            isFinished = true
            let status = child.wait()
            guard status == 0 else { throw Self.damage(path, program, status) }
        }
        return bytes
    }

    private static func damage(_ path: FilePath, _ program: String, _ status: CInt) -> KindredError {
        KindredError(
            .invalidData,
            "the 7z archive is damaged, cut off or needs a password (\(program) ended with status \(status)); what came "
                + "before is kept, get the file again, or unpack it yourself and pipe it: 7z x -so FILE | kindred … -",
            at: .init(path: path.string))
    }

    /// Finds whether the archive holds one file.
    private static func check(_ path: FilePath, _ program: String, _ arguments: [String], _ name: String)
        throws
    {
        let child = try ChildProcess(program, arguments)
        var list: [UInt8] = []
        while list.count < longestList {
            let bytes = try child.read(upTo: 1 << 16)
            if bytes.isEmpty { break }
            list += bytes
        }
        let isWhole = list.count < longestList
        let status = isWhole ? child.wait() : 0
        guard status == 0 else { throw damage(path, name, status) }
        let lines = String(decoding: list, as: UTF8.self).split(whereSeparator: \.isNewline)
        let files: Int
        if name == "bsdtar" {
            files = lines.count { !$0.hasSuffix("/") }
        } else {
            let folders = lines.count { $0.hasPrefix("Attributes = D") || $0 == "Folder = +" }
            files = lines.count { $0.hasPrefix("Path = ") } - folders
        }
        guard files == 1 else {
            throw KindredError(
                .invalidData,
                files < 1
                    ? "the 7z archive holds no file"
                    : "the 7z archive holds \(isWhole ? "\(files)" : "many") files, and Kindred reads archives of one; name "
                        + "the one you mean: \(name == "bsdtar" ? "bsdtar -xOf" : name + " x -so") FILE NAME | kindred … -",
                at: .init(path: path.string))
        }
    }
}
