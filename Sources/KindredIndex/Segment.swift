import KindredSystem
import SystemPackage

/// An immutable file of vectors with a graph to search them by, mapped into memory. Safe to use from several threads.
package final class Segment: Sendable {
    /// efSearch where nobody says otherwise; recall@10 is in Documentation/vector-index.md.
    package static let defaultEfSearch = 128
    /// Up to so many vectors all codes are looked at: quicker than a walk, and exact.
    static let scanLimit = 2048

    package let path: FilePath
    package var count: Int { header.count }
    package var dimensions: Int { header.dimensions }
    /// SHA-256 of the encoder that made the vectors.
    package var fingerprint: [UInt8] { header.fingerprint }

    let header: SegmentHeader
    let file: MappedFile
    let graph: MappedGraph
    private let planes: CodePlanes
    private let code: VectorCode

    /// Maps a segment; reads its header only.
    ///
    /// - Parameter fingerprint: what the segment's must be; nil for any.
    /// - Throws: `notFound`; `invalidData` for a damaged file; `incompatible` for a newer format or another encoder.
    package init(path: FilePath, fingerprint: [UInt8]? = nil) throws {
        self.path = path
        file = try MappedFile(path)
        header = try SegmentHeader(reading: file)
        if let fingerprint, fingerprint != header.fingerprint {
            throw KindredError(
                .incompatible, "holds vectors of another encoder", at: .init(path: path.string))
        }
        let start = header.offset(.centre)
        let mapped = file
        let centre = (0..<header.dimensions).map {
            Float(bitPattern: mapped.load(UInt32.self, at: start + 4 * $0).littleEndian)
        }
        code = VectorCode(centre: centre)
        planes = CodePlanes(
            file: file, high: header.offset(.high), low: header.offset(.low),
            factors: header.offset(.factors),
            count: header.count, blocks: code.blocks)
        graph = try MappedGraph(file: file, header: header)
    }

    package func id(_ row: Int) -> Int64 {
        precondition(row >= 0 && row < count)
        return file.load(Int64.self, at: header.offset(.ids) + 8 * row).littleEndian
    }

    package var ids: [Int64] { (0..<count).map(id) }

    /// The vector of a row, as its code has it.
    package func vector(_ row: Int) -> [Float] {
        code.decode(planes.codes(row: row, dimensions: dimensions), planes.factors(row: row))
    }

    /// The `k` vectors most similar to the query, best first, ties by id.
    ///
    /// - Parameters:
    ///   - efSearch: candidates that are kept on the walk; at least `k`.
    ///   - accepts: which ids may be returned. The result has min(k, accepted) neighbours.
    /// - Throws: `invalidRequest` for a query of other dimensions or with a number that is not finite.
    package func search(
        _ query: [Float], k: Int, efSearch: Int = defaultEfSearch, where accepts: ((Int64) -> Bool)? = nil
    ) throws -> [Neighbor] {
        let coded = try checked(query)
        guard k > 0 else { return [] }
        if count <= Self.scanLimit { return scan(coded, k: k, where: accepts) }
        var beam = Beam(count: count, widestNode: 2 * header.m)
        let start = beam.descend(graph, planes, coded, from: header.entry, top: header.top, to: 0)
        let found = beam.search(graph, planes, coded, from: [start], level: 0, ef: max(efSearch, k))
        let neighbors = beam.rescored(found, planes, coded).map {
            Neighbor(id: id(Int($0.row)), score: $0.score)
        }
        let accepted = accepts.map { accepts in neighbors.filter { accepts($0.id) } } ?? neighbors
        // A filter may have left too few of those found, or damage may have cut the walk short.
        if accepted.count < min(k, count) { return scan(coded, k: k, where: accepts) }
        return Array(Self.ordered(accepted).prefix(k))
    }

    /// The `k` most similar vectors by looking at every code.
    /// - Throws: `invalidRequest` as `search` does.
    package func exactSearch(
        _ query: [Float], k: Int, where accepts: ((Int64) -> Bool)? = nil
    ) throws -> [Neighbor] {
        scan(try checked(query), k: k, where: accepts)
    }

    private func checked(_ query: [Float]) throws -> CodePlanes.Query {
        guard query.count == dimensions, query.allSatisfy({ $0.isFinite && abs($0) < 1e18 }) else {
            throw KindredError(.invalidRequest, "a query must have \(dimensions) finite numbers")
        }
        return code.query(query)
    }

    private func scan(_ query: CodePlanes.Query, k: Int, where accepts: ((Int64) -> Bool)?) -> [Neighbor] {
        var best: [Neighbor] = []
        let batch = CodePlanes.Batch(capacity: 256)
        var row = 0
        while row < count {
            batch.removeAll()
            while row < count, batch.count < batch.capacity {
                if accepts?(id(row)) ?? true { batch.append(UInt32(row)) }
                row += 1
            }
            planes.scoreByBothPlanes(query, batch)
            for index in 0..<batch.count {
                let score = batch.score(index)
                if best.count >= 2 * k + 64 { best = Array(Self.ordered(best).prefix(k)) }
                best.append(Neighbor(id: id(Int(batch.row(index))), score: score))
            }
        }
        return Array(Self.ordered(best).prefix(k))
    }

    private static func ordered(_ neighbors: [Neighbor]) -> [Neighbor] {
        neighbors.sorted { $0.score > $1.score || ($0.score == $1.score && $0.id < $1.id) }
    }
}

