import CKindredKernels
import KindredSystem

/// The links of a graph's nodes, a fixed number of places for each, in memory or in a mapped file.
package final class LinkRows: @unchecked Sendable {
    package let count: Int
    /// Places of a node.
    package let width: Int
    /// 3 or 4.
    package let idBytes: Int

    let base: UnsafePointer<UInt8>
    private let own: AlignedBuffer<UInt32>?
    private let owners: [AnyObject]

    package static let maximumWidth = Int(KINDRED_MOST_LINKS)
    /// A place without a link; it ends a list.
    package static let none: UInt32 = 0xFFFF_FFFF

    /// Bytes of an id of so many nodes.
    package static func idBytes(count: Int) -> Int { count < 0xFF_FFFF ? 3 : 4 }

    /// Empty lists in memory, of 4-byte ids.
    package init(count: Int, width: Int) {
        precondition(count >= 0 && (1...Self.maximumWidth).contains(width))
        self.count = count
        self.width = width
        idBytes = 4
        let buffer = AlignedBuffer<UInt32>(repeating: Self.none, count: count * width)
        own = buffer
        owners = []
        base = UnsafeRawPointer(buffer.base).assumingMemoryBound(to: UInt8.self)
    }

    /// Lists in a file, at a byte offset that the caller took from a checked header; one more byte follows them.
    ///
    /// - Parameter resident: copy them into memory, in huge pages where the system has them.
    package init(file: MappedFile, at start: Int, count: Int, width: Int, idBytes: Int, resident: Bool) {
        precondition(count > 0 && (1...Self.maximumWidth).contains(width) && (idBytes == 3 || idBytes == 4))
        self.count = count
        self.width = width
        self.idBytes = idBytes
        own = nil
        let range = start..<start + count * width * idBytes + 1
        if resident {
            let copy = file.buffer(UInt8.self, range, repeating: 0)
            base = UnsafePointer(copy.base)
            owners = [file, copy]
        } else {
            base = file.pointer(range)!.assumingMemoryBound(to: UInt8.self)
            owners = [file]
        }
    }

    /// The link at a place, or `none`. What a damaged file holds beyond the count is none too.
    package func link(_ node: Int, _ place: Int) -> UInt32 {
        precondition(node >= 0 && node < count && place >= 0 && place < width)
        let start = UnsafeRawPointer(base + (node * width + place) * idBytes)
        let id = start.loadUnaligned(as: UInt32.self).littleEndian & (idBytes == 3 ? 0xFF_FFFF : 0xFFFF_FFFF)
        return id < UInt32(count) ? id : Self.none
    }

    /// Puts the links of a node into `list`.
    package func links(of node: Int, into list: inout [UInt32]) {
        list.removeAll(keepingCapacity: true)
        for place in 0..<width {
            let id = link(node, place)
            if id == Self.none { return }
            list.append(id)
        }
    }

    /// Sets the links of a node, at most `width`. Only in memory; different threads may set different nodes.
    package func set(_ links: some Collection<UInt32>, of node: Int) {
        guard let own else { preconditionFailure("links of a file are read-only") }
        precondition(links.count <= width)
        for place in 0..<width { own[node * width + place] = Self.none }
        for (place, link) in links.enumerated() { own[node * width + place] = link }
    }
}

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

    private let planes: CodePlanes
    private let links: LinkRows
    private var memory: [Memory] = []
    /// The rows that the last walks found, best first, those of query i in `found[i]`.
    package private(set) var rows: AlignedBuffer<UInt32>
    /// Their similarities by their heads.
    package private(set) var similarities: AlignedBuffer<Float>
    package private(set) var found: [Range<Int>] = []
    /// Nodes that the last walks compared with the queries.
    package private(set) var evaluated = 0

    private struct Memory {
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

    private func reserve(walks: Int, ef: Int) {
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

    /// Finds for each query, of which there are at most `most`, the `ef` nodes most similar to it by their heads. What
    /// one finds does not depend on the others.
    ///
    /// - Parameters:
    ///   - entries: where a walk may start, each below the count; it starts from the `seeds` best of them.
    ///   - accepted: a bit for each node, and how it is applied.
    package func search(
        _ queries: some Collection<CodedQuery>, ef: Int, entries: AlignedBuffer<UInt32>, seeds: Int,
        accepted: (bits: AlignedBuffer<UInt64>, filter: Filter)? = nil
    ) {
        precondition((1...Self.most).contains(queries.count) && ef > 0 && seeds > 0)
        precondition(queries.allSatisfy { $0.layout == planes.layout })
        precondition(accepted.map { $0.bits.count * 64 >= planes.count } ?? true)
        reserve(walks: queries.count, ef: ef)
        var graph = kindred_graph(
            head: planes.head, head_blocks: planes.layout.headBlocks, links: links.base, width: links.width,
            id_bytes: Int32(links.idBytes), has_bias: planes.layout.hasBias ? 1 : 0,
            count: UInt32(planes.count))
        let graphQueries = queries.map(\.graphQuery)
        var works = memory.prefix(queries.count).map {
            kindred_graph_work(
                visited: $0.visited.base, touched: $0.touched.base, pool: $0.pool.base, found: $0.found.base,
                count: 0, evaluated: 0, hops: 0)
        }
        let filter =
            switch accepted?.filter {
            case nil: KINDRED_ACCEPT_ALL
            case .collect: KINDRED_COLLECT_ACCEPTED
            case .twoHops: KINDRED_TWO_HOPS
            }
        kindred_graph_search(
            rows.base, similarities.base, &graph, graphQueries, &works, queries.count, UInt32(ef),
            entries.base,
            entries.count, UInt32(seeds), accepted.map { UnsafePointer($0.bits.base) }, Int32(filter))
        found = works.enumerated().map { $0 * ef..<$0 * ef + Int($1.count) }
        evaluated = works.reduce(0) { $0 + Int($1.evaluated) }
    }
}
