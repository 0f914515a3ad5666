import Hummingbird

/// The parameters in a URL after `?` (WHATWG URL, application/x-www-form-urlencoded).
struct QueryParameters {
    private let values: [String: String]

    /// - Parameter known: every other name is refused, so that a typing error is no silent default.
    /// - Throws: `RequestError` for an unknown or repeated name and for what is no UTF-8.
    init(_ request: Request, known: Set<String>) throws {
        var values: [String: String] = [:]
        for pair in (request.uri.query ?? "").split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = Self.decoded(parts[0]), let value = Self.decoded(parts.count > 1 ? parts[1] : "")
            else {
                throw RequestError.invalid(
                    "the query string is not percent-encoded UTF-8", parameter: Self.decoded(parts[0]))
            }
            guard known.contains(name) else {
                throw RequestError.invalid(
                    "there is no parameter \"\(name.prefix(60))\"; there are \(known.sorted().joined(separator: ", "))",
                    parameter: String(name.prefix(60)), code: "unknown_parameter")
            }
            guard values.updateValue(value, forKey: name) == nil else {
                throw RequestError.invalid(
                    "the parameter \"\(name)\" is given twice", parameter: name, code: "repeated_parameter")
            }
        }
        self.values = values
    }

    /// A parameter's value; nil where it is not given or empty.
    subscript(_ name: String) -> String? { values[name].flatMap { $0.isEmpty ? nil : $0 } }

    func required(_ name: String) throws -> String {
        guard let value = values[name] else {
            throw RequestError.invalid(
                "the parameter \"\(name)\" is missing", parameter: name, code: "missing_parameter")
        }
        return value
    }

    func integer(_ name: String, in range: ClosedRange<Int>) throws -> Int? {
        guard let value = values[name] else { return nil }
        guard value.wholeMatch(of: /[0-9]+/) != nil, let number = Int(value), range.contains(number) else {
            throw RequestError.invalid(
                "\"\(name)\" must be a whole number from \(range.lowerBound) to \(range.upperBound)",
                parameter: name)
        }
        return number
    }

    func number(_ name: String, in range: ClosedRange<Double>) throws -> Double? {
        guard let value = values[name] else { return nil }
        guard value.wholeMatch(of: /[0-9]+(\.[0-9]+)?([eE]-?[0-9]+)?/) != nil, let number = Double(value),
            range.contains(number)
        else {
            throw RequestError.invalid(
                "\"\(name)\" must be a number from \(range.lowerBound) to \(range.upperBound)",
                parameter: name)
        }
        return number
    }

    func flag(_ name: String) throws -> Bool {
        switch values[name] {
        case nil, "false": return false
        case "true": return true
        default: throw RequestError.invalid("\"\(name)\" must be true or false", parameter: name)
        }
    }

    func choice<Value: RawRepresentable & CaseIterable>(_ name: String, _ type: Value.Type) throws -> Value?
    where Value.RawValue == String {
        guard let text = values[name] else { return nil }
        guard let value = Value(rawValue: text) else {
            let known = Value.allCases.map(\.rawValue).joined(separator: ", ")
            throw RequestError.invalid("\"\(name)\" must be one of \(known)", parameter: name)
        }
        return value
    }

    /// Text without its percent-encoding; nil where that is broken or gives no UTF-8.
    static func decoded(_ text: Substring) -> String? {
        var bytes: [UInt8] = []
        var rest = text.utf8
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "+"): bytes.append(UInt8(ascii: " "))
            case UInt8(ascii: "%"):
                guard let high = rest.popFirst().flatMap(hexValue),
                    let low = rest.popFirst().flatMap(hexValue)
                else { return nil }
                bytes.append(high << 4 | low)
            default: bytes.append(byte)
            }
        }
        return String(validating: bytes, as: UTF8.self)
    }

    private static func hexValue(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
