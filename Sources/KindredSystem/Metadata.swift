/// A value of a document's metadata.
public enum MetadataValue: Hashable, Sendable, Codable, CustomStringConvertible {
    /// Text. Dates are text in ISO 8601 ("2026-05-01", "2026-05-01T12:00:00Z"), which sorts as it stands.
    case text(String)
    /// A whole number. Yes and no are 1 and 0.
    case integer(Int64)
    /// Any other finite number.
    case real(Double)

    /// The value that a field of a text file means: a number where the text is one as numbers are written, else the text.
    /// Codes stay texts: "007", "+49 30", "12E4", more digits than a number keeps.
    package init(parsing text: String) {
        let trimmed = text.trimmed
        if let number = Int64(trimmed), String(number) == trimmed {
            self = .integer(number)
        } else if trimmed.wholeMatch(of: /-?(0|[1-9][0-9]*)\.[0-9]+/) != nil, let number = Double(trimmed) {
            self = .real(number)
        } else if trimmed.wholeMatch(of: /-?[0-9]{1,3}(,[0-9]{3})+/) != nil,
            let number = Int64(trimmed.filter { $0 != "," })
        {
            self = .integer(number)
        } else {
            self = .text(trimmed)
        }
    }

    /// Reads a JSON string or number.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let text = try? container.decode(String.self) {
            self = .text(text)
        } else if let number = try? container.decode(Int64.self) {
            self = .integer(number)
        } else {
            self = .real(try container.decode(Double.self))
        }
    }

    /// Writes a JSON string or number.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .text(let text): try container.encode(text)
        case .integer(let number): try container.encode(number)
        case .real(let number): try container.encode(number)
        }
    }

    /// The text, or the number's digits.
    public var description: String {
        switch self {
        case .text(let text): text
        case .integer(let number): String(number)
        case .real(let number): String(number)
        }
    }
}

/// What is known of a document beside its text: each field has one value or more.
public typealias Metadata = [String: [MetadataValue]]

extension Metadata {
    /// Adds a value to a field, unless the field has it already. Empty texts and empty names say nothing.
    package mutating func add(_ field: String, _ value: MetadataValue) {
        let name = field.trimmed
        guard !name.isEmpty, value != .text("") else { return }
        // Field names are compared without case, so the first spelling stays.
        let key = keys.contains(name) ? name : keys.first { $0.lowercased() == name.lowercased() } ?? name
        if self[key]?.contains(value) != true { self[key, default: []].append(value) }
    }
}

extension String {
    /// Without the white space around it.
    package var trimmed: String {
        let start = drop(while: \.isWhitespace)
        guard let last = start.lastIndex(where: { !$0.isWhitespace }) else { return "" }
        return String(start[...last])
    }
}
