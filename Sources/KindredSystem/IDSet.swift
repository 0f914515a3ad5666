/// A set of ids of rows or pages: a bit for each, in blocks of 65,536. Ids are mostly numbered without large gaps.
package struct IDSet: Sendable, Equatable {
    private static let words = 1024
    private var blocks: [Int64: [UInt64]] = [:]

    package init(_ ids: some Sequence<Int64> = []) { for id in ids { insert(id) } }

    package var isEmpty: Bool { blocks.isEmpty }

    package var count: Int { blocks.values.reduce(0) { $0 + $1.reduce(0) { $0 + $1.nonzeroBitCount } } }

    package func contains(_ id: Int64) -> Bool {
        guard let block = blocks[id >> 16] else { return false }
        return block[Int(id & 0xFFFF) >> 6] & (1 << UInt64(id & 63)) != 0
    }

    /// - Returns: whether the id is new.
    @discardableResult package mutating func insert(_ id: Int64) -> Bool {
        guard !contains(id) else { return false }
        blocks[id >> 16, default: Array(repeating: 0, count: Self.words)][Int(id & 0xFFFF) >> 6] |=
            1 << UInt64(id & 63)
        return true
    }

    package mutating func formIntersection(_ other: IDSet) {
        combine(other) { $0 & $1 }
    }

    package mutating func subtract(_ other: IDSet) {
        combine(other) { $0 & ~$1 }
    }

    private mutating func combine(_ other: IDSet, _ operation: (UInt64, UInt64) -> UInt64) {
        let none = Array(repeating: UInt64(0), count: Self.words)
        blocks = Dictionary(
            uniqueKeysWithValues: blocks.compactMap { number, block in
                let words = zip(block, other.blocks[number] ?? none).map { operation($0, $1) }
                return words.contains { $0 != 0 } ? (number, words) : nil
            })
    }
}
