/// A block of a bzip2 stream, cut out at its bits, which libbz2 decodes as a stream of its own.
struct Bzip2Block: Sendable {
    /// Where 48 bits stand that begin a block or the end of a stream. Data may contain them by chance.
    struct Mark {
        /// Of the first of the 48, counted from the first bit of the bytes searched.
        let bit: Int
        let isEnd: Bool
    }

    enum Result {
        case decoded([[UInt8]])
        /// `isPast` says that libbz2 read all bits of the block: its end may be a mark that the data contains by chance.
        case damaged(isPast: Bool)
    }

    /// The digits of π begin a block, those of √π the end of a stream.
    static let blockMagic: UInt64 = 0x3141_5926_5359
    static let endMagic: UInt64 = 0x1772_4538_5090
    /// Bytes of a block, at most: 900,001 symbols of at most 20 bits, and their tables.
    static let longest = 2_500_000

    /// Holds the block; it begins at bit `skipped`, 0 to 7, of the first byte.
    let bytes: [UInt8]
    let skipped: Int
    let bitCount: Int
    /// The digit of the stream's header, which says how much memory a block may need.
    let level: UInt8

    /// What the block decompresses to. Its checksum is verified.
    func decoded() -> Result {
        var stream = header
        stream += shifted(bitCount / 8)
        var tail = BitWriter()
        let rest = bitCount % 8
        if rest > 0 { tail.append(Self.bits(bytes, at: skipped + bitCount - rest, count: rest), count: rest) }
        tail.append(Self.endMagic, count: 48)
        // The checksum of a stream of one block is the block's.
        tail.append(Self.bits(bytes, at: skipped + 48, count: 32), count: 32)
        stream += tail.finish()
        let (pieces, used, status) = Self.decompress(stream)
        if status == .ended { return .decoded(pieces) }
        return .damaged(isPast: used >= header.count + bitCount / 8)
    }

    /// Where libbz2 finds the first error if it reads on over the block's end.
    /// - Returns: bytes after the block's first bit, rounded up; nil if there is no error in these bytes.
    func firstError() -> Int? {
        let (_, used, status) = Self.decompress(header + shifted(bitCount / 8), keepsOutput: false)
        return status == .damaged ? max(0, used - header.count) : nil
    }

    private var header: [UInt8] { [UInt8(ascii: "B"), UInt8(ascii: "Z"), UInt8(ascii: "h"), level] }

    /// Up to 64 bits, the highest first.
    static func bits(_ bytes: [UInt8], at bit: Int, count: Int) -> UInt64 {
        var value: UInt64 = 0
        for index in bit..<bit + count {
            value = value << 1 | UInt64(bytes[index >> 3] >> UInt8(7 - index & 7) & 1)
        }
        return value
    }

    private struct BitWriter {
        private var bytes: [UInt8] = []
        private var last: UInt8 = 0
        private var count = 0

        mutating func append(_ value: UInt64, count bits: Int) {
            for index in (0..<bits).reversed() {
                last = last << 1 | UInt8(value >> UInt64(index) & 1)
                count += 1
                if count == 8 {
                    bytes.append(last)
                    (last, count) = (0, 0)
                }
            }
        }

        func finish() -> [UInt8] { count == 0 ? bytes : bytes + [last << UInt8(8 - count)] }
    }

    // MARK: Marks

    /// For each byte, and each of its places 1 and 2 in the 48 bits, the starts that fit: a bit for each of 8 shifts and
    /// both kinds.
    static let firstFits = fits(place: 1)
    static let secondFits = fits(place: 2)

    private static func fits(place: Int) -> [UInt16] {
        (0..<256).map { byte in
            var mask: UInt16 = 0
            for (kind, magic) in [blockMagic, endMagic].enumerated() {
                // Bit 0 of byte 0 is the highest of 56; a start at bit `shift` leaves as many bits before it.
                for shift in 0..<8 {
                    let shown = UInt8(
                        truncatingIfNeeded: (magic << 8) >> UInt64(shift + 48 - 8 * place))
                    if Int(shown) == byte { mask |= 1 << UInt16(kind * 8 + shift) }
                }
            }
            return mask
        }
    }
}
