import CZstd

/// Frames of zstd (RFC 8878), with skippable frames between, before and after them.
@safe
final class ZstdDecoder: CompressedStream {
    static let name = "zstd"
    static let magic: [[UInt8]] =
        [[0x28, 0xB5, 0x2F, 0xFD]] + (0..<16).map { [0x50 + UInt8($0), 0x2A, 0x4D, 0x18] }

    private let context: OpaquePointer
    var isInside = true

    init() throws {
        guard let context = unsafe ZSTD_createDCtx() else {
            throw KindredError(.unavailable, "no memory for decompressing zstd")
        }
        // The library refuses windows of more than 128 MiB, which no preset of the command needs.
        unsafe self.context = unsafe context
    }

    deinit { unsafe ZSTD_freeDCtx(context) }

    func restart() { _ = unsafe ZSTD_DCtx_reset(context, ZSTD_reset_session_only) }

    func step(_ input: inout [UInt8]) -> (output: [UInt8], used: Int, status: StreamStatus) {
        var result = 0
        var used = 0
        let output = unsafe [UInt8](unsafeUninitializedCapacity: outputChunk) { buffer, count in
            unsafe input.withUnsafeBytes { source in
                var from = unsafe ZSTD_inBuffer(src: source.baseAddress, size: source.count, pos: 0)
                var to = unsafe ZSTD_outBuffer(
                    dst: UnsafeMutableRawPointer(buffer.baseAddress), size: outputChunk, pos: 0)
                result = unsafe ZSTD_decompressStream(context, &to, &from)
                used = unsafe from.pos
                count = unsafe to.pos
            }
        }
        if ZSTD_isError(result) != 0 {
            let code = ZSTD_getErrorCode(result)
            let isTooLarge =
                code == ZSTD_error_frameParameter_windowTooLarge || code == ZSTD_error_memory_allocation
            return (output, used, isTooLarge ? .tooLarge : .damaged)
        }
        return (output, used, result == 0 ? .ended : .goesOn)
    }
}
