import KindredSystem
import KindredTensors
import SystemPackage

/// Builds segments and writes them durably.
package enum SegmentWriter {
    /// Builds a segment of `vectors` and writes it: the file has its name only when it is whole and synced. Its bytes
    /// do not depend on `threads`.
    ///
    /// - Parameters:
    ///   - vectors: n × d; unit rows, where the metric is the inner product of an encoder's vectors.
    ///   - ids: n distinct ids.
    ///   - fingerprint: of the encoder that made the vectors.
    /// - Throws: `invalidRequest` for no vectors or ids that do not fit; `invalidData` for a number that is not finite;
    ///   `cannotCreate`, `inputOutput`.
    package static func write(
        vectors: Matrix, ids: [Int64], fingerprint: Fingerprint, to path: FilePath,
        options: SegmentOptions = SegmentOptions(), threads: Int = Processor.count, files: FileLayer = .system
    ) throws {
        try write(
            MatrixVectors(vectors), ids: ids, fingerprint: fingerprint, to: path, options: options,
            threads: threads,
            files: files)
    }

    /// The same for vectors from anywhere. They are read three times: a sample, then all in order, then all in the order
    /// in which they come to lie in the file.
    package static func write(
        _ source: some VectorSource, ids: [Int64], fingerprint: Fingerprint, to path: FilePath,
        options: SegmentOptions = SegmentOptions(), threads: Int = Processor.count, files: FileLayer = .system
    ) throws {
        try check(source, ids: ids, options: options)
        let code = try VectorCode(fitting: source, metric: options.metric, seed: options.seed)
        let (heads, extra) = try heads(of: source, code: code, threads: threads)
        let graph = GraphBuilder.build(planes: heads, extra: extra, segment: options, threads: threads)
        try write(
            SegmentContent(code: code, fingerprint: fingerprint, ids: ids, graph: graph), heads: heads,
            to: path,
            files: files
        ) { rows, planes in
            try encode(source, rows, code: code, threads: threads, into: planes, at: 0)
        }
    }

    private static func check(
        _ source: some VectorSource, ids: [Int64], options: SegmentOptions
    ) throws {
        guard source.count > 0, (1...VectorCode.maximumDimensions).contains(source.dimensions) else {
            throw KindredError(
                .invalidRequest, "a segment needs vectors of 1 to \(VectorCode.maximumDimensions) dimensions")
        }
        guard source.count <= SegmentHeader.maximumVectors, ids.count == source.count,
            Set(ids).count == ids.count
        else { throw KindredError(.invalidRequest, "each vector needs an id of its own") }
        guard (2...SegmentHeader.maximumM).contains(options.m),
            (1...NeighborKernels.maximumCandidates / 2).contains(options.efConstruction)
        else {
            throw KindredError(
                .invalidRequest,
                "M must be 2 to \(SegmentHeader.maximumM) and efConstruction 1 to \(NeighborKernels.maximumCandidates / 2)"
            )
        }
    }

    /// The heads of all vectors in their order, and for the inner product the coordinate that turns it into distance:
    /// what a vector's square is short of the largest (Bachrach et al. 2014, Theorem 1).
    private static func heads(
        of source: some VectorSource, code: VectorCode, threads: Int
    ) throws -> (planes: CodePlanes, extra: AlignedBuffer<Float>?) {
        let (count, dimensions) = (source.count, source.dimensions)
        let planes = CodePlanes(count: count, layout: code.layout, headsOnly: true)
        let squares = AlignedBuffer<Float>(repeating: 0, count: count)
        let magnitudes = AlignedBuffer<Float>(repeating: .infinity, count: count)
        let batchSize = VectorBatch.rows(dimensions: dimensions)
        let batches = (count + batchSize - 1) / batchSize
        try Processor.parallelThrowing(batches, threads: threads) { batch in
            let rows = (batch * batchSize..<min((batch + 1) * batchSize, count)).map { UInt32($0) }
            let vectors = AlignedBuffer<Float>(repeating: 0, count: rows.count * dimensions)
            try source.read(rows, into: vectors)
            let lengths = AlignedBuffer<Float>(repeating: 0, count: rows.count)
            VectorRows.squares(vectors, count: rows.count, dimensions: dimensions, into: lengths)
            squares.copy(lengths, from: 0..<rows.count, at: batch * batchSize)
            if lengths.array().allSatisfy({ $0 < VectorRows.smallest * VectorRows.smallest }) {
                VectorRows.magnitudes(vectors, count: rows.count, dimensions: dimensions, into: lengths)
                magnitudes.copy(lengths, from: 0..<rows.count, at: batch * batchSize)
            }
            encode(vectors, count: rows.count, code: code, into: planes, at: batch * batchSize)
        }
        if code.metric != .cosine { try checkSize(magnitudes, of: source) }
        return (planes, missingLengths(squares, metric: code.metric, tolerance: 0.001))
    }

    /// Refuses vectors that are all so small that their products vanish; a magnitude that was not computed is infinite.
    private static func checkSize(_ magnitudes: AlignedBuffer<Float>, of source: some VectorSource) throws {
        let values = magnitudes.array()
        guard let row = values.indices.max(by: { values[$0] < values[$1] }), values[row] > 0,
            values[row] < VectorRows.smallest
        else { return }
        throw KindredError(
            .invalidData,
            "no vector has a number of 1e-15 or more (vector \(row) has the largest, \(values[row])): their products "
                + "vanish in 32 bits; multiply the vectors by a constant, or compare by cosine",
            at: source.location(of: row))
    }

    /// The missing lengths of vectors, given their squares; nil where the metric has no use for them or all are of one
    /// length, but for a share of `tolerance` of the square.
    private static func missingLengths(
        _ squares: AlignedBuffer<Float>, metric: VectorMetric, tolerance: Float
    ) -> AlignedBuffer<Float>? {
        guard metric == .innerProduct else { return nil }
        // A few very long vectors must not make all others look equal: they get no missing length.
        let sorted = squares.array().sorted()
        let limit =
            VectorCode.farthest * VectorCode.farthest * (sorted.isEmpty ? 0 : sorted[sorted.count / 2])
        let largest = sorted.last { $0 <= limit } ?? sorted.last ?? 0
        guard squares.array().contains(where: { $0 < (1 - tolerance) * largest }) else { return nil }
        return AlignedBuffer(squares.array().map { max(0, largest - $0).squareRoot() })
    }

    /// The missing lengths of coded vectors. A code changes a length a little, so more counts as one length.
    private static func missingLengths(of planes: CodePlanes, code: VectorCode, threads: Int)
        -> AlignedBuffer<Float>?
    {
        guard code.metric == .innerProduct else { return nil }
        let squares = AlignedBuffer<Float>(repeating: 0, count: planes.count)
        let centre = code.alongAxes(code.centre)
        let base = VectorRows.product(centre, row: 0, centre)
        let batchSize = 1024
        Processor.parallel((planes.count + batchSize - 1) / batchSize, threads: threads) { batch in
            let residual = AlignedBuffer<Float>(repeating: 0, count: code.dimensions)
            for row in batch * batchSize..<min((batch + 1) * batchSize, planes.count) {
                planes.decode(row, into: residual, at: 0)
                // |c + r|² along the axes.
                squares[row] =
                    base + VectorRows.product(residual, row: 0, residual)
                    + 2 * VectorRows.product(residual, row: 0, centre)
            }
        }
        return missingLengths(squares, metric: code.metric, tolerance: 0.02)
    }

    private static func encode(
        _ vectors: AlignedBuffer<Float>, count: Int, code: VectorCode, into planes: CodePlanes, at row: Int
    ) {
        let residuals = AlignedBuffer<Float>(repeating: 0, count: count * code.dimensions)
        code.residuals(vectors, count: count, into: residuals)
        var bias: AlignedBuffer<Float>?
        if code.metric == .euclidean {
            let squares = AlignedBuffer<Float>(repeating: 0, count: count)
            VectorRows.squares(residuals, count: count, dimensions: code.dimensions, into: squares)
            for index in 0..<count { squares[index] *= -0.5 }
            bias = squares
        } else if code.layout.hasBias {
            bias = AlignedBuffer(
                (0..<count).map { Float(VectorRows.preciseProduct(vectors, row: $0, code.centre)) })
        }
        planes.encode(residuals, count: count, bias: bias, at: row)
    }

    /// Codes vectors of a source, `rows` of them, into rows from `first` on.
    private static func encode(
        _ source: some VectorSource, _ rows: ArraySlice<UInt32>, code: VectorCode, threads: Int,
        into planes: CodePlanes, at first: Int
    ) throws {
        let size = min(256, VectorBatch.rows(dimensions: code.dimensions))
        try Processor.parallelThrowing((rows.count + size - 1) / size, threads: threads) { part in
            let some = Array(rows.dropFirst(part * size).prefix(size))
            let vectors = AlignedBuffer<Float>(repeating: 0, count: some.count * code.dimensions)
            try source.read(some, into: vectors)
            encode(vectors, count: some.count, code: code, into: planes, at: first + part * size)
        }
    }

    // MARK: Writing

    private struct SegmentContent {
        let code: VectorCode
        let fingerprint: Fingerprint
        /// By row of the graph.
        let ids: [Int64]
        let graph: Graph
    }

    /// Writes a segment whose rows lie in the graph's order.
    ///
    /// - Parameters:
    ///   - heads: of the rows of the graph.
    ///   - encode: puts the codes of rows of the graph into planes, from row 0 on.
    private static func write(
        _ content: SegmentContent, heads: CodePlanes, to path: FilePath, files: FileLayer,
        encode: (ArraySlice<UInt32>, CodePlanes) throws -> Void
    ) throws {
        let (graph, layout) = (content.graph, content.code.layout)
        let order = graph.order[...]
        let idBytes = content.ids.allSatisfy { (0...Int64(UInt32.max)).contains($0) } ? 4 : 8
        let header = SegmentHeader(
            count: order.count, width: graph.links.width, metric: content.code.metric, layout: layout,
            fingerprint: content.fingerprint, hasAxes: content.code.axes != nil, idBytes: idBytes,
            entryCount: graph.entries.count)
        var places = [UInt32](repeating: 0, count: order.count)
        for (place, row) in order.enumerated() { places[Int(row)] = UInt32(place) }

        var output = try ChecksummedOutput(file: AtomicFile(path, files: files), header: header)
        try output.begin(.centre)
        try output.write(content.code.centre)
        try output.begin(.axes)
        if let axes = content.code.axes { try output.write(axes) }
        try output.begin(.head)
        try inBatches(order, size: 4096) { rows in
            let planes = CodePlanes(count: rows.count, layout: layout, headsOnly: true)
            planes.copy(rows, of: heads, at: 0)
            try output.write(planes.bytes(.head))
        }
        try output.begin(.rest)
        try inBatches(order, size: max(256, min(4096, (1 << 21) / layout.restBytes))) { rows in
            let planes = CodePlanes(count: rows.count, layout: layout)
            try encode(rows, planes)
            try output.write(planes.bytes(.rest))
        }
        try output.begin(.ids)
        try inBatches(order, size: 8192) { rows in
            try output.write(
                idBytes == 8
                    ? littleEndian(rows.map { content.ids[Int($0)] })
                    : littleEndian(rows.map { UInt32(truncatingIfNeeded: content.ids[Int($0)]) }))
        }
        try output.begin(.links)
        let linkBytes = header.linkBytes
        var list: [UInt32] = []
        try inBatches(order, size: 4096) { rows in
            var bytes: [UInt8] = []
            bytes.reserveCapacity(rows.count * header.width * linkBytes)
            for row in rows {
                graph.links.links(of: Int(row), into: &list)
                for place in 0..<header.width {
                    let link = place < list.count ? places[Int(list[place])] : LinkRows.none
                    for byte in 0..<linkBytes {
                        bytes.append(UInt8(truncatingIfNeeded: link >> UInt32(8 * byte)))
                    }
                }
            }
            try output.write(bytes)
        }
        try output.begin(.entries)
        try output.write(littleEndian(graph.entries.map { places[Int($0)] }))
        try output.finish()
    }

    private static func inBatches(
        _ rows: ArraySlice<UInt32>, size: Int, _ body: (ArraySlice<UInt32>) throws -> Void
    ) rethrows {
        for start in stride(from: 0, to: rows.count, by: size) {
            try body(rows.dropFirst(start).prefix(size))
        }
    }
}

