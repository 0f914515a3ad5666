import Foundation
import KindredSystem
import KindredTensors
import KindredTestSupport
import SystemPackage
import Testing

@testable import KindredIndex

private let fingerprint = Fingerprint(bytes: [UInt8](repeating: 7, count: 32))!

@Suite struct VectorFileTests {
    @Test func `arrays are read back as they were written, and others are refused with the place`() throws {
        let directory = try TemporaryDirectory()
        let values: [Float] = [1, -2.5, 3e-5, 4, 5, 6]
        let path = directory.path.appending("x.npy")
        try NumpyFile.write(values.map(\.bitPattern), type: "<f4", columns: 3, to: path)
        let file = try VectorFile(path)
        #expect(file.count == 2 && file.dimensions == 3)
        let buffer = AlignedBuffer<Float>(repeating: 0, count: 6)
        try file.read([1, 0], into: buffer)
        #expect(buffer.array() == [4, 5, 6, 1, -2.5, 3e-5])

        let halves = directory.path.appending("h.npy")
        try NumpyFile.write([0x3C00, 0xC100, 0x0001] as [UInt16], type: "<f2", columns: 3, to: halves)
        try VectorFile(halves).read([0], into: buffer)
        #expect(buffer.array(0..<3) == [1, -2.5, 0x1p-24])

        let doubles = directory.path.appending("d.npy")
        func write(_ values: [Double], columns: Int) throws {
            try NumpyFile.write(values.map(\.bitPattern), type: "<f8", columns: columns, to: doubles)
        }
        try write([0.1, -2.5, 7, 1e-300, 0, 1, 0, 0, 0], columns: 3)
        try VectorFile(doubles).read([1, 0], into: buffer)
        #expect(buffer.array() == [0, 0, 1, 0.1, -2.5, 7])
        // What 32 bits do not hold is not rounded away.
        for bad in [1e300, 1e-300] {
            try write([1, bad], columns: 1)
            let error = #expect(throws: KindredError.self) {
                try VectorFile(doubles).read([0, 1], into: buffer)
            }
            #expect(error?.code == .invalidData && error?.location?.byte == 128 + 8)
        }

        let fvecs = try directory.file(
            "x.fvecs", littleEndian([UInt32(2)]) + littleEndian([Float(7).bitPattern, Float(8).bitPattern]))
        try VectorFile(fvecs).read([0], into: buffer)
        #expect(buffer.array(0..<2) == [7, 8])

        let bytes = try [UInt8](Data(contentsOf: URL(fileURLWithPath: path.string)))
        for count in 0..<bytes.count {
            let cut = try directory.file("cut.npy", Array(bytes[..<count]))
            let error = #expect(throws: KindredError.self) { try VectorFile(cut) }
            #expect(error?.code == .invalidData && error?.location?.byte != nil)
        }
        // Vectors of another length within the file, and numbers that are none.
        func vector(_ values: [Float]) -> [UInt8] {
            littleEndian([UInt32(values.count)]) + littleEndian(values.map(\.bitPattern))
        }
        let mixed = try directory.file("mixed.fvecs", vector([1, 2]) + vector([3, 4, 5, 6, 7]))
        let length = #expect(throws: KindredError.self) { try VectorFile(mixed).read([0, 1], into: buffer) }
        #expect(length?.code == .invalidData && length?.location?.byte == 12)
        for bad in [Float.nan, .infinity, -.infinity, 2e15] {
            let path = directory.path.appending("bad.npy")
            try NumpyFile.write([0, 1, 2, bad].map(\.bitPattern), type: "<f4", columns: 2, to: path)
            let error = #expect(throws: KindredError.self) {
                try VectorFile(path).read([0, 1], into: buffer)
            }
            #expect(error?.code == .invalidData && error?.location?.byte == 128 + 8)
            let index = directory.path.appending("bad.kv")
            #expect(throws: KindredError.self) {
                try SegmentWriter.write(
                    VectorFile(path), ids: [0, 1], fingerprint: fingerprint, to: index)
            }
            #expect(!FileManager.default.fileExists(atPath: index.string))
        }
        // No rows, and columns after each other.
        for (order, shape, message) in [("False", "(0, 3)", "no rows"), ("True", "(2, 3)", "Fortran")] {
            var header = "{'descr': '<f4', 'fortran_order': \(order), 'shape': \(shape), }"
            header += String(repeating: " ", count: 117 - header.utf8.count) + "\n"
            let content = [UInt8](repeating: 0, count: order == "True" ? 24 : 0)
            let path = try directory.file(
                "order.npy", [0x93] + Array("NUMPY".utf8) + [1, 0, 118, 0] + Array(header.utf8) + content)
            let error = #expect(throws: KindredError.self) { try VectorFile(path) }
            #expect(error?.code == .invalidData && error?.message.contains(message) == true)
        }
        // Shapes that no file can have.
        for shape in [
            "(1099511627776, 1048576)", "(99999999999999999999, 1)", "(-1, 4)", "(3,)", "()", "(1, 2, 3)",
        ] {
            for type in ["<f4", "<i8"] {
                var header = "{'descr': '\(type)', 'fortran_order': False, 'shape': \(shape), }"
                header += String(repeating: " ", count: 117 - header.utf8.count) + "\n"
                let bytes = [0x93] + Array("NUMPY".utf8) + [1, 0, 118, 0] + Array(header.utf8)
                let path = try directory.file("shape.npy", bytes)
                let error = #expect(throws: KindredError.self) {
                    if type == "<f4" { _ = try VectorFile(path) } else { _ = try NumpyFile.readRows(path) }
                }
                #expect(error?.code == .invalidData && error?.location?.byte != nil)
            }
        }
        let numbers = directory.path.appending("i.npy")
        try NumpyFile.write([1, 2] as [Int64], type: "<i8", columns: 2, to: numbers)
        #expect(throws: KindredError.self) { try VectorFile(numbers) }
        #expect(try NumpyFile.readRows(numbers) == [[1, 2]])
    }
}
