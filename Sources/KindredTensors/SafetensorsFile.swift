import Foundation
import KindredSystem
import SystemPackage

/// A tensor in a mapped safetensors file.
package struct StoredTensor: Sendable {
    package let name: String
    package let precision: LayerKernels.Precision
    package let shape: [Int]
    /// Bytes of the file.
    package let range: Range<Int>
    package let file: MappedFile
    /// What the rows are multiplied by, where the numbers have 8 bits.
    package fileprivate(set) var rowScales: RowScales?

    package final class RowScales: Sendable {
        package let tensor: StoredTensor
        fileprivate let values: AlignedBuffer<Float>

        fileprivate init(_ tensor: StoredTensor) {
            self.tensor = tensor
            values = tensor.floats()
        }
    }

    package var count: Int { range.count / precision.bytes }

    /// All numbers as floats, row-major.
    package func floats() -> AlignedBuffer<Float> {
        let buffer = AlignedBuffer<Float>(repeating: 0, count: count)
        load(into: buffer, from: 0)
        return buffer
    }

    /// All numbers as floats into part of a buffer.
    package func load(into buffer: AlignedBuffer<Float>, from start: Int) {
        LayerKernels.load(file, at: range.lowerBound, count: count, as: precision, into: buffer, from: start)
        guard let rowScales else { return }
        for row in 0..<shape[0] { scale(row, by: rowScales, in: buffer, at: start + row * shape[1]) }
    }

    /// Row `row` of a matrix as floats into part of a buffer.
    package func loadRow(_ row: Int, into buffer: AlignedBuffer<Float>, from start: Int) {
        precondition(shape.count == 2 && row >= 0 && row < shape[0])
        let offset = range.lowerBound + row * shape[1] * precision.bytes
        LayerKernels.load(file, at: offset, count: shape[1], as: precision, into: buffer, from: start)
        if let rowScales { scale(row, by: rowScales, in: buffer, at: start) }
    }

    private func scale(_ row: Int, by scales: RowScales, in buffer: AlignedBuffer<Float>, at start: Int) {
        BLAS.Operand(buffer, offset: start, rows: 1, columns: shape[1]).scale(by: scales.values[row])
    }
}

