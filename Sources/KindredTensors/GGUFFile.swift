import Foundation
import KindredSystem
import SystemPackage

/// A GGUF file, as llama.cpp and Ollama keep models (github.com/ggml-org/ggml, docs/gguf.md): version 2 or 3,
/// little-endian.
///
/// | PART | MEANING |
/// |---|---|
/// | "GGUF", u32 version, u64 tensors, u64 keys | |
/// | keys | string name, u32 type, value; a string is u64 bytes and UTF-8, an array u32 type, u64 count and elements |
/// | tensors | string name, u32 dimensions, u64 each (the innermost first), u32 type, u64 offset |
/// | data | from the next multiple of "general.alignment" (32) on; offsets count from here |
package struct GGUFFile: Sendable {
    /// A value of the metadata.
    package enum Value: Sendable {
        case integer(Int)
        case real(Double)
        case flag(Bool)
        case text([UInt8])
        case array([Value])
    }

    package let path: FilePath
    package let metadata: [String: Value]
    /// By the names that GGUF gives them; shapes have the outermost dimension first.
    package let tensors: [String: StoredTensor]

    package static let `extension` = "gguf"

    /// Tensor types that are read here, by their numbers (ggml.h, `ggml_type`).
    private static let types: [UInt32: NumberFormat] = [
        0: .f32, 1: .f16, 2: .q4Zero, 3: .q4One, 6: .q5Zero, 7: .q5One, 8: .q8Zero, 10: .q2K, 11: .q3K,
        12: .q4K,
        13: .q5K, 14: .q6K, 30: .bf16,
    ]
    /// Names of those that are not.
    private static let otherTypes: [UInt32: String] = [
        9: "Q8_1", 15: "Q8_K", 16: "IQ2_XXS", 17: "IQ2_XS", 18: "IQ3_XXS", 19: "IQ1_S", 20: "IQ4_NL",
        21: "IQ3_S", 22: "IQ2_S", 23: "IQ4_XS", 24: "I8", 25: "I16", 26: "I32", 27: "I64", 28: "F64",
        29: "IQ1_M", 34: "TQ1_0", 35: "TQ2_0", 39: "MXFP4",
    ]

    /// - Throws: `notFound`; `invalidData` with the byte where the file is cut short, forged, or uses what is not
    ///   supported, which is named.
    package init(path: FilePath) throws {
        self.path = path
        let file = try MappedFile(path)
        var reader = Reader(file: file)
        guard file.count >= 4, file.bytes(0..<4) == Array("GGUF".utf8) else {
            throw reader.invalid("is not a GGUF file: it does not begin with \"GGUF\"", at: 0)
        }
        reader.position = 4
        let version = try reader.take(UInt32.self)
        guard version == 2 || version == 3 else {
            let swapped = version.byteSwapped
            throw reader.invalid(
                swapped == 2 || swapped == 3
                    ? "is big-endian, which is not supported"
                    : "has version \(version) of GGUF; Kindred reads 2 and 3", at: 4)
        }
        // The least that a tensor's or a key's entry can take bounds both counts.
        let tensorCount = try reader.count(each: 24, "tensors")
        let keyCount = try reader.count(each: 13, "keys")
        var metadata: [String: Value] = [:]
        for _ in 0..<keyCount {
            let place = reader.position
            let name = String(decoding: try reader.string(), as: UTF8.self)
            let value = try reader.value()
            guard metadata.updateValue(value, forKey: name) == nil else {
                throw reader.invalid("has the key \"\(name.prefix(80))\" twice", at: place)
            }
        }
        self.metadata = metadata
        var alignment = 32
        if case .integer(let number)? = metadata["general.alignment"] {
            guard number > 0, number <= 1 << 20, number % 8 == 0 else {
                throw reader.invalid(
                    "\"general.alignment\" is \(number), not a small multiple of 8", at: reader.position)
            }
            alignment = number
        }
        struct Entry {
            let name: String
            let shape: [Int]
            let precision: NumberFormat
            let offset: Int
            let place: Int
        }
        var entries: [Entry] = []
        for _ in 0..<tensorCount {
            let place = reader.position
            let name = String(decoding: try reader.string(), as: UTF8.self)
            let dimensions = try reader.take(UInt32.self)
            guard (1...4).contains(dimensions) else {
                throw reader.invalid(
                    "the tensor \"\(name.prefix(80))\" has \(dimensions) dimensions", at: place)
            }
            let shape = try (0..<dimensions).map { _ in
                guard let extent = Int(exactly: try reader.take(UInt64.self)) else {
                    throw reader.invalid(
                        "the tensor \"\(name.prefix(80))\" has an impossible shape", at: place)
                }
                return extent
            }
            let type = try reader.take(UInt32.self)
            guard let precision = Self.types[type] else {
                let known = Self.types.values.map(\.rawValue).sorted().joined(separator: ", ")
                throw reader.invalid(
                    "the tensor \"\(name.prefix(80))\" is of the type \(Self.otherTypes[type] ?? "number \(type)"), which is "
                        + "not supported; Kindred reads \(known). Get the model in one of these", at: place)
            }
            guard let offset = Int(exactly: try reader.take(UInt64.self)) else {
                throw reader.invalid("the tensor \"\(name.prefix(80))\" lies beyond any file", at: place)
            }
            entries.append(
                Entry(name: name, shape: shape, precision: precision, offset: offset, place: place))
        }
        let data = (reader.position + alignment - 1) / alignment * alignment
        var tensors: [String: StoredTensor] = [:]
        for entry in entries {
            let shown = entry.name.prefix(80)
            guard let count = TensorFile.product(entry.shape), count > 0,
                entry.shape[0] % entry.precision.blockNumbers == 0
            else { throw reader.invalid("the tensor \"\(shown)\" has an impossible shape", at: entry.place) }
            let size = entry.precision.bytes(count)
            guard entry.offset % alignment == 0, data <= file.count, entry.offset <= file.count - data,
                size <= file.count - data - entry.offset
            else {
                throw reader.invalid(
                    "the tensor \"\(shown)\" takes \(size) bytes at \(entry.offset) of the data, and the file of "
                        + "\(file.count) bytes ends before that: it is cut short", at: entry.place)
            }
            let start = data + entry.offset
            let tensor = StoredTensor(
                name: entry.name, precision: entry.precision, shape: entry.shape.reversed(),
                range: start..<start + size, file: file)
            guard tensors.updateValue(tensor, forKey: entry.name) == nil else {
                throw reader.invalid("has the tensor \"\(shown)\" twice", at: entry.place)
            }
        }
        let places = tensors.values.map(\.range).sorted { $0.lowerBound < $1.lowerBound }
        for (one, next) in zip(places, places.dropFirst()) where one.upperBound > next.lowerBound {
            throw reader.invalid("two tensors overlap", at: next.lowerBound)
        }
        self.tensors = tensors
    }

    /// Reads the header from front to back, and never beyond the file's end.
    private struct Reader {
        let file: MappedFile
        var position = 0

        func invalid(_ message: String, at byte: Int) -> KindredError {
            KindredError(.invalidData, message, at: .init(path: file.path.string, byte: byte))
        }

        private func require(_ size: Int) throws {
            guard size <= file.count - position else {
                throw invalid(
                    "ends in the middle of its header: it is cut short; get it again", at: file.count)
            }
        }

        mutating func take<Number: FixedWidthInteger & BitwiseCopyable>(_ type: Number.Type) throws -> Number
        {
            try require(MemoryLayout<Number>.size)
            defer { position += MemoryLayout<Number>.size }
            return Number(littleEndian: file.load(Number.self, at: position))
        }

        /// A number of things that take at least `least` bytes each.
        mutating func count(each least: Int, _ what: String) throws -> Int {
            let place = position
            let count = try take(UInt64.self)
            guard count <= UInt64((file.count - position) / least) else {
                throw invalid(
                    "announces \(count) \(what), and has no room for them; it is damaged or cut short",
                    at: place)
            }
            return Int(count)
        }

        mutating func string() throws -> [UInt8] {
            let size = try count(each: 1, "bytes of text")
            defer { position += size }
            return file.bytes(position..<position + size)
        }

        mutating func value() throws -> Value {
            let place = position
            return try value(type: take(UInt32.self), depth: 0, at: place)
        }

        private mutating func value(type: UInt32, depth: Int, at place: Int) throws -> Value {
            switch type {
            case 0: return .integer(Int(try take(UInt8.self)))
            case 1: return .integer(Int(try take(Int8.self)))
            case 2: return .integer(Int(try take(UInt16.self)))
            case 3: return .integer(Int(try take(Int16.self)))
            case 4: return .integer(Int(try take(UInt32.self)))
            case 5: return .integer(Int(try take(Int32.self)))
            case 6: return .real(Double(Float(bitPattern: try take(UInt32.self))))
            case 7: return .flag(try take(UInt8.self) != 0)
            case 8: return .text(try string())
            case 9:
                guard depth < 4 else { throw invalid("has arrays in arrays too deep", at: place) }
                let inner = try take(UInt32.self)
                let sizes: [UInt32: Int] = [
                    0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 8: 8, 9: 12, 10: 8, 11: 8, 12: 8,
                ]
                guard let least = sizes[inner] else {
                    throw invalid("has a value of the unknown type \(inner)", at: place)
                }
                let count = try count(each: least, "elements of an array")
                var values: [Value] = []
                values.reserveCapacity(count)
                for _ in 0..<count { values.append(try value(type: inner, depth: depth + 1, at: position)) }
                return .array(values)
            case 10:
                let number = try take(UInt64.self)
                return .integer(Int(exactly: number) ?? .max)
            case 11: return .integer(Int(try take(Int64.self)))
            case 12: return .real(Double(bitPattern: try take(UInt64.self)))
            default: throw invalid("has a value of the unknown type \(type)", at: place)
            }
        }
    }

    package func integer(_ key: String) -> Int? {
        if case .integer(let number)? = metadata[key] { return number }
        return nil
    }

    package func real(_ key: String) -> Double? {
        switch metadata[key] {
        case .real(let number): number
        case .integer(let number): Double(number)
        default: nil
        }
    }

    package func flag(_ key: String) -> Bool? {
        if case .flag(let flag)? = metadata[key] { return flag }
        return nil
    }

    package func text(_ key: String) -> String? {
        if case .text(let bytes)? = metadata[key] { return String(decoding: bytes, as: UTF8.self) }
        return nil
    }

    package func array(_ key: String) -> [Value]? {
        if case .array(let values)? = metadata[key] { return values }
        return nil
    }
}

extension GGUFFile.Value {
    package var bytes: [UInt8]? { if case .text(let bytes) = self { bytes } else { nil } }
    package var integer: Int? { if case .integer(let number) = self { number } else { nil } }
    package var real: Double? {
        switch self {
        case .real(let number): number
        case .integer(let number): Double(number)
        default: nil
        }
    }
}
