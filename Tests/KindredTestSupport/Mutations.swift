/// Damages files as a bad disk, a bad download or a forger does.
package struct Mutations {
    private var generator: SeededGenerator
    /// Whether texts are damaged by JSON's parts too.
    private let isJSON: Bool

    package init(seed: UInt64, isJSON: Bool) {
        generator = SeededGenerator(seed: seed)
        self.isJSON = isJSON
    }

    /// Some bytes with one to four kinds of damage.
    package mutating func damage(_ bytes: [UInt8]) -> [UInt8] {
        var bytes = bytes
        for _ in 0..<Int.random(in: 1...4, using: &generator) where !bytes.isEmpty { change(&bytes) }
        return bytes
    }

    private mutating func change(_ bytes: inout [UInt8]) {
        let place = place(in: bytes)
        switch Int.random(in: 0..<(isJSON ? 8 : 6), using: &generator) {
        case 0: bytes[place] = .random(in: 0...255, using: &generator)
        case 1: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
        case 2: bytes.removeSubrange(place..<min(bytes.count, place + length()))
        case 3:
            let part = bytes[place..<min(bytes.count, place + length())]
            bytes.insert(contentsOf: part, at: self.place(in: bytes))
        case 4:
            let extremes: [UInt64] = [
                0, 1, .max, UInt64(Int64.max), UInt64(UInt32.max), UInt64(Int32.max), 1 << 40,
                0x8000_0000_0000_0000,
            ]
            var value = extremes.randomElement(using: &generator) ?? 0
            for offset in 0..<[1, 2, 4, 8].randomElement(using: &generator)!
            where place + offset < bytes.count {
                bytes[place + offset] = UInt8(truncatingIfNeeded: value)
                value >>= 8
            }
        case 5 where Int.random(in: 0..<8, using: &generator) == 0: bytes.removeSubrange(place...)
        default: replaceValue(in: &bytes, near: place)
        }
    }

    /// Puts another value in place of the next number or word.
    private mutating func replaceValue(in bytes: inout [UInt8], near place: Int) {
        let isValue: (UInt8) -> Bool = {
            (0x30...0x39).contains($0) || (0x61...0x7A).contains($0) || $0 == 0x2E || $0 == 0x2D
        }
        guard let start = bytes[place...].firstIndex(where: isValue) else { return }
        let end = bytes[start...].firstIndex { !isValue($0) } ?? bytes.endIndex
        let values = [
            "0", "-1", "1", "3", "99999999999999999999", "9223372036854775807", "2147483648", "1e308",
            "-1e-308", "0.5",
            "null", "true", "[]", "{}", "\"\"", "[[1]]", "\u{1F600}", "\\ud800", "(", "*", "[a-",
        ]
        bytes.replaceSubrange(start..<end, with: values.randomElement(using: &generator)!.utf8)
    }

    /// Headers stand at the start and decide most, so half of the damage is there.
    private mutating func place(in bytes: [UInt8]) -> Int {
        let start = Bool.random(using: &generator) ? min(bytes.count, 2048) : bytes.count
        return Int.random(in: 0..<max(1, start), using: &generator)
    }

    private mutating func length() -> Int { Int.random(in: 1...64, using: &generator) }
}
