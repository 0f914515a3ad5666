import Foundation
import Hummingbird
import KindredSystem

/// The body of `POST /v1/embeddings` (platform.openai.com/docs/api-reference/embeddings/create).
struct EmbeddingsRequest {
    enum Format: String, CaseIterable {
        case float, base64
    }

    /// What the texts are; not of OpenAI, but of most others that encode queries and documents differently.
    enum InputType: String, CaseIterable {
        case query, document
    }

    private(set) var texts: [String]
    private(set) var model: String
    private(set) var format = Format.float
    private(set) var inputType: InputType?

    private static let fields: Set<String> = [
        "input", "model", "encoding_format", "dimensions", "user", "input_type",
    ]

    /// - Parameter dimensions: of the model that is named, for a request that asks for as many.
    /// - Throws: `RequestError` naming the field.
    init(_ body: Data, limits: ServerSettings.Limits, dimensions: (String) throws -> Int) throws {
        guard String(validating: body, as: UTF8.self) != nil else {
            throw RequestError.invalid("the body is not UTF-8", code: "invalid_json")
        }
        let json: Any
        do { json = try JSONSerialization.jsonObject(with: body) } catch {
            throw RequestError.invalid("the body is not JSON", code: "invalid_json")
        }
        guard let object = json as? [String: Any] else {
            throw RequestError.invalid("the body must be a JSON object", code: "invalid_json")
        }
        if let unknown = object.keys.sorted().first(where: { !Self.fields.contains($0) }) {
            throw RequestError.invalid(
                "there is no field \"\(unknown.prefix(60))\"; there are "
                    + Self.fields.sorted().joined(separator: ", "),
                parameter: String(unknown.prefix(60)), code: "unknown_parameter")
        }
        texts = try Self.texts(object["input"], limit: limits.texts)
        guard let model = object["model"] as? String else {
            throw RequestError.invalid(
                "\"model\" must be the name of a model; GET /v1/models lists them", parameter: "model",
                code: object["model"] == nil ? "missing_parameter" : "invalid_type")
        }
        self.model = model
        format = try Self.choice(object["encoding_format"], "encoding_format") ?? .float
        inputType = try Self.choice(object["input_type"], "input_type")
        if let user = object["user"], !(user is NSNull), !(user is String) {
            throw RequestError.invalid("\"user\" must be a string", parameter: "user", code: "invalid_type")
        }
        if let found = object["dimensions"], !(found is NSNull) {
            let own = try dimensions(model)
            guard Self.integer(found) == own else {
                throw RequestError.invalid(
                    "the vectors of \"\(model)\" have \(own) dimensions and cannot be shortened; leave out \"dimensions\"",
                    parameter: "dimensions", code: "unsupported_value")
            }
        }
    }

    private static func texts(_ value: Any?, limit: Int) throws -> [String] {
        func invalid(_ message: String, _ code: String) -> RequestError {
            RequestError.invalid(message, parameter: "input", code: code)
        }
        guard let value, !(value is NSNull) else {
            throw invalid("\"input\" is missing: a text or an array of texts", "missing_parameter")
        }
        let list: [Any] = value as? [Any] ?? [value]
        guard !list.isEmpty else { throw invalid("\"input\" is an empty array", "invalid_value") }
        guard list.count <= limit else {
            throw invalid("\"input\" has \(list.count) texts and may have \(limit)", "too_many_texts")
        }
        return try list.enumerated().map { index, element in
            guard let text = element as? String else {
                throw invalid(
                    element is [Any] || element is NSNumber
                        ? "\"input\" must be texts; token ids are of another model's vocabulary"
                        : "\"input\" must be a text or an array of texts", "invalid_type")
            }
            guard text.contains(where: { !$0.isWhitespace }) else {
                throw invalid("text \(index) of \"input\" is empty and has no vector", "invalid_value")
            }
            return text
        }
    }

    private static func choice<Value: RawRepresentable & CaseIterable>(
        _ value: Any?, _ name: String
    ) throws -> Value? where Value.RawValue == String {
        guard let value, !(value is NSNull) else { return nil }
        guard let found = (value as? String).flatMap(Value.init(rawValue:)) else {
            let known = Value.allCases.map(\.rawValue).joined(separator: " or ")
            throw RequestError.invalid("\"\(name)\" must be \(known)", parameter: name)
        }
        return found
    }

    private static func integer(_ value: Any) -> Int? {
        guard let number = value as? NSNumber, !(value is Bool) else { return nil }
        return Int(exactly: number.doubleValue)
    }
}
