import CKindredKernels
import KindredSystem

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

extension CodePlanes {
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
        let restStart = unsafe own.rest.map { unsafe $0.base + row * layout.restBytes } ?? spare!.base
        unsafe kindred_encode(
            own.head.base + row * layout.headBytes, restStart,
            vectors.pointer(0..<count * layout.dimensions),
            bias.map { unsafe UnsafePointer($0.pointer(0..<count)) },
            count,
            &kernelLayout, unsafe work.base)
    }

    /// Copies rows of `source`, which has the same layout, into rows from `row` on.
    package func copy(_ rows: ArraySlice<UInt32>, of source: CodePlanes, at row: Int) {
        guard let own else { preconditionFailure("planes of a file are read-only") }
        precondition(source.layout == layout && row >= 0 && row + rows.count <= count)
        for (index, from) in rows.enumerated() {
            precondition(Int(from) < source.count)
            unsafe (own.head.base + (row + index) * layout.headBytes)
                .update(from: source.head.start + Int(from) * layout.headBytes, count: layout.headBytes)
            if let rest = own.rest, let other = unsafe source.rest?.start {
                unsafe (rest.base + (row + index) * layout.restBytes)
                    .update(from: other + Int(from) * layout.restBytes, count: layout.restBytes)
            }
        }
    }

    // MARK: Reading

    /// Puts the vector that a row's codes stand for, in the order of the groups, into a buffer from `start` on.
    package func decode(_ row: Int, into buffer: AlignedBuffer<Float>, at start: Int) {
        precondition(row >= 0 && row < count)
        guard let rest = unsafe rest?.start else { preconditionFailure("heads alone cannot be decoded") }
        var kernelLayout = layout.kernelLayout
        unsafe kindred_decode(
            buffer.pointer(start..<start + layout.dimensions), head.start + row * layout.headBytes,
            rest + row * layout.restBytes, &kernelLayout)
    }

    /// The factors of a row, and its bias where it has one.
    package func factors(_ row: Int) -> [Float] {
        precondition(row >= 0 && row < count)
        let end = unsafe UnsafeRawPointer(head.start + (row + 1) * layout.headBytes)
        var values = unsafe [end.loadUnaligned(fromByteOffset: -4, as: Float.self)]
        if layout.hasBias { unsafe values.append(end.loadUnaligned(fromByteOffset: -8, as: Float.self)) }
        if let rest = unsafe rest?.start {
            unsafe values.append(
                UnsafeRawPointer(rest + (row + 1) * layout.restBytes).loadUnaligned(
                    fromByteOffset: -4, as: Float.self))
        }
        return values
    }

    /// A number that rows with equal heads share.
    package func headHash(_ row: Int) -> UInt64 {
        precondition(row >= 0 && row < count)
        let start = unsafe UnsafeRawPointer(head.start + row * layout.headBytes)
        var hash: UInt64 = 0x9E37_79B9_7F4A_7C15
        for offset in stride(from: 0, to: layout.headBytes, by: 8) {
            hash =
                unsafe (hash ^ start.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
                &* 0xBF58_476D_1CE4_E5B9
            hash ^= hash >> 29
        }
        return hash
    }

    package func haveEqualHeads(_ a: Int, _ b: Int) -> Bool {
        precondition(a >= 0 && a < count && b >= 0 && b < count)
        let bytes = layout.headBytes
        return unsafe memcmp(head.start + a * bytes, head.start + b * bytes, bytes) == 0
    }

    /// The rows' heads as the kernels of a build take them.
    func heads(extra: AlignedBuffer<Float>?) -> kindred_heads {
        precondition(extra.map { $0.count == count } ?? true)
        func value<Number: BinaryInteger>(_ index: Int, _ of: (Int) -> Number) -> Number {
            index < layout.headGroups ? of(index) : 0
        }
        func weight(_ group: Int) -> Int32 { Int32((64 * min(1, layout.headWeight(group))).rounded()) }
        return unsafe kindred_heads(
            plane: head.start, blocks: layout.headBlocks, group_count: Int32(layout.headGroups),
            dimensions: (
                value(0) { layout.groups[$0].dimensions }, value(1) { layout.groups[$0].dimensions }
            ),
            weights: (value(0, weight), value(1, weight)),
            extra: unsafe extra.map { unsafe UnsafePointer($0.base) })
    }

    /// Similarities of the query to rows, by all their bits.
    ///
    /// - Parameter scores: gets one for each row of `range`, from 0 on.
    package func rescore(
        _ query: CodedQuery, _ rows: AlignedBuffer<UInt32>, _ range: Range<Int>,
        into scores: AlignedBuffer<Float>
    ) {
        guard let rest = unsafe rest?.start else { preconditionFailure("heads alone cannot be rescored") }
        precondition(range.count <= scores.count && query.layout == layout)
        for index in range { precondition(rows[index] < UInt32(self.count), "row out of range") }
        unsafe query.withRuns(head: head.start, rest: rest) { runs in
            unsafe kindred_rescore(
                scores.base, runs.baseAddress, runs.count, query.constant, query.offset,
                rest + layout.restBytes - 4, layout.restBytes,
                layout.hasBias ? head.start + layout.headBytes - 8 : nil, layout.headBytes,
                rows.pointer(range),
                range.count)
        }
    }
}
