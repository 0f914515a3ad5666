import KindredSystem
import KindredTensors
import SystemPackage

/// Builds segments and writes them durably.
package enum SegmentWriter {
    /// Builds a segment of `vectors` and writes it: the file has its name only when it is whole and synced. Its bytes
    /// do not depend on `threads`.
    ///
    /// - Parameters:
    ///   - vectors: n × d, unit rows.
    ///   - ids: n distinct ids.
    ///   - fingerprint: 32 bytes, of the encoder that made the vectors.
    /// - Throws: `invalidRequest` for no vectors or ids that do not fit; `invalidData` for a number that is not finite;
    ///   `cannotCreate`, `inputOutput`.
    package static func write(
        vectors: Matrix, ids: [Int64], fingerprint: [UInt8], to path: FilePath,
        options: SegmentOptions = SegmentOptions(), threads: Int = Processor.count
    ) throws {
        try write(
            count: vectors.rows, dimensions: vectors.columns, ids: ids, fingerprint: fingerprint, to: path,
            options: options, threads: threads, vector: vectors.row)
    }

    /// Builds one segment of the vectors of several, without those that are dropped. The originals are gone, so the
    /// vectors are decoded and coded anew; Documentation/vector-index.md says what that costs.
    ///
    /// - Throws: `invalidRequest` where no vector is left or the segments are of different encoders;
    ///   `cannotCreate`, `inputOutput`.
    package static func merge(
        _ segments: [Segment], dropping: (Int64) -> Bool, to path: FilePath,
        options: SegmentOptions = SegmentOptions(), threads: Int = Processor.count
    ) throws {
        guard let first = segments.first,
            segments.allSatisfy({ $0.fingerprint == first.fingerprint && $0.dimensions == first.dimensions })
        else { throw KindredError(.invalidRequest, "segments of different encoders cannot be merged") }
        var ids: [Int64] = []
        var places: [(segment: Int, row: Int)] = []
        for (index, segment) in segments.enumerated() {
            for row in 0..<segment.count where !dropping(segment.id(row)) {
                ids.append(segment.id(row))
                places.append((index, row))
            }
        }
        try write(
            count: places.count, dimensions: first.dimensions, ids: ids, fingerprint: first.fingerprint,
            to: path,
            options: options, threads: threads
        ) { segments[places[$0].segment].vector(places[$0].row) }
    }

    private static func write(
        count: Int, dimensions: Int, ids: [Int64], fingerprint: [UInt8], to path: FilePath,
        options: SegmentOptions,
        threads: Int, vector: (Int) -> [Float]
    ) throws {
        guard count > 0, (1...VectorCode.maximumDimensions).contains(dimensions) else {
            throw KindredError(
                .invalidRequest, "a segment needs vectors of 1 to \(VectorCode.maximumDimensions) dimensions")
        }
        guard count <= SegmentHeader.maximumVectors, ids.count == count, Set(ids).count == count,
            fingerprint.count == 32, (2...SegmentHeader.maximumM).contains(options.m)
        else {
            throw KindredError(
                .invalidRequest, "each vector needs an id of its own, and a segment a fingerprint")
        }

        let code = VectorCode(
            centre: try centre(count: count, dimensions: dimensions, ids: ids, vector: vector))
        let planes = CodePlanes(count: count, blocks: code.blocks)
        var queries: [CodePlanes.Query] = []
        queries.reserveCapacity(count)
        for row in 0..<count {
            let values = vector(row)
            let (codes, factors) = code.encode(values)
            planes.set(row: row, codes: codes, factors: factors)
            queries.append(code.query(values))
        }
        let graph = GraphBuilder(planes: planes, queries: queries, options: options, threads: threads)
        try write(
            graph, code: code, planes: planes, ids: ids, fingerprint: fingerprint, options: options, to: path)
    }

    /// The mean of the vectors, summed in double precision.
    private static func centre(count: Int, dimensions: Int, ids: [Int64], vector: (Int) -> [Float]) throws
        -> [Float]
    {
        var sums = [Double](repeating: 0, count: dimensions)
        for row in 0..<count {
            for (column, value) in vector(row).enumerated() {
                guard value.isFinite, abs(value) < 1e18 else {
                    throw KindredError(
                        .invalidData, "the vector of id \(ids[row]) has a number that is not finite")
                }
                sums[column] += Double(value)
            }
        }
        return sums.map { Float($0 / Double(count)) }
    }

    private static func write(
        _ graph: GraphBuilder, code: VectorCode, planes: CodePlanes, ids: [Int64], fingerprint: [UInt8],
        options: SegmentOptions, to path: FilePath
    ) throws {
        guard let buffers = planes.buffers else { preconditionFailure("the planes of a build are in memory") }
        let (count, dimensions, m) = (planes.count, code.dimensions, options.m)
        let upper = upperLevels(graph, m: m)
        var offsets: [Int] = []
        var next = SegmentHeader.size
        for section in SegmentHeader.Section.allCases where section != .checksums {
            offsets.append(next)
            let size =
                SegmentHeader.bytes(section, count: count, dimensions: dimensions, m: m) ?? upper.count * 4
            next = SegmentHeader.aligned(next + size)
        }
        offsets.append(next)
        let blocks = (next - SegmentHeader.size + SegmentHeader.blockSize - 1) / SegmentHeader.blockSize
        offsets.append(next + blocks * 4)

        let header = SegmentHeader(
            count: count, dimensions: dimensions, m: m, entry: graph.entry, top: graph.top,
            fingerprint: fingerprint,
            offsets: offsets)
        var output = ChecksummedOutput(file: try AtomicFile(path))
        try output.writeHeader(header.encoded())
        try output.write(littleEndian(code.centre.map(\.bitPattern)))
        try output.pad()
        try output.write(buffers.high)
        try output.pad()
        try output.write(buffers.low)
        try output.pad()
        try output.write(buffers.factors)
        try output.pad()
        try output.write(littleEndian(ids))
        try output.pad()
        var list: [UInt32] = []
        for node in 0..<UInt32(count) {
            graph.neighbors(of: node, level: 0, into: &list)
            let row = [UInt32(list.count)] + list + [UInt32](repeating: 0, count: 2 * m - list.count)
            try output.write(littleEndian(row))
        }
        try output.pad()
        try output.write(littleEndian(upper))
        try output.pad()
        try output.finish()
    }

    private static func upperLevels(_ graph: GraphBuilder, m: Int) -> [UInt32] {
        var numbers: [UInt32] = []
        var list: [UInt32] = []
        for level in stride(from: 1, through: graph.top, by: 1) {
            let nodes = (0..<UInt32(graph.count)).filter { Int(graph.levels[Int($0)]) >= level }
            numbers.append(UInt32(nodes.count))
            numbers += nodes
            for node in nodes {
                graph.neighbors(of: node, level: level, into: &list)
                numbers += [UInt32(list.count)] + list + [UInt32](repeating: 0, count: m - list.count)
            }
        }
        return numbers
    }

}

