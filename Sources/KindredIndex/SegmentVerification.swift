import KindredSystem

extension Segment {
    /// Checks every block against its checksum, and every invariant: ids distinct, factors finite, links without
    /// repetition or self, every node reachable from the first entry.
    ///
    /// - Throws: `invalidData` with the byte of the first that fails.
    package func verify() throws {
        try checkBlocks()
        for row in 0..<count {
            let factors = planes.factors(row)
            guard factors.allSatisfy(\.isFinite) else {
                throw damaged("a factor is not finite", row: row)
            }
        }
        var seen: Set<Int64> = Set(minimumCapacity: count)
        for (row, id) in try ids().enumerated() where !seen.insert(id).inserted {
            throw damaged("the id \(id) is there twice", byte: header.offset(.ids) + header.idBytes * row)
        }
        try verifyLinks()
        let reached = Reachability(links, from: entries[0]).count
        guard reached == count else {
            throw damaged(
                "\(count - reached) of \(count) nodes cannot be reached", byte: header.offset(.links))
        }
    }

    /// The error for a row whose code is damaged, with the byte of its factor.
    func damaged(_ what: String, row: Int) -> KindredError {
        damaged(what, byte: header.offset(.rest) + (row + 1) * header.layout.restBytes - 4)
    }

    private func damaged(_ what: String, byte: Int) -> KindredError {
        KindredError(
            .invalidData, "\(what): the file is damaged; recreate the index from its source",
            at: .init(path: path.string, byte: byte))
    }

    private func verifyLinks() throws {
        var list: [UInt32] = []
        for row in 0..<count {
            links.links(of: row, into: &list)
            let start = header.offset(.links) + row * header.width * header.linkBytes
            if list.contains(UInt32(row)) { throw damaged("node \(row) has a link to itself", byte: start) }
            for (place, link) in list.enumerated() where list[..<place].contains(link) {
                throw damaged("node \(row) has a link twice", byte: start + place * header.linkBytes)
            }
        }
    }

    /// Facts about a segment, for people to read.
    package struct Description: Sendable {
        package let vectors, dimensions, links, headBytes, restBytes, entries, fileBytes: Int
        package let metric: VectorMetric
        /// Dimensions and bits a dimension of each group.
        package let groups: [(dimensions: Int, bits: Int)]
        package let hasAxes: Bool
    }

    package var facts: Description {
        Description(
            vectors: count, dimensions: dimensions, links: header.width, headBytes: header.layout.headBytes,
            restBytes: header.layout.restBytes, entries: entries.count, fileBytes: file.count, metric: metric,
            groups: header.layout.groups.map { ($0.dimensions, 4 * $0.nibbles) }, hasAxes: header.hasAxes)
    }
}
