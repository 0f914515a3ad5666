import KindredSystem

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Converts text of one encoding to UTF-8 by the system's `iconv` (POSIX.1-2017).
@safe
final class TextConverter {
    private let descriptor: iconv_t
    private let encoding: String

    /// - Throws: `invalidRequest` for an encoding that the system does not know.
    init(from encoding: String) throws {
        self.encoding = encoding
        guard let opened = unsafe iconv_open("UTF-8", encoding), Int(bitPattern: opened) != -1 else {
            throw KindredError(
                .invalidRequest,
                "the encoding \"\(encoding)\" is not known on this system; 'iconv -l' lists those that are")
        }
        unsafe descriptor = unsafe opened
    }

    deinit { unsafe iconv_close(descriptor) }

    /// - Throws: `invalidData` with the first byte that is not of the encoding.
    func convert(_ bytes: [UInt8], name: String) throws -> String {
        var input = bytes
        var output: [UInt8] = []
        output.reserveCapacity(bytes.count * 2)
        var chunk = Array(repeating: UInt8(0), count: 1 << 16)
        var position = 0
        while position < bytes.count {
            var (left, room) = (input.count - position, chunk.count)
            let result = unsafe input.withUnsafeMutableBytes { source in
                unsafe chunk.withUnsafeMutableBytes { target in
                    var from = unsafe source.baseAddress?.advanced(by: position).assumingMemoryBound(
                        to: CChar.self)
                    var to = unsafe target.baseAddress?.assumingMemoryBound(to: CChar.self)
                    return unsafe iconv(descriptor, &from, &left, &to, &room)
                }
            }
            let code = errno
            position = bytes.count - left
            output += chunk[..<(chunk.count - room)]
            guard result == -1 else { continue }
            guard code == E2BIG else {
                throw KindredError(
                    .invalidData, "is not \(encoding); name its encoding with --charset",
                    at: .init(path: name, byte: position))
            }
        }
        return String(decoding: output, as: UTF8.self)
    }
}
