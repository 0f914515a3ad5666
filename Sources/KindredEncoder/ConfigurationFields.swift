import Foundation
import KindredSystem
import KindredTensors
import SystemPackage

/// The fields of a `config.json`, read with their ranges.
struct ConfigurationFields {
    let json: [String: Any]
    /// What errors name.
    let path: FilePath

    func invalid(_ message: String) -> KindredError {
        KindredError(.invalidData, message, at: .init(path: path.string))
    }

    /// A number, whole or not; nil for anything else. What was read from JSON is either, what was not is one of the two.
    static func double(_ value: Any?) -> Double? {
        return value as? Double ?? (value as? Int).map(Double.init)
    }

    /// A whole number.
    /// - Throws: `invalidData` where it is missing without a default, no whole number, or out of range.
    func number(_ key: String, _ range: ClosedRange<Int>, default value: Int? = nil) throws -> Int {
        guard let found = json[key], !(found is NSNull) else {
            if let value { return value }
            throw invalid("has no \"\(key)\"")
        }
        guard let number = found as? Int, range.contains(number) else {
            throw invalid("\"\(key)\" must be a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    /// A number between two others, both left out.
    func real(_ key: String, above low: Double, below high: Double, default value: Double) throws -> Double {
        guard let found = json[key], !(found is NSNull) else { return value }
        guard let number = Self.double(found), number > low, number < high else {
            throw invalid("\"\(key)\" must be a number between \(low) and \(high)")
        }
        return number
    }

    func flag(_ key: String, default value: Bool = false) throws -> Bool {
        guard let found = json[key], !(found is NSNull) else { return value }
        guard let flag = found as? Bool else { throw invalid("\"\(key)\" must be true or false") }
        return flag
    }

    /// The values of a norm's epsilon that make sense.
    func epsilon(_ key: String, default value: Double) throws -> Float {
        Float(try real(key, above: 0, below: 1, default: value))
    }

    /// The activation that the first of the keys names (transformers, activations.py).
    func activation(_ keys: [String], default value: BlockShape.Activation) throws -> BlockShape.Activation {
        guard let name = keys.lazy.compactMap({ json[$0] as? String }).first else { return value }
        guard let known = BlockShape.Activation(transformers: name) else {
            throw invalid(
                "the activation \"\(name.prefix(40))\" is not supported; Kindred has "
                    + BlockShape.Activation.names.keys.sorted().joined(separator: ", "))
        }
        return known
    }

    /// - Throws: `invalidData` where a field is set that changes what is computed in a way that is not supported.
    func refuse(_ keys: [String]) throws {
        for key in keys {
            let isSet =
                switch json[key] {
                case nil, is NSNull: false
                case let flag as Bool: flag
                default: true
                }
            if isSet { throw invalid("\"\(key)\" is not supported") }
        }
    }
}
