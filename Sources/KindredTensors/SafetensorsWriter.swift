import Foundation
import KindredSystem
import SystemPackage

/// Writes tensors of 32-bit floats, bfloat16 or 8 bits as a safetensors file; the format is above `TensorFile`.
package enum SafetensorsWriter {
    /// A tensor to be written: `shape` elements, row-major, from `offset` of a buffer on.
    package struct Tensor {
        package let name: String
        package let shape: [Int]
        /// Where the elements are, and from which on; asked for when they are written, one tensor at a time.
        private let values: () -> (buffer: AlignedBuffer<Float>, offset: Int)
        /// What it is written in, not float16. With 8 bits, which only a matrix can have, each row is quantized, and the
        /// rows' scales are a tensor named after it with "_scale", rows × 1.
        package let precision: NumberFormat

        package init(
            name: String, shape: [Int], buffer: AlignedBuffer<Float>, offset: Int,
            precision: NumberFormat = .f32
        ) {
            precondition(precision != .f16 && !precision.isBlocked && (precision != .i8 || shape.count == 2))
            self.precision = precision
            self.name = name
            self.shape = shape
            values = { (buffer, offset) }
        }

        /// A tensor whose elements are made when it is written.
        package init(
            name: String, shape: [Int], precision: NumberFormat,
            elements: @escaping () -> AlignedBuffer<Float>
        ) {
            precondition(precision == .f32 || precision == .bf16)
            self.precision = precision
            self.name = name
            self.shape = shape
            values = { (elements(), 0) }
        }

        fileprivate func load() -> (buffer: AlignedBuffer<Float>, offset: Int) { values() }

        var count: Int { shape.reduce(1, *) }
    }

    /// Bytes that are written, under a name.
    private struct Entry {
        let name: String
        let dtype: NumberFormat
        let shape: [Int]
        let write: (AtomicFile) throws -> Void

        var bytes: Int { dtype.bytes(shape.reduce(1, *)) }
    }

    /// Writes the file whole or not at all; tensors lie in the order of their names.
    ///
    /// - Parameters:
    ///   - metadata: text that is kept with the tensors.
    /// - Throws: `cannotCreate`, `inputOutput`.
    package static func write(
        _ tensors: [Tensor], metadata: [String: String] = [:], to path: FilePath
    ) throws {
        let entries = tensors.flatMap(Self.stored).sorted { $0.name < $1.name }
        var header: [String: Any] = ["__metadata__": metadata.merging(["format": "pt"]) { $1 }]
        var next = 0
        for entry in entries {
            header[entry.name] = [
                "dtype": entry.dtype.rawValue, "shape": entry.shape,
                "data_offsets": [next, next + entry.bytes],
            ]
            next += entry.bytes
        }
        var json = Array(
            try JSONSerialization.data(
                withJSONObject: header, options: [.sortedKeys, .withoutEscapingSlashes]))
        // The data start on a multiple of eight bytes, as the reference implementation has it.
        while json.count % 8 != 0 { json.append(0x20) }
        let file = try AtomicFile(path)
        let size = UInt64(json.count)
        try file.write((0..<8).map { UInt8(truncatingIfNeeded: size >> (8 * $0)) })
        try file.write(json)
        for entry in entries { try entry.write(file) }
        try file.commit()
    }

    /// Whether no row has an element so much larger than its others that a scale for the row leaves them little of 8 bits:
    /// ten times its root mean square. A normal distribution has four; an embedding may have a dimension of far more.
    package static func bearsEightBits(_ tensor: Tensor) -> Bool {
        guard tensor.shape.count == 2 else { return false }
        let columns = tensor.shape[1]
        let (buffer, offset) = tensor.load()
        return (0..<tensor.shape[0]).allSatisfy { row in
            let start = offset + row * columns
            var (largest, squares) = (Float(0), Float(0))
            for place in start..<start + columns {
                let value = buffer[place]
                largest = max(largest, value.magnitude)
                squares += value * value
            }
            return largest * largest * Float(columns) <= 100 * squares
        }
    }

    private static func stored(_ tensor: Tensor) -> [Entry] {
        guard tensor.precision == .i8 else { return [floats(tensor)] }
        let (buffer, offset) = tensor.load()
        let quantized = AlignedBuffer<Int8>(repeating: 0, count: tensor.count)
        let scales = AlignedBuffer<Float>(repeating: 0, count: tensor.shape[0])
        Int8Products.quantize(
            MatrixView(
                buffer, offset: offset, rows: tensor.shape[0], columns: tensor.shape[1]),
            into: quantized, scales: scales)
        return [
            Entry(name: tensor.name, dtype: .i8, shape: tensor.shape) {
                try $0.write(quantized.bytes(0..<quantized.count))
            },
            Entry(name: tensor.name + "_scale", dtype: .f32, shape: [scales.count, 1]) {
                try $0.write(scales.bytes(0..<scales.count))
            },
        ]
    }

    private static func floats(_ tensor: Tensor) -> Entry {
        Entry(name: tensor.name, dtype: tensor.precision, shape: tensor.shape) { file in
            let piece = 1 << 16
            let (buffer, offset) = tensor.load()
            for start in stride(from: 0, to: tensor.count, by: piece) {
                let range = offset + start..<offset + min(start + piece, tensor.count)
                if tensor.precision == .f32 {
                    try file.write(buffer.bytes(range))
                } else {
                    let half = AlignedBuffer<UInt16>(repeating: 0, count: range.count)
                    BrainFloat.round(buffer, range, into: half)
                    try file.write(half.bytes(0..<half.count))
                }
            }
        }
    }
}
