import CZlib

/// Takes bytes off the front of the input and gives what they decompress to. A failure is made of a message and of how
/// many bytes of the input are left.
protocol StreamDecoder {
    mutating func decode(
        _ input: inout [UInt8], isAtEnd: Bool, failure: (String, Int) -> KindredError
    ) throws -> [UInt8]
}

/// Bytes that a decoder gives at a time, at most.
let outputChunk = 1 << 19

/// Whether another stream begins where one has ended. Zeros are padding, as tapes and block devices have it (gzip's
/// manual, "trailing garbage"); anything else may be a stream whose beginning is damaged, and is not passed over.
func hasNext(
    _ kind: String, magic: [[UInt8]], in input: inout [UInt8], _ isAtEnd: Bool,
    _ failure: (String, Int) -> KindredError
) throws -> Bool {
    guard let first = input.first else { return false }
    if magic.contains(where: { input.starts(with: $0) || (!isAtEnd && $0.starts(with: input)) }) {
        return true
    }
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

struct PlainDecoder: StreamDecoder {
    func decode(_ input: inout [UInt8], isAtEnd: Bool, failure: (String, Int) -> KindredError) -> [UInt8] {
        defer { input.removeAll() }
        return input
    }
}

/// A decoder of streams that may follow each other in a file.
protocol CompressedStream: AnyObject, StreamDecoder {
    /// What the format and its command are called.
    static var name: String { get }
    /// What a stream may begin with.
    static var magic: [[UInt8]] { get }
    /// Whether a stream has begun and not ended.
    var isInside: Bool { get set }
    /// Gets ready for another stream.
    func restart() throws
    /// Decompresses into a chunk of memory.
    func step(_ input: inout [UInt8]) -> (output: [UInt8], used: Int, status: StreamStatus)
}

enum StreamStatus {
    case goesOn, ended, damaged
    /// The stream asks for more memory than a decoder may take.
    case tooLarge
}

extension CompressedStream {
    private static var article: String { (name == "xz" ? "an " : "a ") + name }

    func decode(_ input: inout [UInt8], isAtEnd: Bool, failure: (String, Int) -> KindredError) throws
        -> [UInt8]
    {
        if !isInside {
            guard try hasNext(Self.name, magic: Self.magic, in: &input, isAtEnd, failure) else { return [] }
            try restart()
            isInside = true
        }
        let hasInput = !input.isEmpty
        let (output, used, status) = step(&input)
        input.removeFirst(used)
        // Bytes that are all taken may still have output, which comes first.
        if status == .goesOn, output.isEmpty, isAtEnd, !hasInput {
            throw failure(
                "the file ends in the middle of \(Self.article) stream; what came before is kept, get the file again",
                input.count)
        }
        switch status {
        case .goesOn: break
        case .ended: isInside = false
        case .damaged:
            throw failure(
                "the \(Self.name) stream is damaged; what came before is kept, get the file again",
                input.count
            )
        case .tooLarge:
            throw failure(
                "the \(Self.name) stream needs more memory than Kindred gives it; what came before is kept. Pipe it: "
                    + "\(Self.name) -dc \(Self.name == "zstd" ? "--long=31 " : "")FILE | kindred … -",
                input.count)
        }
        return output
    }
}

@safe
final class GzipDecoder: CompressedStream {
    static let name = "gzip"
    static let magic: [[UInt8]] = [[0x1F, 0x8B]]

    private var stream = unsafe z_stream()
    var isInside = true

    init() throws {
        // 16 + 15: a gzip header and the largest window.
        guard unsafe inflateInit2_(&stream, 31, ZLIB_VERSION, CInt(MemoryLayout<z_stream>.size)) == Z_OK
        else {
            throw KindredError(.unavailable, "no memory for decompressing gzip")
        }
    }

    deinit { unsafe inflateEnd(&stream) }

    func restart() { unsafe inflateReset(&stream) }

    func step(_ input: inout [UInt8]) -> (output: [UInt8], used: Int, status: StreamStatus) {
        var status = Z_OK
        var used = 0
        let output = unsafe [UInt8](unsafeUninitializedCapacity: outputChunk) { buffer, count in
            unsafe input.withUnsafeMutableBytes { source in
                unsafe stream.next_in = unsafe source.baseAddress?.assumingMemoryBound(to: UInt8.self)
                unsafe stream.avail_in = UInt32(source.count)
                unsafe stream.next_out = buffer.baseAddress
                unsafe stream.avail_out = UInt32(outputChunk)
                status = unsafe inflate(&stream, Z_NO_FLUSH)
                used = unsafe source.count - Int(stream.avail_in)
                count = unsafe outputChunk - Int(stream.avail_out)
            }
        }
        let goesOn = status == Z_OK || status == Z_BUF_ERROR
        return (output, used, goesOn ? .goesOn : status == Z_STREAM_END ? .ended : .damaged)
    }
}
