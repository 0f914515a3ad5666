import KindredSystem
import KindredTestSupport
import Testing

@testable import KindredIndex

struct PartitionTests {
    @Test(arguments: [1, 1 << 20])
    func `every row lies in leaves of at most the largest size and once in the order`(mostLeaders: Int) {
        var generator = SeededGenerator(seed: 3)
        let (count, dimensions) = (3000, 20)
        let layout = CodeLayout(groups: [.init(dimensions: dimensions, nibbles: 2, unit: 1)], hasBias: false)
        let planes = CodePlanes(count: count, layout: layout, headsOnly: true)
        planes.encode(
            AlignedBuffer<Float>(
                (0..<count * dimensions).map { _ in Float.random(in: -1...1, using: &generator) }),
            count: count, at: 0)
        // Not every row takes part, as with equal ones.
        let rows = (0..<UInt32(count)).filter { $0 % 7 != 0 }
        var options = Partition.Options()
        (options.leafSize, options.groupSize, options.overlap) = (50, 300, 6)
        (options.mostLeaders, options.overlaps) = (mostLeaders, [3, 2])
        func partition(threads: Int) -> Partition {
            let kernels = (0..<8).map { _ in NeighborKernels(planes: planes, extra: nil) }
            return Partition(rows, kernels: kernels, options: options, seed: 5, threads: threads)
        }
        let one = partition(threads: 1)
        let two = partition(threads: 2)
        let leaves = (0..<one.count).map { one[$0] }
        #expect(leaves == (0..<two.count).map { two[$0] })
        #expect(one.order == two.order)
        #expect(one.order.sorted() == rows)
        #expect(Set(leaves.joined()) == Set(rows))
        #expect(leaves.allSatisfy { $0 == $0.sorted() && Set($0).count == $0.count })
        #expect(leaves.allSatisfy { (2...80).contains($0.count) } && one.largest <= 80)
        // Leaves overlap.
        #expect(leaves.reduce(0) { $0 + $1.count } > 3 * rows.count)
    }
}
