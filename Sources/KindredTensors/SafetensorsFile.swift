import Foundation
import KindredSystem
import SystemPackage

/// The tensors of a model's directory: `model.safetensors`, or the shards of `model.safetensors.index.json`.
///
/// A safetensors file (github.com/huggingface/safetensors, "Format"):
///
/// | OFFSET | SIZE | MEANING |
/// |---|---|---|
/// | 0 | 8 | n, the header's size in bytes, little-endian |
/// | 8 | n | JSON: name → {"dtype", "shape", "data_offsets": [begin, end]}, and "__metadata__" |
/// | 8 + n | … | the tensors, row-major, little-endian; offsets count from here |
extension TensorFile {
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
                    .invalidData, "is not an index of safetensors shards", at: .init(path: index.string))
            }
            var all: [String: StoredTensor] = [:]
            for shard in Set(map.values).sorted() {
                guard !shard.contains("/") else {
                    throw KindredError(
                        .invalidData, "names a shard outside its directory", at: .init(path: index.string))
                }
                try all.merge(Self.shard(shard, in: directory, index: index).tensors) { first, _ in first }
            }
            tensors = all
            path = index
            metadata = [:]
        } else {
            try Self.refusePickle(directory, instead: single)
            self = try TensorFile(path: single)
        }
    }

    /// - Throws: `notFound` naming the shard.
    private static func shard(_ name: String, in directory: FilePath, index: FilePath) throws -> TensorFile {
        let path = directory.appending(name)
        guard FileManager.default.fileExists(atPath: path.string) else {
            throw KindredError(
                .notFound, "is not there, and \(index) names it; get it from where the model came from",
                at: .init(path: path.string))
        }
        return try TensorFile(path: path)
    }

    /// - Throws: `incompatible` where the weights are a pickle, which could run any program when it is read.
    private static func refusePickle(_ directory: FilePath, instead wanted: FilePath) throws {
        let names = ["pytorch_model.bin", "pytorch_model.bin.index.json", "adapter_model.bin"]
        guard !FileManager.default.fileExists(atPath: wanted.string),
            let pickle = names.first(where: {
                FileManager.default.fileExists(atPath: directory.appending($0).string)
            })
        else { return }
        throw KindredError(
            .incompatible,
            "holds weights as a Python pickle, which Kindred does not read; convert it once with Python: "
                + "AutoModel.from_pretrained(\"\(directory)\").save_pretrained(\"\(directory)\", safe_serialization=True)",
            at: .init(path: directory.appending(pickle).string))
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
            guard let precision = NumberFormat(rawValue: dtype), !precision.isBlocked else {
                // Tensors of other types (counters, masks) are ignored; code that needs one reports it as missing.
                continue
            }
            guard shape.allSatisfy({ $0 >= 0 }), let count = Self.product(shape), offsets[0] >= 0,
                offsets[0] <= offsets[1], offsets[1] <= file.count - data,
                offsets[1] - offsets[0] == precision.bytes(count)
            else {
                throw invalid("the tensor \"\(name.prefix(120))\" does not lie in the file as its shape says")
            }
            tensors[name] = StoredTensor(
                name: name, precision: precision, shape: shape, range: data + offsets[0]..<data + offsets[1],
                file: file)
        }
        self.tensors = tensors
    }

    /// nil where the product does not fit.
    static func product(_ shape: [Int]) -> Int? {
        var product = 1
        for extent in shape {
            let (next, overflow) = product.multipliedReportingOverflow(by: extent)
            if overflow || next > Int.max / 8 { return nil }
            product = next
        }
        return product
    }
}
