import CKindredKernels
import KindredSystem

extension CodedQuery {
    /// Takes a query.
    ///
    /// - Parameters:
    ///   - vector: the layout's dimensions of floats from `start` on, in the order of its groups; all finite.
    ///   - offset: its similarity to the vector that codes of 0 stand for.
    package func set(_ vector: AlignedBuffer<Float>, at start: Int, offset: Float) {
        self.offset = offset
        constant = 0
        unsafe setHead(vector.pointer(start..<start + layout.dimensions))
        var values = unsafe UnsafePointer(vector.pointer(start..<start + layout.dimensions))
        for (index, group) in layout.groups.enumerated() {
            var largest: Float = 0
            for dimension in 0..<group.dimensions { largest = unsafe max(largest, abs(values[dimension])) }
            let inverse = largest > 1e-30 ? Self.largest / largest : 0
            let scale = Double(largest > 1e-30 ? largest / Self.largest : 0)
            let half = bytes[index].count / 2
            let (high, low) = unsafe (bytes[index].base, bytes[index].base + half)
            var sum = 0
            Self.forEachHalf(of: group) { first, count, place in
                var part: Int32 = 0
                for within in 0..<count {
                    let value = unsafe Self.nearest(values[first + within] * inverse)
                    let a = (value &+ 64) >> 7
                    unsafe high[place + within] = Int8(truncatingIfNeeded: a)
                    unsafe low[place + within] = Int8(truncatingIfNeeded: value &- a << 7)
                    part &+= value
                }
                sum += Int(part)
            }
            scales[index] = scale
            constant += Double(group.unit) * scale * group.centre * Double(sum)
            unsafe values += group.dimensions
        }
    }

    /// Rounds the head's dimensions, each times its group's weight, to bytes of one scale.
    private func setHead(_ vector: UnsafeMutablePointer<Float>) {
        var largest: Float = 0
        var values = unsafe vector
        for index in 0..<layout.headGroups {
            let weight = layout.headWeight(index)
            for dimension in 0..<layout.groups[index].dimensions {
                largest = unsafe max(largest, abs(values[dimension]) * weight)
            }
            unsafe values += layout.groups[index].dimensions
        }
        let inverse = largest > 1e-30 ? 127 / largest : 0
        headScale = largest > 1e-30 ? largest / 127 : 0
        headSum = 0
        unsafe values = unsafe vector
        for index in 0..<layout.headGroups {
            let (group, scale) = (layout.groups[index], layout.headWeight(index) * inverse)
            let bytes = unsafe head.base + layout.headStart(index) * CodeLayout.dimensionsPerBlock
            var sum: Int32 = 0
            Self.forEachHalf(of: group) { first, count, place in
                for within in 0..<count {
                    let value = unsafe Self.nearest(values[first + within] * scale)
                    unsafe bytes[place + within] = Int8(truncatingIfNeeded: value)
                    sum &+= value
                }
            }
            headSum += sum
            unsafe values += group.dimensions
        }
    }

    /// Takes the head of a coded row as the query: the similarity of a walk is then the inner product of heads.
    package func set(head row: Int, of planes: CodePlanes) {
        precondition(row >= 0 && row < planes.count && planes.layout == layout)
        offset = 0
        constant = 0
        // Where a number is added to each similarity, products must have its measure; otherwise any scale will do.
        headScale = layout.hasBias ? planes.factors(row)[0] : 1
        headSum = 0
        for index in 0..<layout.headGroups {
            let (group, start) = (layout.groups[index], layout.headStart(index))
            let weight = layout.headWeight(index)
            let bytes = unsafe head.base + start * CodeLayout.dimensionsPerBlock
            let unpacked = unsafe UnsafeMutableRawPointer(bytes).assumingMemoryBound(to: UInt8.self)
            unsafe kindred_unpack_head(
                unpacked, planes.head.start + row * layout.headBytes + start * CodeLayout.bytesPerBlock,
                group.blocks,
                group.dimensions, Int32((64 * min(1, weight * weight)).rounded()))
            for place in 0..<group.blocks * CodeLayout.dimensionsPerBlock {
                let value = unsafe 2 * (Int32(unpacked[place]) - 60)
                unsafe bytes[place] = Int8(truncatingIfNeeded: value)
                headSum += value
            }
        }
    }

    /// The query as a walk takes it.
    var graphQuery: kindred_graph_query {
        unsafe kindred_graph_query(bytes: head.base, scale: headScale, offset: offset, sum: headSum)
    }

    func withRuns(
        head: UnsafePointer<UInt8>, rest: UnsafePointer<UInt8>,
        _ body: (UnsafeBufferPointer<kindred_code_run>) -> Void
    ) {
        unsafe withUnsafeTemporaryAllocation(of: kindred_code_run.self, capacity: places.count) { runs in
            for (index, place) in places.enumerated() {
                let group = layout.groups[place.group]
                let buffer = bytes[place.group]
                let weight =
                    Double(group.unit) * scales[place.group] * Double(1 << (4 * place.nibble))
                let (plane, stride) =
                    switch place.plane {
                    case .head(let offset): unsafe (head + offset, layout.headBytes)
                    case .rest(let offset): unsafe (rest + offset, layout.restBytes)
                    }
                unsafe runs.initializeElement(
                    at: index,
                    to: kindred_code_run(
                        plane: plane, stride: stride, blocks: group.blocks, high: buffer.base,
                        low: buffer.base + buffer.count / 2, weight: weight))
            }
            unsafe body(UnsafeBufferPointer(runs))
        }
    }
}
