import KindredSystem
import SystemPackage

/// Arrays in NumPy's format, for `numpy.load` (numpy, `lib/format.py`, version 1.0).
///
/// | OFFSET | SIZE | MEANING |
/// |---|---|---|
/// | 0 | 6 | `\x93NUMPY` |
/// | 6 | 2 | version: 1, 0 |
/// | 8 | 2 | size of the header, little-endian |
/// | 10 | … | header: a Python dictionary with type, order and shape, padded by spaces, and a newline |
/// | multiple of 64 | | 32-bit floats, little-endian, row-major |
package enum NumpyFile {
    /// Writes a file whole or not at all.
    ///
    /// - Parameter shape: of the array; its product is the number of the matrix's elements. nil: rows × columns.
    /// - Throws: `cannotCreate`, `inputOutput`.
    package static func write(_ matrix: Matrix, shape: [Int]? = nil, to path: FilePath) throws {
        let shape = shape ?? [matrix.rows, matrix.columns]
        let count = matrix.rows * matrix.columns
        precondition(shape.reduce(1, *) == count)
        let sizes = shape.map(String.init).joined(separator: ", ") + (shape.count == 1 ? "," : "")
        var header = Array("{'descr': '<f4', 'fortran_order': False, 'shape': (\(sizes)), }".utf8)
        while (10 + header.count + 1) % 64 != 0 { header.append(0x20) }
        header.append(0x0A)
        let file = try AtomicFile(path)
        try file.write([0x93] + Array("NUMPY".utf8) + [1, 0])
        try file.write([UInt8(header.count & 0xFF), UInt8(header.count >> 8)])
        try file.write(header)
        // Kindred runs on little-endian machines only.
        try file.write(matrix.elements, 0..<count)
        try file.commit()
    }
}
