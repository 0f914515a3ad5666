import Foundation

/// How values are written as JSON: keys in snake case and in alphabetical order.
package enum JSONOutput {
    /// - Parameter pretty: one key on each line, for people.
    package static func bytes(_ value: some Encodable, pretty: Bool) throws -> Data {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting =
            pretty
            ? [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes] : [.sortedKeys, .withoutEscapingSlashes]
        return try encoder.encode(value)
    }
}