/// The graph of a mapped segment. Whatever its bytes are, neighbours are below the count and lists end.
struct MappedGraph: NavigableGraph, Sendable {
    let count: Int
    private let file: MappedFile
    private let links: Int
    private let width: Int
    private let upperWidth: Int
    /// Where the nodes of each upper level and their lists lie.
    private let levels: [(nodes: Int, count: Int, lists: Int)]

    init(file: MappedFile, header: SegmentHeader) throws {
        self.file = file
        count = header.count
        links = header.offset(.links)
        width = 1 + 2 * header.m
        upperWidth = 1 + header.m
        var levels: [(nodes: Int, count: Int, lists: Int)] = []
        var position = header.offset(.upper)
        let end = header.offset(.checksums)
        for _ in stride(from: 1, through: header.top, by: 1) {
            let nodes = position + 4 <= end ? Int(file.load(UInt32.self, at: position).littleEndian) : -1
            let lists = position + 4 + 4 * max(0, nodes)
            let next = lists + 4 * max(0, nodes) * upperWidth
            guard nodes >= 0, nodes <= header.count, next <= end else {
                throw KindredError(
                    .invalidData,
                    "the upper levels do not fit the file: it is damaged; index the dump again into "
                        + "another name", at: .init(path: file.path.string, byte: position))
            }
            levels.append((position + 4, nodes, lists))
            position = next
        }
        self.levels = levels
    }

    func neighbors(of node: UInt32, level: Int, into list: inout [UInt32]) {
        list.removeAll(keepingCapacity: true)
        guard level > 0 else { return read(links + Int(node) * width * 4, limit: width - 1, into: &list) }
        let place = levels[level - 1]
        guard let position = find(node, in: place) else { return }
        read(place.lists + position * upperWidth * 4, limit: upperWidth - 1, into: &list)
    }

    private func read(_ start: Int, limit: Int, into list: inout [UInt32]) {
        let stored = min(Int(file.load(UInt32.self, at: start).littleEndian), limit)
        for index in 0..<stored {
            let neighbor = file.load(UInt32.self, at: start + 4 + 4 * index).littleEndian
            if Int(neighbor) < count { list.append(neighbor) }
        }
    }

    private func find(_ node: UInt32, in level: (nodes: Int, count: Int, lists: Int)) -> Int? {
        var lower = 0
        var upper = level.count
        while lower < upper {
            let middle = (lower + upper) / 2
            let found = file.load(UInt32.self, at: level.nodes + 4 * middle).littleEndian
            if found == node { return middle }
            if found < node { lower = middle + 1 } else { upper = middle }
        }
        return nil
    }
}
