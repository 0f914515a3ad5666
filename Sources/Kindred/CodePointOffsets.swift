/// Turns offsets in UTF-8 bytes into offsets in Unicode code points, which is how most languages index texts.
package struct CodePointOffsets {
    private var offsets: [Int: Int] = [:]

    /// - Parameter bytes: the offsets to be turned, in any order; each at the start of a character or at the end.
    package init(_ text: String, bytes: [Int]) {
        var wanted = Set(bytes).sorted()[...]
        var (byte, count) = (0, 0)
        for unit in text.utf8 {
            while let next = wanted.first, next <= byte { offsets[wanted.removeFirst()] = count }
            if wanted.isEmpty { return }
            byte += 1
            // Every byte but those that continue a character begins one.
            if unit & 0xC0 != 0x80 { count += 1 }
        }
        for rest in wanted { offsets[rest] = count }
    }

    package subscript(byte: Int) -> Int { offsets[byte] ?? 0 }
}
