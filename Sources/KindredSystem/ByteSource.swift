import CBzip2
import CZlib
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
            try retryingOnInterrupt("open", file, isInput: true) { Int(open(path, O_RDONLY | O_CLOEXEC)) })
        var status = stat()
        let isRegular = fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
        totalBytes = isRegular ? Int(status.st_size) : nil
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
        var count = 0
        let bytes = try [UInt8](unsafeUninitializedCapacity: Self.chunk) { buffer, initialized in
            count = try retryingOnInterrupt("read", path, isInput: true) {
                systemRead(descriptor, UnsafeMutableRawPointer(buffer.baseAddress!), Self.chunk)
            }
            initialized = count
        }
        bytesRead += count
        return bytes
    }

    private func makeDecoder() throws -> any StreamDecoder {
        if input.starts(with: Array("BZh".utf8)) { return try Bzip2Decoder() }
        if input.starts(with: [0x1F, 0x8B]) { return try GzipDecoder() }
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

/// Takes bytes off the front of the input and gives what they decompress to. A failure is made of a message and of how
/// many bytes of the input are left.
private protocol StreamDecoder {
    mutating func decode(
        _ input: inout [UInt8], isAtEnd: Bool, failure: (String, Int) -> KindredError
    ) throws -> [UInt8]
}

private let outputChunk = 1 << 19

/// Whether another stream begins where one has ended. Zeros are padding, as tapes and block devices have it (gzip's
/// manual, "trailing garbage"); anything else may be a stream whose beginning is damaged, and is not passed over.
private func hasNext(
    _ kind: String, magic: [UInt8], in input: inout [UInt8], _ isAtEnd: Bool,
    _ failure: (String, Int) -> KindredError
) throws -> Bool {
    guard let first = input.first else { return false }
    if input.starts(with: magic) || (!isAtEnd && magic.starts(with: input)) { return true }
    guard first == 0, let other = input.firstIndex(where: { $0 != 0 }) else {
        guard first == 0 else {
            throw failure(
                "bytes follow the end of a \(kind) stream and are no other stream: the file is damaged, or something was "
                    + "appended; what came before is kept. To leave it out: \(kind) -dc FILE | kindred … -",
                input.count)
        }
        input.removeAll()
        return false
    }
    input.removeFirst(other)
    return try hasNext(kind, magic: magic, in: &input, isAtEnd, failure)
}

private struct PlainDecoder: StreamDecoder {
    func decode(_ input: inout [UInt8], isAtEnd: Bool, failure: (String, Int) -> KindredError) -> [UInt8] {
        defer { input.removeAll() }
        return input
    }
}

private final class Bzip2Decoder: StreamDecoder {
    private var stream = bz_stream()
    private var isInside = true

    init() throws { try start() }

    deinit { BZ2_bzDecompressEnd(&stream) }

    private func start() throws {
        stream = bz_stream()
        guard BZ2_bzDecompressInit(&stream, 0, 0) == BZ_OK else {
            throw KindredError(.unavailable, "no memory for decompressing bzip2")
        }
    }

    func decode(_ input: inout [UInt8], isAtEnd: Bool, failure: (String, Int) -> KindredError) throws
        -> [UInt8]
    {
        if !isInside {
            guard try hasNext("bzip2", magic: Array("BZh".utf8), in: &input, isAtEnd, failure) else {
                return []
            }
            BZ2_bzDecompressEnd(&stream)
            try start()
            isInside = true
        }
        guard !(input.isEmpty && isAtEnd) else {
            throw failure(
                "the file ends in the middle of a bzip2 stream; what came before is kept, get the file again",
                input.count)
        }
        var status = BZ_OK
        var used = 0
        let output = [UInt8](unsafeUninitializedCapacity: outputChunk) { buffer, count in
            input.withUnsafeMutableBytes { source in
                stream.next_in = source.baseAddress?.assumingMemoryBound(to: CChar.self)
                stream.avail_in = UInt32(source.count)
                stream.next_out = UnsafeMutableRawPointer(buffer.baseAddress!).assumingMemoryBound(
                    to: CChar.self)
                stream.avail_out = UInt32(outputChunk)
                status = BZ2_bzDecompress(&stream)
                used = source.count - Int(stream.avail_in)
                count = outputChunk - Int(stream.avail_out)
            }
        }
        input.removeFirst(used)
        switch status {
        case BZ_OK: break
        case BZ_STREAM_END: isInside = false
        default:
            throw failure(
                "the bzip2 stream is damaged; what came before is kept, get the file again", input.count)
        }
        return output
    }
}

private final class GzipDecoder: StreamDecoder {
    private var stream = z_stream()
    private var isInside = true

    init() throws {
        // 16 + 15: a gzip header and the largest window.
        guard inflateInit2_(&stream, 31, ZLIB_VERSION, CInt(MemoryLayout<z_stream>.size)) == Z_OK else {
            throw KindredError(.unavailable, "no memory for decompressing gzip")
        }
    }

    deinit { inflateEnd(&stream) }

    func decode(_ input: inout [UInt8], isAtEnd: Bool, failure: (String, Int) -> KindredError) throws
        -> [UInt8]
    {
        if !isInside {
            guard try hasNext("gzip", magic: [0x1F, 0x8B], in: &input, isAtEnd, failure) else { return [] }
            inflateReset(&stream)
            isInside = true
        }
        guard !(input.isEmpty && isAtEnd) else {
            throw failure(
                "the file ends in the middle of a gzip stream; what came before is kept, get the file again",
                input.count)
        }
        var status = Z_OK
        var used = 0
        let output = [UInt8](unsafeUninitializedCapacity: outputChunk) { buffer, count in
            input.withUnsafeMutableBytes { source in
                stream.next_in = source.baseAddress?.assumingMemoryBound(to: UInt8.self)
                stream.avail_in = UInt32(source.count)
                stream.next_out = buffer.baseAddress
                stream.avail_out = UInt32(outputChunk)
                status = inflate(&stream, Z_NO_FLUSH)
                used = source.count - Int(stream.avail_in)
                count = outputChunk - Int(stream.avail_out)
            }
        }
        input.removeFirst(used)
        switch status {
        case Z_OK, Z_BUF_ERROR: break
        case Z_STREAM_END: isInside = false
        default:
            throw failure(
                "the gzip stream is damaged; what came before is kept, get the file again", input.count)
        }
        return output
    }
}
