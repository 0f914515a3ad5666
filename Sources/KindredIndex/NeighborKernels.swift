import CKindredKernels
import KindredSystem

/// Nearest rows among heads, and the choice among them (`kindred_neighbors.h`), with the memory it needs; owned by one
/// thread of a build.
package final class NeighborKernels: @unchecked Sendable {
    let planes: CodePlanes
    let extra: AlignedBuffer<Float>?
    var work: AlignedBuffer<UInt8>
    let kept: AlignedBuffer<UInt32>

    package static let maximumCandidates = Int(KINDRED_MOST_CANDIDATES)
    package static let maximumNearestLeaders = 16
    package static let none: UInt32 = 0xFFFF_FFFF

    /// - Parameter extra: one more coordinate of each row.
    package init(planes: CodePlanes, extra: AlignedBuffer<Float>?) {
        self.planes = planes
        self.extra = extra
        work = AlignedBuffer(repeating: 0, count: 1)
        kept = AlignedBuffer(repeating: 0, count: Self.maximumCandidates)
    }

    /// Gives back the memory of the work so far.
    package func release() { work = AlignedBuffer(repeating: 0, count: 1) }

    func check(_ rows: [UInt32]) {
        precondition(rows.allSatisfy { Int($0) < planes.count }, "row out of range")
    }
}

/// The nearest candidates of every row that were seen so far.
package final class CandidateLists: @unchecked Sendable {
    package let count: Int
    package let capacity: Int
    var rows: AlignedBuffer<UInt32>
    var distances: AlignedBuffer<UInt16>

    package init(count: Int, capacity: Int) {
        self.count = count
        self.capacity = capacity
        rows = AlignedBuffer(repeating: NeighborKernels.none, count: count * capacity)
        distances = AlignedBuffer(repeating: 0, count: count * capacity)
    }

    /// Gives back what only `merge` needs; nothing is taken in afterwards.
    package func close() { distances = AlignedBuffer(repeating: 0, count: 0) }

    /// Gives back all memory.
    package func drop() { rows = AlignedBuffer(repeating: 0, count: 0) }

    /// The candidates of a row, nearest first.
    package func candidates(of row: Int) -> [UInt32] {
        let all = rows.array(row * capacity..<(row + 1) * capacity)
        return Array(all.prefix { $0 != NeighborKernels.none })
    }
}
