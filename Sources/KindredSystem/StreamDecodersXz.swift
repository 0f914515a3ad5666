import CLZMA

/// Streams of xz (tukaani.org/xz/xz-file-format.txt), whose integrity checks liblzma verifies.
@safe
final class XzDecoder: CompressedStream {
    static let name = "xz"
    static let magic: [[UInt8]] = [[0xFD, 0x37, 0x7A, 0x58, 0x5A, 0x00]]
    /// Bytes of memory, at most: `xz -9` asks for 65 MiB, but a file may ask for 4 GiB.
    private static let mostMemory: UInt64 = 512 << 20

    private var stream = unsafe lzma_stream()
    var isInside = true

    init() throws { try start() }

    deinit { unsafe lzma_end(&stream) }

    private func start() throws {
        guard unsafe lzma_stream_decoder(&stream, Self.mostMemory, 0) == LZMA_OK else {
            throw KindredError(.unavailable, "no memory for decompressing xz")
        }
    }

    func restart() throws { try start() }

    func step(_ input: inout [UInt8]) -> (output: [UInt8], used: Int, status: StreamStatus) {
        var status = LZMA_OK
        var used = 0
        let output = unsafe [UInt8](unsafeUninitializedCapacity: outputChunk) { buffer, count in
            unsafe input.withUnsafeBytes { source in
                unsafe stream.next_in = unsafe source.baseAddress?.assumingMemoryBound(to: UInt8.self)
                unsafe stream.avail_in = source.count
                unsafe stream.next_out = buffer.baseAddress
                unsafe stream.avail_out = outputChunk
                status = unsafe lzma_code(&stream, LZMA_RUN)
                used = unsafe source.count - stream.avail_in
                count = unsafe outputChunk - stream.avail_out
            }
        }
        switch status {
        // No progress: more input is needed.
        case LZMA_OK, LZMA_BUF_ERROR: return (output, used, .goesOn)
        case LZMA_STREAM_END: return (output, used, .ended)
        case LZMA_MEMLIMIT_ERROR, LZMA_MEM_ERROR: return (output, used, .tooLarge)
        default: return (output, used, .damaged)
        }
    }
}