/// The bytes of numbers, least significant first.
func littleEndian<Number: FixedWidthInteger>(_ values: [Number]) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(values.count * Number.bitWidth / 8)
    for value in values {
        for shift in stride(from: 0, to: Number.bitWidth, by: 8) {
            bytes.append(UInt8(truncatingIfNeeded: value >> shift))
        }
    }
    return bytes
}

/// A file that is written front to back, with a checksum for each block after the header.
private struct ChecksummedOutput {
    private let file: AtomicFile
    private var checksums: [UInt32] = []
    private var block = CRC32C()
    private var blockCount = 0

    init(file: AtomicFile) { self.file = file }

    mutating func writeHeader(_ bytes: [UInt8]) throws { try file.write(bytes) }

    mutating func write(_ bytes: [UInt8]) throws {
        try file.write(bytes)
        var rest = bytes[...]
        while !rest.isEmpty {
            let part = rest.prefix(SegmentHeader.blockSize - blockCount)
            block.update(part)
            blockCount += part.count
            rest = rest.dropFirst(part.count)
            if blockCount == SegmentHeader.blockSize { closeBlock() }
        }
    }

    /// The buffer's elements as they lie in memory, in pieces.
    mutating func write<Element: BitwiseCopyable>(_ buffer: AlignedBuffer<Element>) throws {
        let piece = 1 << 16
        var start = 0
        while start < buffer.count {
            let end = min(start + piece, buffer.count)
            try write(buffer.bytes(start..<end))
            start = end
        }
    }

    mutating func pad() throws {
        let missing = SegmentHeader.aligned(file.count) - file.count
        if missing > 0 { try write([UInt8](repeating: 0, count: missing)) }
    }

    mutating func finish() throws {
        if blockCount > 0 { closeBlock() }
        try file.write(littleEndian(checksums))
        try file.commit()
    }

    private mutating func closeBlock() {
        checksums.append(block.value)
        block = CRC32C()
        blockCount = 0
    }
}
