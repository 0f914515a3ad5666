import KindredSystem

/// Turns the bytes of a text file into text.
enum TextEncodings {
    /// - Parameters:
    ///   - declared: the name of the encoding that the file or the user gives, "windows-1252".
    ///   - name: of the file, for errors.
    /// - Returns: text whose lines end with `\n`.
    /// - Throws: `invalidData` with byte and line where the bytes are not of that encoding; without a declaration, of
    ///   UTF-8. `invalidRequest` for an encoding that this system does not know.
    static func decode(_ bytes: [UInt8], declared: String? = nil, name: String) throws -> String {
        let (mark, marked) = byteOrderMark(bytes)
        let body = bytes.dropFirst(mark)
        let encoding = marked ?? declared.flatMap { isUTF8($0) ? nil : $0 }
        guard let encoding else {
            guard let text = String(validating: body, as: UTF8.self) else {
                throw notUTF8(body, name)
            }
            return withUnixLines(text)
        }
        return withUnixLines(try TextConverter(from: encoding).convert(Array(body), name: name))
    }

    /// Whether bytes are no text: they have a NUL, and no byte order mark explains it.
    static func isBinary(_ bytes: [UInt8]) -> Bool {
        byteOrderMark(bytes).encoding == nil && bytes.prefix(1 << 16).contains(0)
    }

    /// Bytes of the mark at the start (Unicode 15, §23.8), and the encoding that it means.
    private static func byteOrderMark(_ bytes: [UInt8]) -> (count: Int, encoding: String?) {
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { return (3, "UTF-8") }
        if bytes.starts(with: [0xFF, 0xFE, 0, 0]) { return (4, "UTF-32LE") }
        if bytes.starts(with: [0, 0, 0xFE, 0xFF]) { return (4, "UTF-32BE") }
        if bytes.starts(with: [0xFF, 0xFE]) { return (2, "UTF-16LE") }
        if bytes.starts(with: [0xFE, 0xFF]) { return (2, "UTF-16BE") }
        return (0, nil)
    }

    private static func isUTF8(_ name: String) -> Bool { ["utf-8", "utf8"].contains(name.lowercased()) }

    /// The first byte that is not part of a character.
    private static func notUTF8(_ bytes: ArraySlice<UInt8>, _ name: String) -> KindredError {
        var decoder = Unicode.UTF8.ForwardParser()
        var iterator = bytes.makeIterator()
        var (byte, line) = (bytes.startIndex, 1)
        while case .valid(let scalar) = decoder.parseScalar(from: &iterator) {
            byte += scalar.count
            if scalar.count == 1, scalar.first == 0x0A { line += 1 }
        }
        return KindredError(
            .invalidData, "is not UTF-8; name its encoding, for example --charset windows-1252",
            at: .init(path: name, byte: byte, line: line))
    }

    private static func withUnixLines(_ text: String) -> String {
        guard text.utf8.contains(0x0D) else { return text }
        return String(text.map { $0 == "\r\n" || $0 == "\r" ? "\n" : $0 })
    }
}
