import KindredSystem

/// The header of an array file of NumPy (numpy, `lib/format.py`).
///
/// | OFFSET | SIZE | MEANING |
/// |---|---|---|
/// | 0 | 6 | `\x93NUMPY` |
/// | 6 | 2 | version: 1, 0; later versions, where the size has four bytes, are read too |
/// | 8 | 2 | size of the header, little-endian |
/// | 10 | … | header: a Python dictionary with type, order and shape, padded by spaces, and a newline |
/// | multiple of 64 | | elements, little-endian, row-major |
package struct NumpyHeader {
    package let file: ReadableFile
    /// Where the elements start.
    package let start: Int
    package let rows: Int
    package let columns: Int
    package let elementBytes: Int

    /// The first bytes of every file.
    package static let magic = [0x93] + Array("NUMPY".utf8)

    package static func isArray(_ bytes: [UInt8]) -> Bool { bytes.count >= 10 && bytes.starts(with: magic) }

    /// All bytes before the elements, for writing.
    ///
    /// - Parameter type: NumPy's name of the elements' type.
    package static func bytes(type: String, shape: [Int]) -> [UInt8] {
        let sizes = shape.map(String.init).joined(separator: ", ") + (shape.count == 1 ? "," : "")
        var header = Array("{'descr': '\(type)', 'fortran_order': False, 'shape': (\(sizes)), }".utf8)
        while (10 + header.count + 1) % 64 != 0 { header.append(0x20) }
        header.append(0x0A)
        return magic + [1, 0, UInt8(header.count & 0xFF), UInt8(header.count >> 8)] + header
    }

    /// - Parameter types: the bytes of an element by NumPy's name of the types that are allowed.
    /// - Throws: `invalidData` for any other file, and for one whose size is not what its shape says.
    package init(_ file: ReadableFile, types: [String: Int]) throws {
        self.file = file
        func invalid(_ message: String, byte: Int) -> KindredError {
            KindredError(.invalidData, message, at: .init(path: file.path.string, byte: byte))
        }
        let magic = try file.bytes(0..<min(12, file.count))
        guard Self.isArray(magic), (1...3).contains(magic[6]) else {
            throw invalid("is not a NumPy array (.npy)", byte: 0)
        }
        let sizeEnd = magic[6] == 1 ? 10 : 12
        let size = magic[8..<min(sizeEnd, magic.count)].reversed().reduce(0) { $0 << 8 | Int($1) }
        start = sizeEnd + size
        guard size <= 1 << 16, start <= file.count else {
            throw invalid("the header of the array is damaged", byte: 8)
        }
        let text = String(decoding: try file.bytes(sizeEnd..<start), as: UTF8.self)
        guard let type = Self.value(of: "descr", in: text),
            let order = Self.value(of: "fortran_order", in: text),
            let shape = Self.value(of: "shape", in: text)
        else { throw invalid("the header of the array is damaged", byte: sizeEnd) }
        let numbers = shape.filter { $0 != "(" && $0 != ")" }.split(separator: ",").map {
            Int($0.filter { !$0.isWhitespace })
        }
        guard order != "True" else {
            throw invalid(
                "the array is in Fortran order, columns after each other; write numpy.ascontiguousarray(it) instead",
                byte: sizeEnd)
        }
        guard let bytes = types[type], order == "False", numbers.count == 2, let rows = numbers[0],
            let columns = numbers[1], rows >= 0, columns > 0, rows <= 1 << 36, columns <= 1 << 20
        else {
            throw invalid(
                "must be an array of rows and columns of type \(types.keys.sorted().joined(separator: " or ")) in C order; "
                    + "this one is of type \(type), shape \(shape)", byte: sizeEnd)
        }
        (self.rows, self.columns, elementBytes) = (rows, columns, bytes)
        guard start + rows * columns * bytes == file.count else {
            throw invalid("the array's shape does not fit the file's size", byte: file.count)
        }
    }

    /// The value of a key in the header's Python dictionary.
    private static func value(of key: String, in text: String) -> String? {
        guard let found = text.firstRange(of: "'\(key)':") else { return nil }
        let rest = text[found.upperBound...].drop { $0 == " " }
        if rest.first == "(" { return rest.firstIndex(of: ")").map { String(rest[...$0]) } }
        return String(rest.prefix { $0 != "," && $0 != "}" }).filter { $0 != "'" && $0 != " " }
    }
}