/// The tensors of a model's directory: `model.safetensors`, or the shards of `model.safetensors.index.json`.
///
/// A safetensors file (github.com/huggingface/safetensors, "Format"):
///
/// | OFFSET | SIZE | MEANING |
/// |---|---|---|
/// | 0 | 8 | n, the header's size in bytes, little-endian |
/// | 8 | n | JSON: name → {"dtype", "shape", "data_offsets": [begin, end]}, and "__metadata__" |
/// | 8 + n | … | the tensors, row-major, little-endian; offsets count from here |
package struct SafetensorsFile: Sendable {
    package let tensors: [String: StoredTensor]
    package let path: FilePath
    /// Text that was kept with the tensors; none for shards.
    package let metadata: [String: String]

    private static let maximumHeader = 100_000_000

    /// Opens a model directory's weights.
    /// - Throws: `notFound` where there are none; `invalidData` with the tensor or byte that is wrong.
    package init(directory: FilePath) throws {
        let single = directory.appending("model.safetensors")
        let index = directory.appending("model.safetensors.index.json")
        if !FileManager.default.fileExists(atPath: single.string),
            FileManager.default.fileExists(atPath: index.string)
        {
            struct Index: Decodable {
                var shards: [String: String]
                enum CodingKeys: String, CodingKey { case shards = "weight_map" }
            }
            guard let data = FileManager.default.contents(atPath: index.string),
                let map = try? JSONDecoder().decode(Index.self, from: data).shards
            else {
                throw KindredError(
                    .invalidData, "is no index of safetensors shards", at: .init(path: index.string))
            }
            var all: [String: StoredTensor] = [:]
            for shard in Set(map.values).sorted() {
                guard !shard.contains("/") else {
                    throw KindredError(
                        .invalidData, "names a shard outside its directory", at: .init(path: index.string))
                }
                all.merge(try SafetensorsFile(path: directory.appending(shard)).tensors) { first, _ in first }
            }
            tensors = all
            path = index
            metadata = [:]
        } else {
            self = try SafetensorsFile(path: single)
        }
    }

    /// Opens one file.
    /// - Throws: `notFound`, `invalidData`.
    package init(path: FilePath) throws {
        self.path = path
        let file = try MappedFile(path)
        func invalid(_ message: String, byte: Int? = nil) -> KindredError {
            KindredError(
                .invalidData, message + "; get the file again", at: .init(path: path.string, byte: byte))
        }
        guard file.count >= 8 else { throw invalid("is too short for a safetensors file") }
        let size = file.load(UInt64.self, at: 0).littleEndian
        guard size <= UInt64(Self.maximumHeader), size <= UInt64(file.count - 8) else {
            throw invalid(
                "the safetensors header of \(size) bytes does not fit the file of \(file.count)", byte: 0)
        }
        let data = 8 + Int(size)
        guard
            let header = try? JSONSerialization.jsonObject(with: Data(file.bytes(8..<data))) as? [String: Any]
        else { throw invalid("the safetensors header is not JSON", byte: 8) }
        metadata = header["__metadata__"] as? [String: String] ?? [:]
        var tensors: [String: StoredTensor] = [:]
        for (name, value) in header where name != "__metadata__" {
            guard let entry = value as? [String: Any], let dtype = entry["dtype"] as? String,
                let shape = entry["shape"] as? [Int], let offsets = entry["data_offsets"] as? [Int],
                offsets.count == 2
            else { throw invalid("the header's entry for \"\(name.prefix(120))\" is malformed") }
            guard let precision = LayerKernels.Precision(rawValue: dtype) else {
                // Tensors of other types (counters, masks) may be there; whoever needs one is told it is missing.
                continue
            }
            guard shape.allSatisfy({ $0 >= 0 }), let count = Self.product(shape), offsets[0] >= 0,
                offsets[0] <= offsets[1], offsets[1] <= file.count - data,
                offsets[1] - offsets[0] == count * precision.bytes
            else {
                throw invalid("the tensor \"\(name.prefix(120))\" does not lie in the file as its shape says")
            }
            tensors[name] = StoredTensor(
                name: name, precision: precision, shape: shape, range: data + offsets[0]..<data + offsets[1],
                file: file, rowScales: nil)
        }
        self.tensors = tensors
    }

    /// nil where the product does not fit.
    private static func product(_ shape: [Int]) -> Int? {
        var product = 1
        for extent in shape {
            let (next, overflow) = product.multipliedReportingOverflow(by: extent)
            if overflow || next > Int.max / 8 { return nil }
            product = next
        }
        return product
    }

    /// Whether there are weights of 8 bits.
    package var isQuantized: Bool { tensors.values.contains { $0.precision == .i8 } }

    /// The tensor called `name`, with or without the "model." that a model with a head puts before it.
    ///
    /// Numbers of 8 bits have the scales of their rows in a tensor called `name` + "_scale", rows × 1
    /// (vllm-project/compressed-tensors, "int-quantized" with the strategy "channel").
    /// - Throws: `invalidData` where it is missing or of another shape.
    package func tensor(_ name: String, shape: [Int]) throws -> StoredTensor {
        guard var tensor = tensors["model." + name] ?? tensors[name] else {
            throw KindredError(
                .invalidData, "has no tensor \"\(name)\" in F32, F16, BF16 or I8; config.json asks for it",
                at: .init(path: path.string))
        }
        guard tensor.shape == shape else {
            throw KindredError(
                .invalidData,
                "the tensor \"\(name)\" has the shape \(tensor.shape), and config.json asks for \(shape)",
                at: .init(path: path.string))
        }
        guard tensor.precision == .i8 else { return tensor }
        guard shape.count == 2, let scales = tensors[tensor.name + "_scale"], scales.precision != .i8,
            scales.count == shape[0]
        else {
            throw KindredError(
                .invalidData,
                "the tensor \"\(name)\" has 8 bits and no \"\(tensor.name)_scale\" with a number for each row",
                at: .init(path: path.string))
        }
        tensor.rowScales = StoredTensor.RowScales(scales)
        return tensor
    }
}
