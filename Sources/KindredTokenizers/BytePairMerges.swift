/// Byte-pair encoding (Sennrich, Haddow and Birch 2016, §3.2) of one word: the merge of lowest rank first, the
/// leftmost of equals, until none applies. The order is that of `tokenizers` (models/bpe/word.rs).
struct BytePairMerges: Sendable {
    /// Open addressing, linear probing: a table of `UInt64` keys (left id, right id) beside ranks and results.
    private var keys: [UInt64]
    private var ranks: [Int32]
    private var results: [Int32]
    private let mask: Int
    /// Above this many symbols a queue beats the scan of all pairs.
    private static let scanLimit = 48

    private static let empty = UInt64.max

    /// - Parameter merges: (left, right, result) in rank order; the last of two equal pairs counts.
    init(_ merges: [(left: Int32, right: Int32, result: Int32)]) {
        var capacity = 16
        while capacity < merges.count * 2 { capacity *= 2 }
        keys = Array(repeating: Self.empty, count: capacity)
        ranks = Array(repeating: 0, count: capacity)
        results = Array(repeating: 0, count: capacity)
        mask = capacity - 1
        for (rank, merge) in merges.enumerated() {
            let key = Self.key(merge.left, merge.right)
            var slot = Self.hash(key) & mask
            while keys[slot] != Self.empty && keys[slot] != key { slot = (slot + 1) & mask }
            keys[slot] = key
            ranks[slot] = Int32(rank)
            results[slot] = merge.result
        }
    }

    private static func key(_ left: Int32, _ right: Int32) -> UInt64 {
        UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
    }

    private static func hash(_ key: UInt64) -> Int {
        Int(truncatingIfNeeded: (key &* 0x9E37_79B9_7F4A_7C15) >> 32)
    }

    private func find(_ left: Int32, _ right: Int32) -> (rank: Int32, result: Int32)? {
        let key = Self.key(left, right)
        var slot = Self.hash(key) & mask
        while keys[slot] != Self.empty {
            if keys[slot] == key { return (ranks[slot], results[slot]) }
            slot = (slot + 1) & mask
        }
        return nil
    }

    /// Merges the symbols of a word in place.
    func apply(to symbols: inout [Int32]) {
        if symbols.count <= Self.scanLimit { scan(&symbols) } else { queue(&symbols) }
    }

    /// - Parameter made: told of the result of each merge.
    func scan(_ symbols: inout [Int32], made: (Int32) -> Void = { _ in }) {
        while symbols.count > 1 {
            var best: (rank: Int32, result: Int32, position: Int)?
            for position in 0..<symbols.count - 1 {
                if let merge = find(symbols[position], symbols[position + 1]), merge.rank < best?.rank ?? .max
                {
                    best = (merge.rank, merge.result, position)
                }
            }
            guard let best else { return }
            made(best.result)
            symbols[best.position] = best.result
            symbols.remove(at: best.position + 1)
        }
    }

    /// O(n log n): symbols in a doubly linked list, candidate merges in a binary heap; a candidate whose symbols have
    /// changed since is passed over.
    private func queue(_ symbols: inout [Int32]) {
        struct Candidate: Comparable {
            let rank: Int32
            let position: Int32
            let result: Int32
            let left: Int32
            let right: Int32
            static func < (a: Candidate, b: Candidate) -> Bool { (a.rank, a.position) < (b.rank, b.position) }
        }
        let count = symbols.count
        var next = (1...count).map { $0 < count ? $0 : -1 }
        var previous = (0..<count).map { $0 - 1 }
        var alive = [Bool](repeating: true, count: count)
        var heap = BinaryHeap<Candidate>()
        func push(_ position: Int) {
            let following = next[position]
            guard following >= 0, let merge = find(symbols[position], symbols[following]) else { return }
            heap.push(
                Candidate(
                    rank: merge.rank, position: Int32(position), result: merge.result,
                    left: symbols[position],
                    right: symbols[following]))
        }
        for position in 0..<count { push(position) }
        while let best = heap.pop() {
            let position = Int(best.position)
            guard alive[position], symbols[position] == best.left else { continue }
            let following = next[position]
            guard following >= 0, symbols[following] == best.right else { continue }
            symbols[position] = best.result
            alive[following] = false
            next[position] = next[following]
            if next[following] >= 0 { previous[next[following]] = position }
            if previous[position] >= 0 { push(previous[position]) }
            push(position)
        }
        symbols = symbols.indices.filter { alive[$0] }.map { symbols[$0] }
    }
}

/// A binary heap whose least element is popped first.
private struct BinaryHeap<Element: Comparable> {
    private var elements: [Element] = []

    mutating func push(_ element: Element) {
        elements.append(element)
        var child = elements.count - 1
        while child > 0, elements[child] < elements[(child - 1) / 2] {
            elements.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    mutating func pop() -> Element? {
        guard let last = elements.popLast() else { return nil }
        guard let least = elements.first else { return last }
        elements[0] = last
        var parent = 0
        while true {
            var child = parent * 2 + 1
            guard child < elements.count else { return least }
            if child + 1 < elements.count, elements[child + 1] < elements[child] { child += 1 }
            guard elements[child] < elements[parent] else { return least }
            elements.swapAt(parent, child)
            parent = child
        }
    }
}
