import CKindredKernels
import KindredSystem

/// A query as signed bytes, two for each dimension, arranged as the codes are; and what turns integer sums into
/// similarities. The memory is used again for the next query; owned by one searching thread.
///
/// With y the query in the order of the layout's groups and s a group's largest |y| / 16,256: y ≈ s (128 a + b), a and b
/// signed bytes. A walk uses one byte for each dimension of the head, of y times the weight of its group.
package final class CodedQuery {
    package let layout: CodeLayout
    /// What is added to every similarity.
    package private(set) var offset: Float = 0
    private(set) var constant = 0.0

    private let head: AlignedBuffer<Int8>
    /// Of each group: the bytes a, then the bytes b.
    private let bytes: [AlignedBuffer<Int8>]
    private var headScale: Float = 0
    private var headSum: Int32 = 0
    private var scales: [Double]
    private let places: [(group: Int, plane: CodeLayout.Plane, nibble: Int)]

    private static let largest: Float = 127 * 128

    package init(layout: CodeLayout) {
        self.layout = layout
        head = AlignedBuffer(repeating: 0, count: layout.headBlocks * CodeLayout.dimensionsPerBlock)
        bytes = layout.groups.map {
            AlignedBuffer(repeating: 0, count: 2 * $0.blocks * CodeLayout.dimensionsPerBlock)
        }
        scales = Array(repeating: 0, count: layout.groups.count)
        places = layout.groups.indices.flatMap { group in
            layout.planes(ofGroup: group).map { (group, $0.plane, $0.nibble) }
        }
    }

    /// Takes a query.
    ///
    /// - Parameters:
    ///   - vector: the layout's dimensions of floats from `start` on, in the order of its groups; all finite.
    ///   - offset: its similarity to the vector that codes of 0 stand for.
    package func set(_ vector: AlignedBuffer<Float>, at start: Int, offset: Float) {
        self.offset = offset
        constant = 0
        setHead(vector.pointer(start..<start + layout.dimensions))
        var values = UnsafePointer(vector.pointer(start..<start + layout.dimensions))
        for (index, group) in layout.groups.enumerated() {
            var largest: Float = 0
            for dimension in 0..<group.dimensions { largest = max(largest, abs(values[dimension])) }
            let inverse = largest > 1e-30 ? Self.largest / largest : 0
            let scale = Double(largest > 1e-30 ? largest / Self.largest : 0)
            let half = bytes[index].count / 2
            let (high, low) = (bytes[index].base, bytes[index].base + half)
            var sum = 0
            Self.forEachHalf(of: group) { first, count, place in
                var part: Int32 = 0
                for within in 0..<count {
                    let value = Self.nearest(values[first + within] * inverse)
                    let a = (value &+ 64) >> 7
                    high[place + within] = Int8(truncatingIfNeeded: a)
                    low[place + within] = Int8(truncatingIfNeeded: value &- a << 7)
                    part &+= value
                }
                sum += Int(part)
            }
            scales[index] = scale
            constant += Double(group.unit) * scale * group.centre * Double(sum)
            values += group.dimensions
        }
    }

    /// The dimensions of a group whose bytes lie one after the other: the first of them, how many, the first's byte.
    @inline(__always)
    private static func forEachHalf(of group: CodeLayout.Group, _ body: (Int, Int, Int) -> Void) {
        for block in stride(from: 0, to: group.dimensions, by: CodeLayout.dimensionsPerBlock) {
            let left = min(group.dimensions - block, CodeLayout.dimensionsPerBlock)
            let split = (left + 1) / 2
            body(block, split, block)
            body(block + split, left - split, block + CodeLayout.bytesPerBlock)
        }
    }

    /// The nearest whole number, below 2^22. Adding 1.5 * 2^23 leaves it in the last bits; a conversion that checks its
    /// range would be done one at a time.
    @inline(__always)
    private static func nearest(_ value: Float) -> Int32 {
        Int32(bitPattern: (value + 0x1.8p23).bitPattern) &- 0x4B40_0000
    }

    /// Rounds the head's dimensions, each times its group's weight, to bytes of one scale.
    private func setHead(_ vector: UnsafeMutablePointer<Float>) {
        var largest: Float = 0
        var values = vector
        for index in 0..<layout.headGroups {
            let weight = layout.headWeight(index)
            for dimension in 0..<layout.groups[index].dimensions {
                largest = max(largest, abs(values[dimension]) * weight)
            }
            values += layout.groups[index].dimensions
        }
        let inverse = largest > 1e-30 ? 127 / largest : 0
        headScale = largest > 1e-30 ? largest / 127 : 0
        headSum = 0
        values = vector
        for index in 0..<layout.headGroups {
            let (group, scale) = (layout.groups[index], layout.headWeight(index) * inverse)
            let bytes = head.base + layout.headStart(index) * CodeLayout.dimensionsPerBlock
            var sum: Int32 = 0
            Self.forEachHalf(of: group) { first, count, place in
                for within in 0..<count {
                    let value = Self.nearest(values[first + within] * scale)
                    bytes[place + within] = Int8(truncatingIfNeeded: value)
                    sum &+= value
                }
            }
            headSum += sum
            values += group.dimensions
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
            let bytes = head.base + start * CodeLayout.dimensionsPerBlock
            let unpacked = UnsafeMutableRawPointer(bytes).assumingMemoryBound(to: UInt8.self)
            kindred_unpack_head(
                unpacked, planes.head + row * layout.headBytes + start * CodeLayout.bytesPerBlock,
                group.blocks,
                group.dimensions, Int32((64 * min(1, weight * weight)).rounded()))
            for place in 0..<group.blocks * CodeLayout.dimensionsPerBlock {
                let value = 2 * (Int32(unpacked[place]) - 60)
                bytes[place] = Int8(truncatingIfNeeded: value)
                headSum += value
            }
        }
    }

    /// The query as a walk takes it.
    var graphQuery: kindred_graph_query {
        kindred_graph_query(bytes: head.base, scale: headScale, offset: offset, sum: headSum)
    }

    func withRuns(
        head: UnsafePointer<UInt8>, rest: UnsafePointer<UInt8>,
        _ body: (UnsafeBufferPointer<kindred_code_run>) -> Void
    ) {
        withUnsafeTemporaryAllocation(of: kindred_code_run.self, capacity: places.count) { runs in
            for (index, place) in places.enumerated() {
                let group = layout.groups[place.group]
                let buffer = bytes[place.group]
                let weight =
                    Double(group.unit) * scales[place.group] * Double(1 << (4 * place.nibble))
                let (plane, stride) =
                    switch place.plane {
                    case .head(let offset): (head + offset, layout.headBytes)
                    case .rest(let offset): (rest + offset, layout.restBytes)
                    }
                runs.initializeElement(
                    at: index,
                    to: kindred_code_run(
                        plane: plane, stride: stride, blocks: group.blocks, high: buffer.base,
                        low: buffer.base + buffer.count / 2, weight: weight))
            }
            body(UnsafeBufferPointer(runs))
        }
    }
}
