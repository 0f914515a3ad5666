import SystemPackage

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The bytes of a file or of standard input, decompressed on the way: bzip2 (also many streams, as in multistream
/// dumps), gzip (also many members), xz (many streams), zstd (many frames), a 7z archive of one file, or plain. Which of
/// them is told by the first bytes, not by the name.
package final class ByteSource {
    /// "standard input", or the file's path.
    package let name: String
    /// Bytes of the input as it is stored, read so far.
    package private(set) var bytesRead = 0
    /// Bytes of the input as it is stored; nil where they are not known beforehand, or where the place in it is not known,
    /// as in an archive: then `bytesRead` counts what was unpacked.
    package private(set) var totalBytes: Int?

    private let descriptor: CInt
    private let path: FilePath
    private var decoder: any StreamDecoder = PlainDecoder()
    private var archive: ArchiveReader?
    private var input: [UInt8] = []
    private var isAtEnd = false
    private var sniffed = false
    /// Decompressed bytes that were given back.
    private var ahead: [UInt8] = []
    private static let chunk = 1 << 18

    /// - Parameter path: "-" is standard input.
    /// - Throws: `notFound`, `invalidData` for a directory, `inputOutput`.
    package init(path: String) throws {
        self.path = FilePath(path)
        guard path != "-" else {
            name = "standard input"
            descriptor = dup(0)
            totalBytes = nil
            return
        }
        name = path
        let file = FilePath(path)
        descriptor = CInt(
            try retryingOnInterrupt("open", file, isInput: true) {
                Int(systemOpen(path, O_RDONLY | O_CLOEXEC))
            })
        totalBytes = systemStatus(descriptor).flatMap {
            $0.st_mode & S_IFMT == S_IFREG ? Int($0.st_size) : nil
        }
    }

    deinit { close(descriptor) }

    /// The next bytes, decompressed; none at the end.
    /// - Throws: `invalidData` with the stored byte where a compressed stream is cut off or damaged.
    package func read() throws -> [UInt8] {
        if !ahead.isEmpty {
            defer { ahead = [] }
            return ahead
        }
        while true {
            if input.isEmpty, !isAtEnd {
                input = try readChunk()
                isAtEnd = input.isEmpty
            }
            if !sniffed {
                // A pipe may give fewer bytes at a time than a magic number has.
                while input.count < 6, !isAtEnd {
                    let more = try readChunk()
                    isAtEnd = more.isEmpty
                    input += more
                }
                sniffed = true
                decoder = try makeDecoder()
            }
            let (name, bytesRead) = (name, bytesRead)
            let output = try decoder.decode(&input, isAtEnd: isAtEnd) { message, left in
                KindredError(.invalidData, message, at: .init(path: name, byte: bytesRead - left))
            }
            if !output.isEmpty || (isAtEnd && input.isEmpty) { return output }
        }
    }

    /// Gives back what the last `read` gave, for the next one.
    package func unread(_ bytes: [UInt8]) { ahead = bytes + ahead }

    private func readChunk() throws -> [UInt8] {
        var bytes: [UInt8] = []
        if let archive {
            bytes = try archive.read(upTo: Self.chunk)
        } else {
            try retryingOnInterrupt("read", path, isInput: true) {
                systemRead(descriptor, into: &bytes, upTo: Self.chunk)
            }
        }
        bytesRead += bytes.count
        return bytes
    }

    private func makeDecoder() throws -> any StreamDecoder {
        func begins(_ magic: [[UInt8]]) -> Bool { magic.contains { input.starts(with: $0) } }
        if begins(Bzip2Decoder.magic) { return Bzip2Decoder() }
        if begins(GzipDecoder.magic) { return try GzipDecoder() }
        if begins(XzDecoder.magic) { return try XzDecoder() }
        if begins(ZstdDecoder.magic) { return try ZstdDecoder() }
        if input.starts(with: ArchiveReader.magic) {
            try openArchive()
        } else if input.starts(with: [0x04, 0x22, 0x4D, 0x18]) {
            throw KindredError(
                .invalidData,
                "is compressed by lz4, which Kindred does not unpack; pipe it: lz4 -dc FILE | kindred … -",
                at: .init(path: name))
        }
        return PlainDecoder()
    }

    /// Reads from the archive's file instead of from the archive.
    private func openArchive() throws {
        guard FileKind(path.string) == .regular, path != "-" else {
            throw KindredError(
                .invalidData,
                "is a 7z archive, which can be read only from a file; name the file, or pipe it: 7zz x -so FILE | kindred … -",
                at: .init(path: name))
        }
        archive = try ArchiveReader(path)
        (input, isAtEnd, bytesRead, totalBytes) = ([], false, 0, nil)
    }
}
