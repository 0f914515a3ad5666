import Crypto
import Foundation
import KindredSystem
import KindredWikipedia

/// By which number each page of a dump is known in the catalogue, and which pages the dump has.
struct PageIdentities {
    private var ids = IDSet()
    private var lowest = Int64.max
    private var highest = Int64.min

    /// The number of a page: its id, or one made of its title where it has none, or where another page has the same.
    ///
    /// - Parameter titleBefore: of the article that came before with the same id, if there was one.
    /// - Returns: also whether the number comes for the first time.
    mutating func identity(of page: DumpPage, titleBefore: String?) -> (id: Int64, isFirst: Bool) {
        guard let id = page.id, id > 0 else { return (Self.number(ofTitle: page.title), true) }
        lowest = min(lowest, id)
        highest = max(highest, id)
        if ids.insert(id) { return (id, true) }
        if let titleBefore, titleBefore != page.title { return (Self.number(ofTitle: page.title), true) }
        return (id, false)
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

    /// Below zero, where no page's id is.
    private static func number(ofTitle title: String) -> Int64 {
        let digest = SHA256.hash(data: Data(title.utf8)).prefix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        return -Int64(digest >> 2) - 1
    }
}
