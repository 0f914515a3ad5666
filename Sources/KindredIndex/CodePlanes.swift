import CKindredKernels
import KindredSystem

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Coded vectors in memory or in a mapped file: rows of heads, which a walk over a graph reads, and rows of the rest.
/// `kindred_codes.h` has the bytes.
package final class CodePlanes: @unchecked Sendable {
    package let count: Int
    package let layout: CodeLayout

    let head: UnsafePointer<UInt8>
    /// Nil for planes of heads alone.
    let rest: UnsafePointer<UInt8>?
    /// Whoever owns the memory.
    private let owners: [AnyObject]
    private let own: (head: AlignedBuffer<UInt8>, rest: AlignedBuffer<UInt8>?)?

    /// Whole blocks are read also where a run of codes ends within one.
    package static let readableBeyond = CodeLayout.bytesPerBlock

    /// Rows of zeros in memory, to be filled by `encode`.
    package init(count: Int, layout: CodeLayout, headsOnly: Bool = false) {
        precondition(count >= 0)
        self.count = count
        self.layout = layout
        let head = AlignedBuffer<UInt8>(repeating: 0, count: count * layout.headBytes)
        let rest =
            headsOnly
            ? nil : AlignedBuffer<UInt8>(repeating: 0, count: count * layout.restBytes + Self.readableBeyond)
        self.head = UnsafePointer(head.base)
        self.rest = rest.map { UnsafePointer($0.base) }
        own = (head, rest)
        owners = []
    }

    /// Rows in a file, at byte offsets that the caller took from a checked header: `readableBeyond` more bytes follow the
    /// rest.
    ///
    /// - Parameter resident: copy the rows into memory, in huge pages where the system has them.
    package init(
        file: MappedFile, head headStart: Int, rest restStart: Int, count: Int, layout: CodeLayout,
        resident: Bool
    ) {
        precondition(count > 0)
        self.count = count
        self.layout = layout
        let heads = headStart..<headStart + count * layout.headBytes
        let rests = restStart..<restStart + count * layout.restBytes + Self.readableBeyond
        if resident {
            let copies = [heads, rests].map { file.buffer(UInt8.self, $0, repeating: 0) }
            head = UnsafePointer(copies[0].base)
            rest = UnsafePointer(copies[1].base)
            owners = copies
        } else {
            head = file.pointer(heads)!.assumingMemoryBound(to: UInt8.self)
            rest = file.pointer(rests)!.assumingMemoryBound(to: UInt8.self)
            owners = [file]
        }
        own = nil
    }

    // MARK: Writing

    /// Codes vectors into rows from `row` on; different threads may code different rows.
    ///
    /// - Parameters:
    ///   - vectors: `count` rows of the layout's dimensions, residuals in the order of its groups; all finite.
    ///   - bias: an element for each where the layout has one.
    package func encode(
        _ vectors: AlignedBuffer<Float>, count: Int, bias: AlignedBuffer<Float>? = nil, at row: Int
    ) {
        guard let own else { preconditionFailure("planes of a file are read-only") }
        precondition(row >= 0 && count >= 0 && row + count <= self.count)
        precondition(layout.hasBias == (bias != nil))
        var kernelLayout = layout.kernelLayout
        let work = AlignedBuffer<UInt16>(repeating: 0, count: layout.dimensions)
        let spare =
            own.rest == nil ? AlignedBuffer<UInt8>(repeating: 0, count: count * layout.restBytes) : nil
        let restStart = own.rest.map { $0.base + row * layout.restBytes } ?? spare!.base
        kindred_encode(
            own.head.base + row * layout.headBytes, restStart,
            vectors.pointer(0..<count * layout.dimensions), bias.map { UnsafePointer($0.pointer(0..<count)) },
            count,
            &kernelLayout, work.base)
    }

    /// Copies rows of `source`, which has the same layout, into rows from `row` on.
    package func copy(_ rows: ArraySlice<UInt32>, of source: CodePlanes, at row: Int) {
        guard let own else { preconditionFailure("planes of a file are read-only") }
        precondition(source.layout == layout && row >= 0 && row + rows.count <= count)
        for (index, from) in rows.enumerated() {
            precondition(Int(from) < source.count)
            (own.head.base + (row + index) * layout.headBytes)
                .update(from: source.head + Int(from) * layout.headBytes, count: layout.headBytes)
            if let rest = own.rest, let other = source.rest {
                (rest.base + (row + index) * layout.restBytes)
                    .update(from: other + Int(from) * layout.restBytes, count: layout.restBytes)
            }
        }
    }

    // MARK: Reading

    /// Puts the vector that a row's codes stand for, in the order of the groups, into a buffer from `start` on.
    package func decode(_ row: Int, into buffer: AlignedBuffer<Float>, at start: Int) {
        precondition(row >= 0 && row < count)
        guard let rest else { preconditionFailure("heads alone cannot be decoded") }
        var kernelLayout = layout.kernelLayout
        kindred_decode(
            buffer.pointer(start..<start + layout.dimensions), head + row * layout.headBytes,
            rest + row * layout.restBytes, &kernelLayout)
    }

    package enum Part { case head, rest }

    /// A copy of the bytes of all rows' heads or rests; only for planes in memory.
    package func bytes(_ part: Part) -> [UInt8] {
        guard let own else { preconditionFailure("planes of a file are written already") }
        switch part {
        case .head: return own.head.bytes(0..<count * layout.headBytes)
        case .rest: return own.rest.map { $0.bytes(0..<count * layout.restBytes) } ?? []
        }
    }

    /// The factors of a row, and its bias where it has one.
    package func factors(_ row: Int) -> [Float] {
        precondition(row >= 0 && row < count)
        let end = UnsafeRawPointer(head + (row + 1) * layout.headBytes)
        var values = [end.loadUnaligned(fromByteOffset: -4, as: Float.self)]
        if layout.hasBias { values.append(end.loadUnaligned(fromByteOffset: -8, as: Float.self)) }
        if let rest {
            values.append(
                UnsafeRawPointer(rest + (row + 1) * layout.restBytes).loadUnaligned(
                    fromByteOffset: -4, as: Float.self))
        }
        return values
    }

    /// A number that rows with equal heads share.
    package func headHash(_ row: Int) -> UInt64 {
        precondition(row >= 0 && row < count)
        let start = UnsafeRawPointer(head + row * layout.headBytes)
        var hash: UInt64 = 0x9E37_79B9_7F4A_7C15
        for offset in stride(from: 0, to: layout.headBytes, by: 8) {
            hash =
                (hash ^ start.loadUnaligned(fromByteOffset: offset, as: UInt64.self)) &* 0xBF58_476D_1CE4_E5B9
            hash ^= hash >> 29
        }
        return hash
    }

    package func haveEqualHeads(_ a: Int, _ b: Int) -> Bool {
        precondition(a >= 0 && a < count && b >= 0 && b < count)
        let bytes = layout.headBytes
        return memcmp(head + a * bytes, head + b * bytes, bytes) == 0
    }

    /// The rows' heads as the kernels of a build take them.
    func heads(extra: AlignedBuffer<Float>?) -> kindred_heads {
        precondition(extra.map { $0.count == count } ?? true)
        func value<Number: BinaryInteger>(_ index: Int, _ of: (Int) -> Number) -> Number {
            index < layout.headGroups ? of(index) : 0
        }
        func weight(_ group: Int) -> Int32 { Int32((64 * min(1, layout.headWeight(group))).rounded()) }
        return kindred_heads(
            plane: head, blocks: layout.headBlocks, group_count: Int32(layout.headGroups),
            dimensions: (
                value(0) { layout.groups[$0].dimensions }, value(1) { layout.groups[$0].dimensions }
            ),
            weights: (value(0, weight), value(1, weight)), extra: extra.map { UnsafePointer($0.base) })
    }

    /// Similarities of the query to rows, by all their bits.
    ///
    /// - Parameter scores: gets one for each row of `range`, from 0 on.
    package func rescore(
        _ query: CodedQuery, _ rows: AlignedBuffer<UInt32>, _ range: Range<Int>,
        into scores: AlignedBuffer<Float>
    ) {
        guard let rest else { preconditionFailure("heads alone cannot be rescored") }
        precondition(range.count <= scores.count && query.layout == layout)
        for index in range { precondition(rows[index] < UInt32(self.count), "row out of range") }
        query.withRuns(head: head, rest: rest) { runs in
            kindred_rescore(
                scores.base, runs.baseAddress, runs.count, query.constant, query.offset,
                rest + layout.restBytes - 4, layout.restBytes,
                layout.hasBias ? head + layout.headBytes - 8 : nil, layout.headBytes, rows.pointer(range),
                range.count)
        }
    }
}
