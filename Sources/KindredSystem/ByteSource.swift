import SystemPackage

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The bytes of a file or of standard input, decompressed on the way: bzip2 (also many streams, as in multistream
/// dumps), gzip (also many members), or plain. Which of them is told by the first bytes, not by the name.
package final class ByteSource {
    /// "standard input", or the file's path.
    package let name: String
    /// Bytes of the input as it is stored, read so far.
    package private(set) var bytesRead = 0
    /// Bytes of the input as it is stored; nil where they are not known beforehand.
    package let totalBytes: Int?

    private let descriptor: CInt
    private let path: FilePath
    private var decoder: any StreamDecoder = PlainDecoder()
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
                while input.count < 4, !isAtEnd {
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
        try retryingOnInterrupt("read", path, isInput: true) {
            systemRead(descriptor, into: &bytes, upTo: Self.chunk)
        }
        bytesRead += bytes.count
        return bytes
    }

    private func makeDecoder() throws -> any StreamDecoder {
        if input.starts(with: Bzip2Decoder.magic) { return try Bzip2Decoder() }
        if input.starts(with: GzipDecoder.magic) { return try GzipDecoder() }
        for (magic, tool) in Self.otherFormats where input.starts(with: magic) {
            throw KindredError(
                .invalidData,
                "is compressed by \(tool), which Kindred does not unpack; pipe it: \(tool) -dc FILE | kindred … -",
                at: .init(path: name))
        }
        return PlainDecoder()
    }

    /// First bytes of compressed files that are worth telling from damaged ones, and what unpacks them.
    private static let otherFormats: [(magic: [UInt8], tool: String)] = [
        ([0xFD, 0x37, 0x7A, 0x58], "xz"), ([0x28, 0xB5, 0x2F, 0xFD], "zstd"),
        ([0x04, 0x22, 0x4D, 0x18], "lz4"),
    ]
}
