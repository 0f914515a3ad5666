import KindredSystem
import SystemPackage

/// Arrays in NumPy's format, for `numpy.load` (numpy, `lib/format.py`, version 1.0). `NumpyHeader` has the format.
package enum NumpyFile {
    /// Writes a file whole or not at all.
    ///
    /// - Parameter shape: of the array; its product is the number of the matrix's elements. nil: rows × columns.
    /// - Throws: `cannotCreate`, `inputOutput`.
    package static func write(_ matrix: Matrix, shape: [Int]? = nil, to path: FilePath) throws {
        let shape = shape ?? [matrix.rows, matrix.columns]
        let count = matrix.rows * matrix.columns
        precondition(shape.reduce(1, *) == count)
        let file = try AtomicFile(path)
        try file.write(NumpyHeader.bytes(type: "<f4", shape: shape))
        // Kindred runs on little-endian machines only.
        try file.write(matrix.elements, 0..<count)
        try file.commit()
    }

    /// Writes a file of rows whole or not at all.
    ///
    /// - Parameters:
    ///   - values: rows after each other, as bits where they are no integers.
    ///   - type: NumPy's name of the elements' type.
    /// - Throws: `cannotCreate`, `inputOutput`.
    package static func write<Element: FixedWidthInteger & BitwiseCopyable>(
        _ values: [Element], type: String, columns: Int, to path: FilePath
    ) throws {
        let file = try AtomicFile(path)
        try file.write(NumpyHeader.bytes(type: type, shape: [values.count / max(1, columns), columns]))
        try file.write(AlignedBuffer(values))
        try file.commit()
    }

    /// The rows of an array of 64-bit or 32-bit signed numbers.
    /// - Throws: `notFound`, `inputOutput`; `invalidData` for any other file.
    package static func readRows(_ path: FilePath) throws -> [[Int64]] {
        let array = try NumpyHeader(ReadableFile(path), types: ["<i8": 8, "<i4": 4])
        let bytes = try array.file.bytes(array.start..<array.file.count)
        return (0..<array.rows).map { row in
            (0..<array.columns).map { column in
                let start = (row * array.columns + column) * array.elementBytes
                let value = bytes[start..<start + array.elementBytes].reversed().reduce(UInt64(0)) {
                    $0 << 8 | UInt64($1)
                }
                return array.elementBytes == 8
                    ? Int64(bitPattern: value) : Int64(Int32(bitPattern: UInt32(value)))
            }
        }
    }
}
