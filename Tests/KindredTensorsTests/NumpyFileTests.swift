import Foundation
import KindredTensors
import KindredTestSupport
import Testing

@Suite struct NumpyFileTests {
    @Test func `an array is written as NumPy writes it`() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path.appending("a.npy")
        try NumpyFile.write(Matrix([[1, 2], [3, 4], [5, 6], [-7, 8]]), shape: [2, 2, 2], to: path)
        let bytes = try [UInt8](Data(contentsOf: URL(fileURLWithPath: path.string)))
        // numpy.save of numpy.array([...], dtype="<f4").reshape(2, 2, 2) pads the header to the same 128 bytes.
        let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2, 2), }"
        #expect(Array(bytes[..<10]) == [0x93] + Array("NUMPY".utf8) + [1, 0, 118, 0])
        let padded = header + String(repeating: " ", count: 117 - header.utf8.count) + "\n"
        #expect(String(decoding: bytes[10..<128], as: UTF8.self) == padded)
        let values = stride(from: 128, to: bytes.count, by: 4).map { start in
            Float(bitPattern: bytes[start..<start + 4].reversed().reduce(0) { $0 << 8 | UInt32($1) })
        }
        #expect(values == [1, 2, 3, 4, 5, 6, -7, 8] && bytes.count == 160)
    }

    @Test func `without a shape it is rows by columns`() throws {
        let directory = try TemporaryDirectory()
        let path = directory.path.appending("a.npy")
        try NumpyFile.write(Matrix(rows: 0, columns: 3), to: path)
        let text = String(decoding: try Data(contentsOf: URL(fileURLWithPath: path.string)), as: UTF8.self)
        #expect(text.contains("'shape': (0, 3), }"))
    }
}
