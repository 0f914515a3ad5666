/// GPT-2's printable stand-ins for bytes: each byte is one character of the vocabulary's strings
/// (openai/gpt-2, src/encoder.py, `bytes_to_unicode`).
enum ByteAlphabet {
    /// The scalar for each byte.
    static let scalars: [Unicode.Scalar] = {
        var next: UInt32 = 256
        return (0..<256).map { byte in
            if (33...126).contains(byte) || (161...172).contains(byte) || (174...255).contains(byte) {
                return Unicode.Scalar(UInt8(byte))
            }
            defer { next += 1 }
            return Unicode.Scalar(next)!
        }
    }()

    private static let utf8: [[UInt8]] = scalars.map { Array(String(Character($0)).utf8) }

    private static let byteOfScalar: [Unicode.Scalar: UInt8] = Dictionary(
        uniqueKeysWithValues: scalars.enumerated().map { ($1, UInt8($0)) })

    /// The vocabulary's string for bytes of text.
    static func token(of bytes: ArraySlice<UInt8>) -> [UInt8] { bytes.flatMap { utf8[Int($0)] } }

    /// The bytes of text for a string of the vocabulary; a character outside the alphabet stands for itself.
    static func bytes(of token: [UInt8]) -> [UInt8] {
        String(decoding: token, as: UTF8.self).unicodeScalars.flatMap { scalar in
            byteOfScalar[scalar].map { [$0] } ?? Array(String(Character(scalar)).utf8)
        }
    }
}

/// The symbols that merges begin with: one for each byte, if the vocabulary has it.
struct ByteSymbols: Sendable {
    /// By byte; -1 for a byte without a token.
    private let ids: [Int32]
    private let isComplete: Bool
    private let unknown: Int32?
    /// Whether unknown bytes in a row are one symbol.
    private let fusesUnknown: Bool

    init(ids: [Int32?], unknown: Int32?, fusesUnknown: Bool) {
        self.ids = ids.map { $0 ?? -1 }
        isComplete = !ids.contains(nil)
        self.unknown = unknown
        self.fusesUnknown = fusesUnknown
    }

    func append(_ word: ArraySlice<UInt8>, to symbols: inout [Int32]) {
        if isComplete {
            for byte in word { symbols.append(ids[Int(byte)]) }
            return
        }
        var followsUnknown = false
        for byte in word {
            let id = ids[Int(byte)]
            if id >= 0 {
                symbols.append(id)
            } else if let unknown, !(fusesUnknown && followsUnknown) {
                symbols.append(unknown)
            }
            followsUnknown = id < 0
        }
    }
}
