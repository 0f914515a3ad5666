import KindredSystem

/// A JSON value whose strings are UTF-8 bytes (RFC 8259).
///
/// Foundation's reader makes `String` keys, and Swift's strings are equal when they are canonically equivalent:
/// "é" as one scalar or as two would fall together, and a vocabulary would lose a token. So the vocabulary is read,
/// and keyed, by bytes.
enum JSONBytes {
    case null
    case bool(Bool)
    case number(Double)
    case string([UInt8])
    case array([JSONBytes])
    case object([(key: [UInt8], value: JSONBytes)])

    /// Deeper than any tokenizer file; a guard against a file made to exhaust the stack.
    private static let maximumDepth = 64

    /// - Throws: `invalidData` with the byte where the text stops being JSON.
    init(parsing bytes: [UInt8], path: String) throws {
        // Text that is UTF-8 as a whole is so in every string, as quotation marks are ASCII.
        let isUTF8 = String(validating: bytes, as: UTF8.self) != nil
        var reader = Reader(bytes: bytes, path: path, isUTF8: isUTF8)
        self = try reader.value(depth: 0)
        reader.skipSpace()
        guard reader.position == bytes.count else { throw reader.malformed() }
    }

    subscript(key: String) -> JSONBytes? {
        guard case .object(let members) = self else { return nil }
        let bytes = Array(key.utf8)
        return members.last { $0.key == bytes }?.value
    }

    var string: String? {
        if case .string(let bytes) = self { String(decoding: bytes, as: UTF8.self) } else { nil }
    }

    var bool: Bool? { if case .bool(let value) = self { value } else { nil } }

    var array: [JSONBytes]? { if case .array(let values) = self { values } else { nil } }

    var isNull: Bool { if case .null = self { true } else { false } }

    /// A number that is a token id.
    var tokenID: Int32? {
        guard case .number(let value) = self, value >= 0, value <= Double(Int32.max), value == value.rounded()
        else {
            return nil
        }
        return Int32(value)
    }

    /// An object with another value for a member; anything else, and an object without the member, as it is.
    func replacing(_ key: String, _ change: (JSONBytes) -> JSONBytes) -> JSONBytes {
        guard case .object(let members) = self else { return self }
        let bytes = Array(key.utf8)
        return .object(members.map { ($0.key, $0.key == bytes ? change($0.value) : $0.value) })
    }

    /// The value as JSON without spaces.
    var serialized: [UInt8] {
        var result: [UInt8] = []
        write(to: &result)
        return result
    }

    private func write(to result: inout [UInt8]) {
        switch self {
        case .null: result += "null".utf8
        case .bool(let value): result += (value ? "true" : "false").utf8
        case .number(let value):
            result += (Int(exactly: value).map(String.init) ?? String(value)).utf8
        case .string(let bytes): Self.write(bytes, to: &result)
        case .array(let values):
            result.append(UInt8(ascii: "["))
            for (place, value) in values.enumerated() {
                if place > 0 { result.append(UInt8(ascii: ",")) }
                value.write(to: &result)
            }
            result.append(UInt8(ascii: "]"))
        case .object(let members):
            result.append(UInt8(ascii: "{"))
            for (place, member) in members.enumerated() {
                if place > 0 { result.append(UInt8(ascii: ",")) }
                Self.write(member.key, to: &result)
                result.append(UInt8(ascii: ":"))
                member.value.write(to: &result)
            }
            result.append(UInt8(ascii: "}"))
        }
    }

