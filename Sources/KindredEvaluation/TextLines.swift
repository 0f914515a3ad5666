import KindredSystem
import SystemPackage

/// Lines of a text file, also of one compressed by bzip2 or gzip.
package enum TextLines {
    package struct Line: Sendable {
        /// From 1.
        package let number: Int
        /// Without its end. Bytes that are no UTF-8 are U+FFFD.
        package let text: String
        package let isUTF8: Bool
    }

    /// A line longer than this is an error: it is no text.
    private static let longest = 1 << 26

    /// Calls `body` with each line in order.
    ///
    /// - Throws: `notFound`, `inputOutput`; `invalidData` for a line of more than 64 MiB.
    package static func forEach(in path: FilePath, _ body: (Line) throws -> Void) throws {
        let source = try ByteSource(path: path.string)
        var number = 0
        var pending: [UInt8] = []
        func take(_ bytes: ArraySlice<UInt8>) throws {
            number += 1
            var bytes = bytes.last == 0x0D ? bytes.dropLast() : bytes
            if number == 1, bytes.starts(with: [0xEF, 0xBB, 0xBF]) { bytes = bytes.dropFirst(3) }
            if let text = String(validating: bytes, as: UTF8.self) {
                try body(Line(number: number, text: text, isUTF8: true))
            } else {
                try body(Line(number: number, text: String(decoding: bytes, as: UTF8.self), isUTF8: false))
            }
        }
        while true {
            let chunk = try source.read()
            guard !chunk.isEmpty else { break }
            var start = chunk.startIndex
            while let end = chunk[start...].firstIndex(of: 0x0A) {
                if pending.isEmpty {
                    try take(chunk[start..<end])
                } else {
                    pending += chunk[start..<end]
                    try take(pending[...])
                    pending.removeAll(keepingCapacity: true)
                }
                start = end + 1
            }
            pending += chunk[start...]
            guard pending.count <= longest else {
                throw KindredError(
                    .invalidData, "a line is longer than \(longest) bytes; this is not text",
                    at: .init(path: path.string, line: number + 1))
            }
        }
        if !pending.isEmpty { try take(pending[...]) }
    }
}