extension SegmentWriter {
    /// Builds one segment of the vectors of several, without those that are dropped.
    ///
    /// If one segment contributes at least half of the vectors, its code and its graph are kept: links are repaired
    /// around, and the others are inserted. Otherwise the vectors are decoded and the segment is rebuilt.
    ///
    /// - Throws: `invalidRequest` where no vector is left or the segments are of different encoders; `invalidData` where
    ///   one is damaged; `cannotCreate`, `inputOutput`.
    package static func merge(
        _ segments: [Segment], dropping: (Int64) -> Bool, to path: FilePath,
        options: SegmentOptions = SegmentOptions(), threads: Int = Processor.count, files: FileLayer = .system
    ) throws {
        guard let first = segments.first,
            segments.allSatisfy({
                $0.fingerprint == first.fingerprint && $0.dimensions == first.dimensions
                    && $0.metric == first.metric
            })
        else { throw KindredError(.invalidRequest, "segments of different encoders cannot be merged") }
        var options = options
        options.metric = first.metric
        var live: [(segment: Segment, rows: [UInt32], ids: [Int64])] = []
        for segment in segments {
            let ids = try segment.ids()
            try segment.checkWalked()
            try segment.checkAll()
            let rows = (0..<UInt32(segment.count)).filter { !dropping(ids[Int($0)]) }
            live.append((segment, rows, rows.map { ids[Int($0)] }))
        }
        let total = live.reduce(0) { $0 + $1.rows.count }
        guard total > 0 else { throw KindredError(.invalidRequest, "no vector is left to merge") }
        let largest = live.max { $0.rows.count < $1.rows.count }!
        let others = live.filter { $0.segment !== largest.segment }
        if 2 * largest.rows.count >= total, largest.segment.header.width == 2 * options.m {
            return try extend(largest, by: others, to: path, options: options, threads: threads, files: files)
        }
        let source = SegmentVectors(live.map { ($0.segment, $0.rows) })
        try write(
            source, ids: live.flatMap(\.ids), fingerprint: first.fingerprint, to: path, options: options,
            threads: threads, files: files)
    }

