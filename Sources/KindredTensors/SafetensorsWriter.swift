import Foundation
import KindredSystem
import SystemPackage

/// Writes tensors of 32-bit floats or bfloat16 as a safetensors file; the format is above `SafetensorsFile`.
package enum SafetensorsWriter {
    /// A tensor to be written: `shape` elements, row-major, from `offset` of a buffer on.
    package struct Tensor {
        package let name: String
        package let shape: [Int]
        package let buffer: AlignedBuffer<Float>
        package let offset: Int

        package init(name: String, shape: [Int], buffer: AlignedBuffer<Float>, offset: Int) {
            self.name = name
            self.shape = shape
            self.buffer = buffer
            self.offset = offset
        }

        var count: Int { shape.reduce(1, *) }
    }

    /// Writes the file whole or not at all; tensors lie in the order of their names.
    ///
    /// - Parameters:
    ///   - precision: float16 is not written.
    ///   - metadata: text that is kept with the tensors.
    /// - Throws: `cannotCreate`, `inputOutput`.
    package static func write(
        _ tensors: [Tensor], as precision: LayerKernels.Precision = .f32, metadata: [String: String] = [:],
        to path: FilePath
    ) throws {
        precondition(precision != .f16)
        let sorted = tensors.sorted { $0.name < $1.name }
        var header: [String: Any] = ["__metadata__": metadata.merging(["format": "pt"]) { $1 }]
        var next = 0
        for tensor in sorted {
            let end = next + tensor.count * precision.bytes
            header[tensor.name] = [
                "dtype": precision.rawValue, "shape": tensor.shape, "data_offsets": [next, end],
            ]
            next = end
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
        for tensor in sorted {
            let piece = 1 << 16
            for start in stride(from: 0, to: tensor.count, by: piece) {
                let range = tensor.offset + start..<tensor.offset + min(start + piece, tensor.count)
                if precision == .f32 {
                    try file.write(tensor.buffer.bytes(range))
                } else {
                    let half = AlignedBuffer<UInt16>(repeating: 0, count: range.count)
                    BrainFloat.round(tensor.buffer, range, into: half)
                    try file.write(half.bytes(0..<half.count))
                }
            }
        }
        try file.commit()
    }
}