    private static func write(_ string: [UInt8], to result: inout [UInt8]) {
        let digits = Array("0123456789abcdef".utf8)
        result.append(UInt8(ascii: "\""))
        for byte in string {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): result += [UInt8(ascii: "\\"), byte]
            case 0..<0x20: result += "\\u00".utf8 + [digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            default: result.append(byte)
            }
        }
        result.append(UInt8(ascii: "\""))
    }

    private struct Reader {
        let bytes: [UInt8]
        let path: String
        let isUTF8: Bool
        var position = 0

        func malformed() -> KindredError {
            KindredError(
                .invalidData, "is not JSON; get the file again", at: .init(path: path, byte: position))
        }

        static func isSpace(_ byte: UInt8) -> Bool {
            byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09
        }

        mutating func skipSpace() {
            while position < bytes.count, Self.isSpace(bytes[position]) { position += 1 }
        }

        mutating func take(_ text: String, _ value: JSONBytes) throws -> JSONBytes {
            guard bytes[position...].starts(with: text.utf8) else { throw malformed() }
            position += text.utf8.count
            return value
        }

        mutating func value(depth: Int) throws -> JSONBytes {
            guard depth < maximumDepth else { throw malformed() }
            skipSpace()
            guard position < bytes.count else { throw malformed() }
            switch bytes[position] {
            case UInt8(ascii: "{"): return try object(depth: depth)
            case UInt8(ascii: "["): return try array(depth: depth)
            case UInt8(ascii: "\""): return .string(try string())
            case UInt8(ascii: "t"): return try take("true", .bool(true))
            case UInt8(ascii: "f"): return try take("false", .bool(false))
            case UInt8(ascii: "n"): return try take("null", .null)
            default: return try number()
            }
        }

        mutating func object(depth: Int) throws -> JSONBytes {
            var members: [(key: [UInt8], value: JSONBytes)] = []
            position += 1
            skipSpace()
            if position < bytes.count, bytes[position] == UInt8(ascii: "}") {
                position += 1
                return .object(members)
            }
            while true {
                skipSpace()
                guard position < bytes.count, bytes[position] == UInt8(ascii: "\"") else { throw malformed() }
                let key = try string()
                skipSpace()
                guard position < bytes.count, bytes[position] == UInt8(ascii: ":") else { throw malformed() }
                position += 1
                members.append((key, try value(depth: depth + 1)))
                if try atEnd(UInt8(ascii: "}")) { return .object(members) }
            }
        }

        mutating func array(depth: Int) throws -> JSONBytes {
            var values: [JSONBytes] = []
            position += 1
            skipSpace()
            if position < bytes.count, bytes[position] == UInt8(ascii: "]") {
                position += 1
                return .array(values)
            }
            while true {
                values.append(try value(depth: depth + 1))
                if try atEnd(UInt8(ascii: "]")) { return .array(values) }
            }
        }

        /// Takes a comma (false) or the closing bracket (true).
        mutating func atEnd(_ bracket: UInt8) throws -> Bool {
            skipSpace()
            guard position < bytes.count else { throw malformed() }
            let byte = bytes[position]
            guard byte == bracket || byte == UInt8(ascii: ",") else { throw malformed() }
            position += 1
            return byte == bracket
        }

        static func isOfNumber(_ byte: UInt8) -> Bool {
            switch byte {
            case 0x30...0x39, UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "e"),
                UInt8(ascii: "E"):
                true
            default: false
            }
        }

        mutating func number() throws -> JSONBytes {
            let start = position
            // Most numbers are ids of tokens.
            var whole = 0
            while position < bytes.count, position - start < 15, (0x30...0x39).contains(bytes[position]) {
                whole = whole * 10 + Int(bytes[position] - 0x30)
                position += 1
            }
            if position > start, position < bytes.count, !Self.isOfNumber(bytes[position]) {
                return .number(Double(whole))
            }
            while position < bytes.count, Self.isOfNumber(bytes[position]) { position += 1 }
            guard let value = Double(String(decoding: bytes[start..<position], as: UTF8.self)) else {
                throw malformed()
            }
            return .number(value)
        }

        mutating func string() throws -> [UInt8] {
            position += 1
            let start = position
            while position < bytes.count, bytes[position] >= 0x20, bytes[position] != UInt8(ascii: "\""),
                bytes[position] != UInt8(ascii: "\\")
            {
                position += 1
            }
            var result = Array(bytes[start..<position])
            while position < bytes.count {
                let byte = bytes[position]
                position += 1
                switch byte {
                case UInt8(ascii: "\""):
                    guard isUTF8 || String(validating: result, as: UTF8.self) != nil else {
                        throw malformed()
                    }
                    return result
                case UInt8(ascii: "\\"): try escape(into: &result)
                case 0..<0x20: throw malformed()
                default: result.append(byte)
                }
            }
            throw malformed()
        }

        mutating func escape(into result: inout [UInt8]) throws {
            guard position < bytes.count else { throw malformed() }
            let byte = bytes[position]
            position += 1
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): result.append(byte)
            case UInt8(ascii: "b"): result.append(0x08)
            case UInt8(ascii: "f"): result.append(0x0C)
            case UInt8(ascii: "n"): result.append(0x0A)
            case UInt8(ascii: "r"): result.append(0x0D)
            case UInt8(ascii: "t"): result.append(0x09)
            case UInt8(ascii: "u"):
                var code = try hexadecimal()
                if (0xD800..<0xDC00).contains(code) {
                    guard position + 1 < bytes.count, bytes[position] == UInt8(ascii: "\\"),
                        bytes[position + 1] == UInt8(ascii: "u")
                    else { throw malformed() }
                    position += 2
                    let low = try hexadecimal()
                    guard (0xDC00..<0xE000).contains(low) else { throw malformed() }
                    code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00)
                }
                guard let scalar = Unicode.Scalar(code) else { throw malformed() }
                result.append(contentsOf: Array(String(Character(scalar)).utf8))
            default: throw malformed()
            }
        }

        mutating func hexadecimal() throws -> UInt32 {
            guard position + 4 <= bytes.count,
                let code = UInt32(String(decoding: bytes[position..<position + 4], as: UTF8.self), radix: 16)
            else { throw malformed() }
            position += 4
            return code
        }
    }
}
