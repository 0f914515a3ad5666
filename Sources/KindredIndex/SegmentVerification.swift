import KindredSystem

extension Segment {
    /// Checks every block against its checksum, and every invariant: ids distinct, factors and centre finite, links in
    /// range, without repetition or self, upper levels in rising order and nested, every node reachable.
    ///
    /// - Throws: `invalidData` with the byte of the first that fails.
    package func verify() throws {
        try verifyChecksums()
        for row in 0..<header.dimensions + 2 * count {
            let (section, index) =
                row < header.dimensions
                ? (SegmentHeader.Section.centre, row) : (.factors, row - header.dimensions)
            let byte = header.offset(section) + 4 * index
            let value = Float(bitPattern: file.load(UInt32.self, at: byte).littleEndian)
            if !value.isFinite { throw damaged("a number is not finite", byte: byte) }
        }
        var seen: Set<Int64> = []
        for row in 0..<count where !seen.insert(id(row)).inserted {
            throw damaged("the id \(id(row)) is there twice", byte: header.offset(.ids) + 8 * row)
        }
        try verifyLinks()
        let reached = Reachability(graph: graph, from: header.entry).count
        guard reached == count else {
            throw damaged(
                "\(count - reached) of \(count) nodes cannot be reached", byte: header.offset(.links))
        }
    }

    private func damaged(_ what: String, byte: Int) -> KindredError {
        KindredError(
            .invalidData, "\(what): the file is damaged; index the dump again into another name",
            at: .init(path: path.string, byte: byte))
    }

    private func verifyChecksums() throws {
        let end = header.offset(.checksums)
        var start = SegmentHeader.size
        var index = 0
        while start < end {
            let block = start..<min(start + SegmentHeader.blockSize, end)
            var checksum = CRC32C()
            checksum.update(file, block)
            guard checksum.value == file.load(UInt32.self, at: end + 4 * index).littleEndian else {
                throw damaged("the block's checksum is wrong", byte: start)
            }
            start = block.upperBound
            index += 1
        }
    }

    private func verifyLinks() throws {
        let width = 1 + 2 * header.m
        for row in 0..<count {
            try verifyList(
                at: header.offset(.links) + 4 * row * width, node: UInt32(row), width: width, among: nil)
        }
        var position = header.offset(.upper)
        var below: Set<UInt32>?
        for _ in stride(from: 1, through: header.top, by: 1) {
            let nodes = Int(file.load(UInt32.self, at: position).littleEndian)
            let members = (0..<nodes).map { file.load(UInt32.self, at: position + 4 + 4 * $0).littleEndian }
            let set = Set(members)
            guard zip(members, members.dropFirst()).allSatisfy({ $0 < $1 }),
                members.allSatisfy({ Int($0) < count }),
                below.map({ set.isSubset(of: $0) }) ?? true, set.contains(header.entry)
            else { throw damaged("the nodes of an upper level are wrong", byte: position) }
            let lists = position + 4 + 4 * nodes
            for (index, node) in members.enumerated() {
                try verifyList(
                    at: lists + 4 * index * (1 + header.m), node: node, width: 1 + header.m, among: set)
            }
            position = lists + 4 * nodes * (1 + header.m)
            below = set
        }
    }

    private func verifyList(at start: Int, node: UInt32, width: Int, among members: Set<UInt32>?) throws {
        let stored = Int(file.load(UInt32.self, at: start).littleEndian)
        guard stored < width else { throw damaged("node \(node) has \(stored) links", byte: start) }
        var seen: Set<UInt32> = [node]
        for index in 0..<stored {
            let link = file.load(UInt32.self, at: start + 4 + 4 * index).littleEndian
            guard Int(link) < count, members?.contains(link) ?? true, seen.insert(link).inserted else {
                throw damaged("node \(node) has a wrong link", byte: start + 4 + 4 * index)
            }
        }
    }
}
