import Crypto
import Foundation
import KindredEncoder
import KindredSystem
import KindredTensors
import SystemPackage

/// A teacher's vectors, a row for each text, in NumPy's files of 32-bit or 16-bit floats. The files are mapped: they may be
/// larger than memory.
package struct TargetVectors: Sendable {
    private struct Part: Sendable {
        let file: MappedFile
        /// Where the first row starts.
        let start: Int
        let rows: Range<Int>
        let precision: NumberFormat
    }

    private let parts: [Part]
    /// Rows of all files.
    package let count: Int
    /// Elements of a vector.
    package let dimensions: Int
    /// Hex SHA-256 of all elements and of how they are stored.
    package let fingerprint: String

    /// Opens files whose rows follow each other, and checks every row.
    ///
    /// - Parameter texts: of each file: how many texts it has vectors for, and the name of the file they are in.
    /// - Throws: `notFound`; `invalidData` for a file that is no such array or is cut short, for another number of rows than
    ///   of texts or another width than the first file's, and for a row that holds NaN, an infinity or zeros alone.
    package init(_ paths: [FilePath], texts: [(count: Int, name: String)]) throws {
        precondition(paths.count == texts.count && !paths.isEmpty)
        var parts: [Part] = []
        var digest = SHA256()
        var (count, width) = (0, 0)
        for (path, texts) in zip(paths, texts) {
            func invalid(_ message: String, byte: Int? = nil) -> KindredError {
                KindredError(.invalidData, message, at: .init(path: path.string, byte: byte))
            }
            let header = try NumpyHeader(ReadableFile(path), types: ["<f4": 4, "<f2": 2])
            guard header.rows == texts.count else {
                throw invalid(
                    "has \(header.rows) rows, and \(texts.name) has \(texts.count) texts; each text needs its row"
                )
            }
            guard parts.isEmpty || header.columns == width else {
                throw invalid(
                    "has vectors of \(header.columns) dimensions, and \(paths[0]) of \(width); all must be of one teacher"
                )
            }
            width = header.columns
            let part = Part(
                file: try MappedFile(path), start: header.start, rows: count..<count + header.rows,
                precision: header.elementBytes == 2 ? .f16 : .f32)
            guard part.file.count == header.file.count else {
                throw invalid("is being written; wait until it is whole")
            }
            if let (row, what) = Self.firstUnusable(part, columns: width) {
                throw invalid(
                    "row \(row) (counted from 0) \(what); leave its text out, or make its vector again",
                    byte: part.start + row * width * part.precision.bytes(1))
            }
            digest.update(data: Data("\(part.precision.rawValue) \(header.rows) \(width)\n".utf8))
            digest.update(part.file, part.start..<part.file.count)
            parts.append(part)
            count += header.rows
        }
        self.parts = parts
        self.count = count
        dimensions = width
        fingerprint = digest.finalize().hex
    }

    /// The vectors of some rows, scaled to length 1.
    func units(_ rows: [Int]) -> Matrix {
        let result = Matrix(rows: rows.count, columns: dimensions)
        for (place, row) in rows.enumerated() {
            guard let part = parts.first(where: { $0.rows.contains(row) }) else {
                preconditionFailure("there is no row \(row)")
            }
            let bytes = part.precision.bytes(dimensions)
            LayerKernels.load(
                part.file, at: part.start + (row - part.rows.lowerBound) * bytes, count: dimensions,
                as: part.precision, into: result.elements, from: place * dimensions)
            let length = Self.squareSum(result.elements, from: place * dimensions, dimensions).squareRoot()
            for column in 0..<dimensions {
                result[place, column] = Float(Double(result[place, column]) / length)
            }
        }
        return result
    }

    /// The first row of a file that has no direction, and why.
    private static func firstUnusable(_ part: Part, columns: Int) -> (row: Int, what: String)? {
        let rowsAtOnce = max(1, (1 << 18) / columns)
        let buffer = AlignedBuffer<Float>(repeating: 0, count: rowsAtOnce * columns)
        for first in stride(from: 0, to: part.rows.count, by: rowsAtOnce) {
            let rows = min(rowsAtOnce, part.rows.count - first)
            LayerKernels.load(
                part.file, at: part.start + first * columns * part.precision.bytes(1), count: rows * columns,
                as: part.precision, into: buffer, from: 0)
            for row in 0..<rows {
                let square = squareSum(buffer, from: row * columns, columns)
                if !square.isFinite { return (first + row, "holds a number that is not finite") }
                if square == 0 { return (first + row, "is zero, which has no direction") }
            }
        }
        return nil
    }

    private static func squareSum(_ values: AlignedBuffer<Float>, from start: Int, _ count: Int) -> Double {
        var sum = 0.0
        for place in start..<start + count {
            let value = Double(values[place])
            sum += value * value
        }
        return sum
    }
}
