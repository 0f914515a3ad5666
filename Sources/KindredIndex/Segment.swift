import KindredSystem
import KindredTensors
import Synchronization
import SystemPackage

/// An immutable file of vectors with a graph to search them by, mapped into memory. Safe to use from several threads.
package final class Segment: Sendable {
    /// Default efSearch; Documentation/vector-index-benchmark.md has recall@10.
    package static let defaultEfSearch = 128
    /// Segments of at most this many vectors are scanned, which is faster than a walk and exact.
    static let scanLimit = 2048

    package let path: FilePath
    package var count: Int { header.count }
    package var dimensions: Int { header.dimensions }
    package var metric: VectorMetric { header.metric }
    /// SHA-256 of the encoder that made the vectors.
    package var fingerprint: Fingerprint { header.fingerprint }
    /// Bytes of the file.
    package var bytes: Int { file.count }

    let header: SegmentHeader
    let file: MappedFile
    let planes: CodePlanes
    let links: LinkRows
    let code: VectorCode
    let entries: AlignedBuffer<UInt32>
    let blocks: BlockChecks
    /// Memory of finished searchers, for reuse. It holds no reference to the segment, so the segment can be released.
    private let memories = Mutex<[SegmentSearcher.Memory]>([])

    /// Maps a segment; reads its header, centre, axes and entries only.
    ///
    /// - Parameters:
    ///   - fingerprint: what the segment's must be; nil for any.
    ///   - resident: copy codes and links into memory, in huge pages where the system has them.
    ///   - links: whether links are used; `.ignore` opens a file with damaged links to rebuild them.
    /// - Throws: `notFound`; `invalidData` for a damaged file; `incompatible` for another format or another encoder.
    package init(
        path: FilePath, fingerprint: Fingerprint? = nil, resident: Bool = false, links use: LinksUse = .use
    ) throws {
        self.path = path
        let file = try MappedFile(path)
        let header = try SegmentHeader(reading: file)
        self.file = file
        self.header = header
        if let fingerprint, fingerprint != header.fingerprint {
            throw KindredError(
                .incompatible, "holds vectors of another encoder", at: .init(path: path.string))
        }
        blocks = BlockChecks(file: file, header: header)
        try blocks.check(use == .use ? [.centre, .axes, .entries] : [.centre, .axes])
        func floats(_ section: SegmentHeader.Section) throws -> AlignedBuffer<Float> {
            let start = header.offset(section)
            let values = file.buffer(Float.self, start..<start + header.bytes(section), repeating: 0)
            if let bad = VectorRows.firstUnusable(values, count: values.count, dimensions: 1) {
                throw KindredError(
                    .invalidData,
                    "a number is not finite: the file is damaged; recreate the index from its source",
                    at: .init(path: path.string, byte: start + 4 * bad))
            }
            return values
        }
        code = VectorCode(
            metric: header.metric, centre: try floats(.centre),
            axes: header.hasAxes ? try floats(.axes) : nil,
            layout: header.layout)
        entries = use == .use ? try Self.entries(file, header) : AlignedBuffer([0])
        if resident, use == .use { try blocks.check([.head, .rest, .ids, .links]) }
        planes = CodePlanes(
            file: file, head: header.offset(.head), rest: header.offset(.rest), count: header.count,
            layout: header.layout, resident: resident)
        links = LinkRows(
            file: file, at: header.offset(.links), count: header.count, width: header.width,
            idBytes: header.linkBytes, resident: resident)
    }

    package enum LinksUse { case use, ignore }

    private static func entries(_ file: MappedFile, _ header: SegmentHeader) throws -> AlignedBuffer<UInt32> {
        let start = header.offset(.entries)
        let entries = file.buffer(UInt32.self, start..<start + header.bytes(.entries), repeating: 0)
        for index in 0..<entries.count where entries[index] >= UInt32(header.count) {
            throw KindredError(
                .invalidData,
                "an entry is out of range: the file is damaged; recreate the index from its source",
                at: .init(path: file.path.string, byte: start + 4 * index))
        }
        return entries
    }

    /// Checks what walks read, before the first of them.
    func checkWalked() throws { try blocks.check([.head, .links]) }

    /// Checks the codes and ids of rows.
    func check(_ rows: some Sequence<UInt32>) throws {
        try blocks.check(.rest, rows: rows, stride: header.layout.restBytes)
        try blocks.check(.ids, rows: rows, stride: header.idBytes)
    }

    /// Checks all codes and ids.
    func checkAll() throws {
        try blocks.check([.head, .rest, .ids])
    }

    /// Checks every block against its checksum.
    /// - Throws: `invalidData` with the byte where the first damaged block starts.
    package func checkBlocks() throws {
        try blocks.check(SegmentHeader.Section.allCases.filter { $0 != .checksums })
    }

    func id(_ row: Int) -> Int64 {
        precondition(row >= 0 && row < count)
        let start = header.offset(.ids) + header.idBytes * row
        return header.idBytes == 8
            ? file.load(Int64.self, at: start).littleEndian
            : Int64(file.load(UInt32.self, at: start).littleEndian)
    }

    /// The ids, in the order of rows.
    /// - Throws: `invalidData` where they are damaged.
    package func ids() throws -> [Int64] {
        try blocks.check([.ids])
        return (0..<count).map(id)
    }

    /// The `k` vectors most similar to the query, best first, ties by id.
    ///
    /// - Parameters:
    ///   - efSearch: candidates that are kept on the walk; at least `k`.
    ///   - filter: which vectors may be returned. The result has min(k, accepted) neighbours.
    /// - Throws: `invalidRequest` for a query of other dimensions or with a number that is not finite; `invalidData`
    ///   where the file is damaged.
    package func search(
        _ query: [Float], k: Int, efSearch: Int = defaultEfSearch, filter: SegmentFilter? = nil
    ) throws -> [Neighbor] {
        try withSearcher { try $0.search(Matrix([query]), k: k, efSearch: efSearch, filter: filter)[0] }
    }

    /// The same with the filter as a question to each id.
    package func search(
        _ query: [Float], k: Int, efSearch: Int = defaultEfSearch, where accepts: (Int64) -> Bool
    ) throws -> [Neighbor] {
        try search(query, k: k, efSearch: efSearch, filter: SegmentFilter(self, where: accepts))
    }

    /// The `k` most similar vectors by looking at every code.
    /// - Throws: as `search` does.
    package func exactSearch(_ query: [Float], k: Int, filter: SegmentFilter? = nil) throws -> [Neighbor] {
        try withSearcher { try $0.search(Matrix([query]), k: k, efSearch: nil, filter: filter)[0] }
    }

    /// The similarities of a query and the vectors of some ids. Ids that the segment lacks are left out.
    /// - Throws: as `search` does.
    package func similarities(_ query: [Float], of ids: Set<Int64>) throws -> [Neighbor] {
        let rows = try rows(of: ids)
        guard !rows.isEmpty else { return [] }
        return try withSearcher { try $0.similarities(Matrix([query]), of: rows) }
    }

    /// The rows of ids. It reads all ids of the segment, which are in no order.
    private func rows(of ids: Set<Int64>) throws -> [UInt32] {
        guard let least = ids.min(), let most = ids.max() else { return [] }
        try blocks.check([.ids])
        // The last bits of the ids tell for almost every row that it is none of them.
        var isLikely = [Bool](repeating: false, count: 4096)
        for id in ids { isLikely[Int(truncatingIfNeeded: id & 4095)] = true }
        var rows: [UInt32] = []
        for row in 0..<count where rows.count < ids.count {
            let id = id(row)
            guard id >= least, id <= most, isLikely[Int(truncatingIfNeeded: id & 4095)] else { continue }
            if ids.contains(id) { rows.append(UInt32(row)) }
        }
        return rows
    }

    private func withSearcher<Result>(_ body: (SegmentSearcher) throws -> Result) rethrows -> Result {
        // Its memory is used again by the next query, whichever thread has it.
        let searcher = SegmentSearcher(self, memory: memories.withLock { $0.popLast() })
        defer { memories.withLock { if $0.count < Processor.count { $0.append(searcher.memory) } } }
        return try body(searcher)
    }
}

/// Which vectors of a segment may be returned: a bit for each row, and their count.
package final class SegmentFilter: Sendable {
    let bits: AlignedBuffer<UInt64>
    package let count: Int

    /// - Throws: `invalidData` where the segment's ids are damaged.
    package init(_ segment: Segment, where accepts: (Int64) -> Bool) throws {
        let ids = try segment.ids()
        bits = AlignedBuffer(repeating: 0, count: (ids.count + 63) / 64)
        var count = 0
        for (row, id) in ids.enumerated() where accepts(id) {
            bits[row >> 6] |= 1 << UInt64(row & 63)
            count += 1
        }
        self.count = count
    }

    func accepts(_ row: Int) -> Bool { bits[row >> 6] >> UInt64(row & 63) & 1 == 1 }
}
