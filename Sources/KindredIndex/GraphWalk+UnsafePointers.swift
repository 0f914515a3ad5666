import CKindredKernels
import KindredSystem

extension GraphWalk {
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
        var graph = unsafe kindred_graph(
            head: planes.head.start, head_blocks: planes.layout.headBlocks, links: links.bytes.start,
            width: links.width,
            id_bytes: Int32(links.idBytes), has_bias: planes.layout.hasBias ? 1 : 0,
            count: UInt32(planes.count))
        let graphQueries = unsafe queries.map(unsafe \.graphQuery)
        var works = unsafe memory.prefix(queries.count).map {
            unsafe kindred_graph_work(
                visited: $0.visited.base, touched: $0.touched.base, pool: $0.pool.base, found: $0.found.base,
                count: 0)
        }
        let filter =
            switch accepted?.filter {
            case nil: KINDRED_ACCEPT_ALL
            case .collect: KINDRED_COLLECT_ACCEPTED
            case .twoHops: KINDRED_TWO_HOPS
            }
        var walk = unsafe kindred_graph_walk(
            ef: UInt32(ef), seeds: UInt32(seeds), entries: entries.base, entry_count: entries.count,
            accepted: accepted.map { unsafe UnsafePointer($0.bits.base) }, filter: Int32(filter))
        unsafe kindred_graph_search(
            rows.base, similarities.base, &graph, graphQueries, &works, queries.count, &walk)
        found = unsafe works.enumerated().map { unsafe $0 * ef..<$0 * ef + Int($1.count) }
    }
}
