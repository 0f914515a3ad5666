/// A SHA-256 that says which encoder made vectors: two of the same are of one space. 32 bytes in a segment, 64 hexadecimal
/// digits in `encoder.json` and the catalogue.
package struct Fingerprint: Hashable, Sendable {
    package static let size = 32
    /// Of vectors that no encoder made, or an unknown one: zeros.
    package static let none = Fingerprint(bytes: [UInt8](repeating: 0, count: size))!

    package let bytes: [UInt8]

    /// nil where there are not 32 bytes.
    package init?(bytes: some Collection<UInt8>) {
        guard bytes.count == Self.size else { return nil }
        self.bytes = Array(bytes)
    }

    /// nil for anything but 64 hexadecimal digits.
    package init?(hex: String) {
        let digits = hex.utf8.compactMap { UInt8(ascii: $0) }
        guard digits.count == 2 * Self.size, hex.utf8.count == digits.count else { return nil }
        self.init(bytes: stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] })
    }

    package var hex: String { bytes.hex }
    /// The first digits, which tell encoders apart in messages.
    package var prefix: String { String(hex.prefix(12)) }
}

extension UInt8 {
    /// The value of a hexadecimal digit; nil for another character.
    fileprivate init?(ascii digit: UInt8) {
        guard let value = Character(Unicode.Scalar(digit)).hexDigitValue else { return nil }
        self = UInt8(value)
    }
}

extension Fingerprint: Codable {
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        guard let value = Fingerprint(hex: try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "is no SHA-256")
        }
        self = value
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(hex)
    }
}