    private static func extend(
        _ base: (segment: Segment, rows: [UInt32], ids: [Int64]),
        by others: [(segment: Segment, rows: [UInt32], ids: [Int64])], to path: FilePath,
        options: SegmentOptions,
        threads: Int, files: FileLayer
    ) throws {
        let code = base.segment.code
        let source = SegmentVectors(others.map { ($0.segment, $0.rows) })
        let count = base.rows.count + source.count
        let planes = CodePlanes(count: count, layout: code.layout)
        planes.copy(base.rows[...], of: base.segment.planes, at: 0)
        let added = (0..<UInt32(source.count)).map { $0 }
        try encode(source, added[...], code: code, threads: threads, into: planes, at: base.rows.count)
        var places = [UInt32?](repeating: nil, count: base.segment.count)
        for (place, row) in base.rows.enumerated() { places[Int(row)] = UInt32(place) }
        let graph = GraphBuilder.extend(
            base.segment.links, rows: places, entries: base.segment.entries.array(), planes: planes,
            extra: missingLengths(of: planes, code: code, threads: threads), segment: options,
            threads: threads)
        try write(
            SegmentContent(
                code: code, fingerprint: base.segment.fingerprint, ids: base.ids + others.flatMap(\.ids),
                graph: graph),
            heads: planes, to: path, files: files
        ) { rows, batch in batch.copy(rows, of: planes, at: 0) }
    }

