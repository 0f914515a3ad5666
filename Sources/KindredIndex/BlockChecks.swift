import KindredSystem
import Synchronization

/// Checks blocks of a segment against their checksums, each when it is needed for the first time, so that opening is
/// quick and no answer comes from damaged bytes.
final class BlockChecks: Sendable {
    private let file: MappedFile
    private let header: SegmentHeader
    private let checked: Mutex<[Bool]>
    /// The number of each section's first block.
    private let firsts: [Int]
    /// Blocks that are not checked yet.
    private let left: Atomic<Int>

    init(file: MappedFile, header: SegmentHeader) {
        self.file = file
        self.header = header
        firsts = SegmentHeader.Section.allCases.map(header.firstBlock)
        checked = Mutex(Array(repeating: false, count: header.firstBlock(.checksums)))
        left = Atomic(header.firstBlock(.checksums))
    }

    /// Checks all of some sections.
    /// - Throws: `invalidData` with the byte where a damaged block starts.
    func check(_ sections: [SegmentHeader.Section]) throws {
        try checked.withLock { checked in
            for section in sections {
                let first = firsts[section.rawValue]
                for block in 0..<header.blockCount(section) where !checked[first + block] {
                    try check(section, block, &checked)
                }
            }
        }
    }

    /// Checks the blocks of a section that hold rows of `stride` bytes.
    /// - Throws: `invalidData` with the byte where a damaged block starts.
    func check(_ section: SegmentHeader.Section, rows: some Sequence<UInt32>, stride: Int) throws {
        guard left.load(ordering: .relaxed) > 0 else { return }
        let first = firsts[section.rawValue]
        try checked.withLock { checked in
            for row in rows {
                let start = Int(row) * stride
                for block in start / SegmentHeader.blockSize...(start + stride - 1) / SegmentHeader.blockSize
                where !checked[first + block] {
                    try check(section, block, &checked)
                }
            }
        }
    }

    private func check(_ section: SegmentHeader.Section, _ block: Int, _ checked: inout [Bool]) throws {
        let start = header.offset(section) + block * SegmentHeader.blockSize
        let end = min(start + SegmentHeader.blockSize, header.offsets[section.rawValue + 1])
        var checksum = CRC32C()
        checksum.update(file, start..<end)
        let place = header.offset(.checksums) + 4 * (firsts[section.rawValue] + block)
        guard checksum.value == file.load(UInt32.self, at: place).littleEndian else {
            throw KindredError(
                .invalidData,
                "a block's checksum is wrong: the file is damaged; recreate the index from its source",
                at: .init(path: file.path.string, byte: start))
        }
        checked[firsts[section.rawValue] + block] = true
        left.subtract(1, ordering: .relaxed)
    }
}
