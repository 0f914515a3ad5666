import CKindredKernels
import KindredSystem

/// Walks over a graph of heads (`kindred_graph.h`), with the memory they need; owned by one searching thread.
package final class GraphWalk {
    /// How a filter is applied on the walk.
    package enum Filter: Sendable {
        /// Walk over every node, collect those accepted.
        case collect
        /// Compare accepted nodes only; behind a rejected neighbour its neighbours are looked at (ACORN-1, Patel et al.
        /// 2024).
        case twoHops
    }

    /// Walks that may take turns in one call.
    package static let most = Int(KINDRED_MOST_WALKS)

    let planes: CodePlanes
    let links: LinkRows
    var memory: [Memory] = []
    /// The rows that the last walks found, best first, those of query i in `found[i]`.
    package internal(set) var rows: AlignedBuffer<UInt32>
    /// Their similarities by their heads.
    package internal(set) var similarities: AlignedBuffer<Float>
    package internal(set) var found: [Range<Int>] = []

    struct Memory {
        let visited, pool, found: AlignedBuffer<UInt64>
        let touched: AlignedBuffer<UInt32>
    }

    package init(planes: CodePlanes, links: LinkRows) {
        precondition(planes.count == links.count)
        self.planes = planes
        self.links = links
        rows = AlignedBuffer(repeating: 0, count: 0)
        similarities = AlignedBuffer(repeating: 0, count: 0)
    }

    func reserve(walks: Int, ef: Int) {
        if let size = memory.first?.pool.count, size < ef { memory = [] }
        while memory.count < walks {
            let size = max(ef, 256)
            memory.append(
                Memory(
                    visited: AlignedBuffer(repeating: 0, count: (planes.count + 63) / 64),
                    pool: AlignedBuffer(repeating: 0, count: size),
                    found: AlignedBuffer(repeating: 0, count: size),
                    touched: AlignedBuffer(repeating: 0, count: planes.count + LinkRows.maximumWidth)))
        }
        if rows.count < walks * ef {
            rows = AlignedBuffer(repeating: 0, count: walks * ef)
            similarities = AlignedBuffer(repeating: 0, count: walks * ef)
        }
    }
}