    /// Rebuilds a segment's graph from its codes, which keep their bytes. For a file with damaged links, opened with
    /// `links: .ignore`.
    ///
    /// - Throws: `invalidData` where codes, ids, centre or axes are damaged: they cannot be rebuilt without the source.
    package static func rebuildLinks(
        of segment: Segment, options: SegmentOptions = SegmentOptions(), threads: Int = Processor.count,
        files: FileLayer = .system
    ) throws {
        try segment.checkAll()
        var options = options
        options.metric = segment.metric
        options.m = max(2, segment.header.width / 2)
        let ids = try segment.ids()
        let graph = GraphBuilder.build(
            planes: segment.planes,
            extra: missingLengths(of: segment.planes, code: segment.code, threads: threads),
            segment: options, threads: threads)
        try write(
            SegmentContent(code: segment.code, fingerprint: segment.fingerprint, ids: ids, graph: graph),
            heads: segment.planes, to: segment.path, files: files
        ) { rows, batch in batch.copy(rows, of: segment.planes, at: 0) }
    }
}

/// Decoded vectors of segments, those of the first one first.
private struct SegmentVectors: VectorSource {
    private let parts: [(segment: Segment, rows: [UInt32])]
    /// Where each part starts, and the end.
    private let starts: [Int]
    let dimensions: Int
    var count: Int { starts.last ?? 0 }

