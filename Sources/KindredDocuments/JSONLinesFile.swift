import Foundation
import KindredSystem

/// JSON lines (jsonlines.org): an object a line.
final class JSONLinesFile: RecordFormat {
    static let version = 1
    private let name: String
    private var lines: SourceLines

    init(_ source: ByteSource, options: ReadingOptions) {
        name = source.name
        lines = SourceLines(source, longest: options.longest)
    }

    func next() throws -> FileRecordItem? {
        while let line = try lines.next() {
            func damaged(_ message: String) -> FileRecordItem {
                .damaged(KindredError(.invalidData, message, at: .init(path: name, line: lines.number)))
            }
            guard case .bytes(let bytes) = line else { return damaged("is longer than --max-page") }
            if bytes.allSatisfy({ $0 == 0x20 || $0 == 0x09 }) { continue }
            guard String(validating: bytes, as: UTF8.self) != nil else { return damaged("is not UTF-8") }
            let object: JSONValue
            do {
                object = try JSONDecoder().decode(JSONValue.self, from: Data(bytes))
            } catch {
                return damaged("is not JSON: \(Self.reason(error))")
            }
            guard case .object(let fields) = object else { return damaged("is not a JSON object") }
            return .record(FileRecord(line: lines.number, fields: Self.fields(fields), isTyped: true))
        }
        return nil
    }

    private static func reason(_ error: any Error) -> String {
        guard case DecodingError.dataCorrupted(let context) = error else { return "it cannot be read" }
        let cause = (context.underlyingError as NSError?)?.userInfo["NSDebugDescription"] as? String
        return cause ?? context.debugDescription
    }

    /// Objects within objects have names with dots, "author.name"; lists have many values.
    private static func fields(
        _ object: [String: JSONValue], prefix: String = "", depth: Int = 0
    ) -> [(String, [MetadataValue])] {
        var result: [(String, [MetadataValue])] = []
        for (name, value) in object.sorted(by: { $0.key < $1.key }) {
            switch value {
            case .object(let inner) where depth < 8:
                result += fields(inner, prefix: "\(prefix)\(name).", depth: depth + 1)
            case .list(let items): result.append((prefix + name, items.compactMap(\.scalar)))
            default: result.append((prefix + name, [value.scalar].compactMap(\.self)))
            }
        }
        return result
    }
}

/// Any JSON value.
private indirect enum JSONValue: Decodable {
    case text(String)
    case integer(Int64)
    case real(Double)
    case truth(Bool)
    case list([JSONValue])
    case object([String: JSONValue])
    case null

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(String.self) {
            self = .text(value)
        } else if let value = try? container.decode(Bool.self) {
            self = .truth(value)
        } else if let value = try? container.decode(Int64.self) {
            self = .integer(value)
        } else if let value = try? container.decode(Double.self) {
            self = .real(value)
        } else if let value = try? container.decode([JSONValue].self) {
            self = .list(value)
        } else {
            self = .object(try container.decode([String: JSONValue].self))
        }
    }

    var scalar: MetadataValue? {
        switch self {
        case .text(let text): .text(text)
        case .integer(let number): .integer(number)
        case .real(let number): .real(number)
        case .truth(let truth): .integer(truth ? 1 : 0)
        case .list, .object, .null: nil
        }
    }
}
