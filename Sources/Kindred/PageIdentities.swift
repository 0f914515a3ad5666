import Crypto
import Foundation
import KindredSystem

/// By which number each page of a dump is known in the catalogue, and which pages the dump has.
struct PageIdentities {
    private var ids = IDSet()
    private var lowest = Int64.max
    private var highest = Int64.min

    /// The number of a page: its id, or one made of its title where it has none, or where another page has the same.
    ///
    /// - Parameter titleBefore: of the article that came before with the same id, if there was one.
    /// - Returns: also whether the number comes for the first time.
    mutating func identity(id: Int64?, title: String, titleBefore: String?) -> (id: Int64, isFirst: Bool) {
        guard let id, id > 0 else { return (Self.number(of: title), true) }
        if note(id) { return (id, true) }
        if let titleBefore, titleBefore != title { return (Self.number(of: title), true) }
        return (id, false)
    }

    /// Notes that the dump has a page.
    ///
    /// - Returns: whether it comes for the first time.
    mutating func note(_ id: Int64) -> Bool {
        guard id > 0 else { return false }
        lowest = min(lowest, id)
        highest = max(highest, id)
        return ids.insert(id)
    }

    func contains(_ id: Int64) -> Bool { ids.contains(id) }

    /// The ids that the dump would have were they still in the wiki; nil where it says nothing of any.
    ///
    /// A dump is in the order of ids, so a part of one has all from its first to its last.
    /// - Parameter isWhole: whether the dump is known to be no part.
    func range(isWhole: Bool) -> ClosedRange<Int64>? {
        guard lowest <= highest else { return nil }
        return isWhole ? 1...Int64.max : lowest...highest
    }

    /// A number for what has none, below zero, where no page's id is: 62 bits of the SHA-256 of its title, or of its path
    /// and record.
    static func number(of key: String) -> Int64 {
        let digest = SHA256.hash(data: Data(key.utf8)).prefix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        return -Int64(digest >> 2) - 1
    }
}

/// A set of the numbers of documents: ids of pages, which are dense, and those of `PageIdentities.number`, which are not.
struct PageNumbers {
    private var ids = IDSet()
    private var others: Set<Int64> = []

    init(_ numbers: some Sequence<Int64> = []) {
        for number in numbers {
            if number > 0 { ids.insert(number) } else { others.insert(number) }
        }
    }

    func contains(_ number: Int64) -> Bool { number > 0 ? ids.contains(number) : others.contains(number) }
}