    init(_ parts: [(segment: Segment, rows: [UInt32])]) {
        self.parts = parts.filter { !$0.rows.isEmpty }
        starts = self.parts.reduce(into: [0]) { $0.append($0[$0.count - 1] + $1.rows.count) }
        dimensions = parts.first?.segment.dimensions ?? 1
    }

    func read(_ rows: [UInt32], into buffer: AlignedBuffer<Float>) throws {
        // The rows of one segment are rotated together, wherever they go.
        var places = Array(repeating: [(row: Int, place: Int)](), count: parts.count)
        for (place, row) in rows.enumerated() {
            let part = starts.lastIndex { $0 <= Int(row) }!
            places[part].append((Int(parts[part].rows[Int(row) - starts[part]]), place))
        }
        for (part, places) in zip(parts, places) where !places.isEmpty {
            try part.segment.check(places.lazy.map { UInt32($0.row) })
            let residuals = AlignedBuffer<Float>(repeating: 0, count: places.count * dimensions)
            for (index, place) in places.enumerated() {
                part.segment.planes.decode(place.row, into: residuals, at: index * dimensions)
            }
            let vectors = part.segment.code.vectors(residuals, count: places.count)
            if let bad = VectorRows.firstUnusable(vectors, count: places.count, dimensions: dimensions) {
                throw part.segment.damaged("the code of a vector is not finite", row: places[bad].row)
            }
            for (index, place) in places.enumerated() {
                buffer.copy(
                    vectors, from: index * dimensions..<(index + 1) * dimensions, at: place.place * dimensions
                )
            }
        }
    }
}

/// A segment file that is written front to back, with a checksum for each block after the header.
private struct ChecksummedOutput {
    private let file: AtomicFile
    private let header: SegmentHeader
    private var checksums: [UInt32] = []
    private var block = CRC32C()
    private var blockCount = 0

    init(file: AtomicFile, header: SegmentHeader) throws {
        self.file = file
        self.header = header
        try file.write(header.encoded())
    }

    /// Goes on to where the section starts.
    mutating func begin(_ section: SegmentHeader.Section) throws {
        let missing = header.offset(section) - file.count
        precondition(missing >= 0, "a section is larger than its place")
        if missing > 0 { try write([UInt8](repeating: 0, count: missing)) }
        if blockCount > 0 { closeBlock() }
    }

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

    /// The buffer's elements as they lie in memory.
    mutating func write(_ buffer: AlignedBuffer<Float>) throws {
        let piece = 1 << 16
        for start in stride(from: 0, to: buffer.count, by: piece) {
            try write(buffer.bytes(start..<min(start + piece, buffer.count)))
        }
    }

    mutating func finish() throws {
        try begin(.checksums)
        try file.write(littleEndian(checksums))
        try file.commit()
    }

    private mutating func closeBlock() {
        checksums.append(block.value)
        block = CRC32C()
        blockCount = 0
    }
}
