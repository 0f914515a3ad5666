import KindredSystem
import Synchronization

/// Checks blocks of a segment against their checksums, each when it is needed for the first time, so that opening is
/// quick and no answer comes from damaged bytes.
final class BlockChecks: Sendable {
    private let file: MappedFile
    private let checksums: Int
    private let checked: Mutex<[Bool]>

    init(file: MappedFile, header: SegmentHeader) {
        self.file = file
        checksums = header.offset(.checksums)
        checked = Mutex(Array(repeating: false, count: SegmentHeader.blocks(before: checksums)))
    }

    /// Checks the blocks that hold `ranges`.
    /// - Throws: `invalidData` with the byte where a damaged block starts.
    func check(_ ranges: some Sequence<Range<Int>>) throws {
        try checked.withLock { checked in
            for range in ranges where !range.isEmpty {
                let first = (range.lowerBound - SegmentHeader.size) / SegmentHeader.blockSize
                let last = (range.upperBound - 1 - SegmentHeader.size) / SegmentHeader.blockSize
                for block in first...last where !checked[block] {
                    try check(block)
                    checked[block] = true
                }
            }
        }
    }

    private func check(_ block: Int) throws {
        let start = SegmentHeader.size + block * SegmentHeader.blockSize
        let end = min(start + SegmentHeader.blockSize, checksums)
        var checksum = CRC32C()
        checksum.update(file, start..<end)
        guard checksum.value == file.load(UInt32.self, at: checksums + 4 * block).littleEndian else {
            throw KindredError(
                .invalidData, "a block's checksum is wrong: the file is damaged; recreate the index from its source",
                at: .init(path: file.path.string, byte: start))
        }
    }
}
