import KindredSystem
import KindredTensors
import SystemPackage

/// Vectors in a file of NumPy (`.npy`: an array of two dimensions, little-endian floats of 64, 32 or 16 bits, rows after
/// each other) or of the ANN benchmarks (`.fvecs`: each vector as its length, a 32-bit number, and its floats).
package struct VectorFile: VectorSource {
    package let count: Int
    package let dimensions: Int
    private let file: ReadableFile
    private let start: Int
    private let stride: Int
    /// 8, 4 or 2.
    private let elementBytes: Int

    package var path: FilePath { file.path }

    /// - Throws: `notFound`, `inputOutput`; `invalidData` for a file that is neither, with the byte where that shows.
    package init(_ path: FilePath) throws {
        file = try ReadableFile(path)
        let file = file
        func invalid(_ message: String, byte: Int) -> KindredError {
            KindredError(.invalidData, message, at: .init(path: path.string, byte: byte))
        }
        let magic = try file.bytes(0..<min(10, file.count))
        if NumpyHeader.isArray(magic) {
            let array = try NumpyHeader(file, types: ["<f8": 8, "<f4": 4, "<f2": 2])
            guard array.rows > 0 else {
                throw invalid("the array has no rows", byte: 10)
            }
            guard array.rows <= SegmentHeader.maximumVectors, array.columns <= VectorCode.maximumDimensions
            else {
                throw invalid("may have at most \(VectorCode.maximumDimensions) columns", byte: 10)
            }
            start = array.start
            (count, dimensions) = (array.rows, array.columns)
            elementBytes = array.elementBytes
            stride = array.columns * array.elementBytes
            return
        }
        guard path.extension == "fvecs", file.count >= 4 else {
            throw invalid("is neither .npy nor .fvecs", byte: 0)
        }
        let size = try file.bytes(0..<4).reversed().reduce(0) { $0 << 8 | Int($1) }
        guard (1...VectorCode.maximumDimensions).contains(size), file.count % (4 + 4 * size) == 0 else {
            throw invalid("the vectors' length \(size) does not fit the file's size", byte: 0)
        }
        (start, stride, elementBytes, dimensions) = (4, 4 + 4 * size, 4, size)
        count = file.count / stride
    }

    package func read(_ rows: [UInt32], into buffer: AlignedBuffer<Float>) throws {
        var index = 0
        while index < rows.count {
            // Rows one after the other are read at once.
            var end = index + 1
            while end < rows.count, rows[end] == rows[end - 1] + 1 { end += 1 }
            let byte = start + Int(rows[index]) * stride
            let range = index * dimensions..<end * dimensions
            if elementBytes == 8 {
                try readDoubles(range, at: byte, into: buffer)
            } else if elementBytes == 2 {
                let halves = AlignedBuffer<UInt16>(repeating: 0, count: range.count)
                try file.read(at: byte, into: halves, range: 0..<range.count)
                LayerKernels.load(halves, into: buffer, from: range.lowerBound)
            } else if isFvecs {
                try readWithLengths(index..<end, at: byte - 4, into: buffer)
            } else {
                try file.read(at: byte, into: buffer, range: range)
            }
            index = end
        }
        if let bad = VectorRows.firstUnusable(buffer, count: rows.count, dimensions: dimensions) {
            throw KindredError(
                .invalidData, "vector \(rows[bad]) has a number that is not finite, or beyond 1e15",
                at: location(of: Int(rows[bad])))
        }
    }

    package func location(of row: Int) -> KindredError.Location? {
        .init(path: path.string, byte: start + row * stride)
    }

    private var isFvecs: Bool { stride == 4 + 4 * dimensions }

    /// Rounds numbers of 64 bits to 32. A number that 32 bits cannot hold gives one that is not finite.
    ///
    /// - Throws: `invalidData` for a vector all of whose numbers round to zero.
    private func readDoubles(_ places: Range<Int>, at byte: Int, into buffer: AlignedBuffer<Float>) throws {
        let doubles = AlignedBuffer<Double>(repeating: 0, count: places.count)
        try file.read(at: byte, into: doubles, range: 0..<places.count)
        for first in Swift.stride(from: 0, to: places.count, by: dimensions) {
            var (isZero, vanishes) = (true, true)
            for index in first..<first + dimensions {
                let value = Float(doubles[index])
                buffer[places.lowerBound + index] = value
                isZero = isZero && doubles[index] == 0
                vanishes = vanishes && value == 0
            }
            guard isZero || !vanishes else {
                throw KindredError(
                    .invalidData,
                    "a vector's numbers are too small for 32 bits; multiply the vectors by a constant",
                    at: .init(path: path.string, byte: byte + 8 * first))
            }
        }
    }

    /// Reads vectors of a .fvecs file from a byte on, each with its length, to lie at `places`.
    private func readWithLengths(_ places: Range<Int>, at byte: Int, into buffer: AlignedBuffer<Float>) throws
    {
        let numbers = AlignedBuffer<Float>(repeating: 0, count: places.count * (dimensions + 1))
        try file.read(at: byte, into: numbers, range: 0..<numbers.count)
        for (index, place) in places.enumerated() {
            let first = index * (dimensions + 1)
            let length = numbers[first].bitPattern.littleEndian
            guard length == UInt32(dimensions) else {
                throw KindredError(
                    .invalidData, "a vector's length is \(length), the first one's \(dimensions)",
                    at: .init(path: path.string, byte: byte + index * stride))
            }
            buffer.copy(numbers, from: first + 1..<first + 1 + dimensions, at: place * dimensions)
        }
    }
}
