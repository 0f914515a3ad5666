import KindredSystem

/// A query as signed bytes, two for each dimension, arranged as the codes are; and what turns integer sums into
/// similarities. The memory is used again for the next query; owned by one searching thread.
///
/// With y the query in the order of the layout's groups and s a group's largest |y| / 16,256: y ≈ s (128 a + b), a and b
/// signed bytes. A walk uses one byte for each dimension of the head, of y times the weight of its group.
package final class CodedQuery {
    package let layout: CodeLayout
    /// What is added to every similarity.
    package internal(set) var offset: Float = 0
    var constant = 0.0

    let head: AlignedBuffer<Int8>
    /// Of each group: the bytes a, then the bytes b.
    let bytes: [AlignedBuffer<Int8>]
    var headScale: Float = 0
    var headSum: Int32 = 0
    var scales: [Double]
    let places: [(group: Int, plane: CodeLayout.Plane, nibble: Int)]

    static let largest: Float = 127 * 128

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

    /// The dimensions of a group whose bytes lie one after the other: the first of them, how many, the first's byte.
    @inline(__always)
    static func forEachHalf(of group: CodeLayout.Group, _ body: (Int, Int, Int) -> Void) {
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
    static func nearest(_ value: Float) -> Int32 {
        Int32(bitPattern: (value + 0x1.8p23).bitPattern) &- 0x4B40_0000
    }
}
