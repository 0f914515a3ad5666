import KindredSystem
import SystemPackage

/// A segment file, `NNNNNN.hnsw`. Numbers are little-endian. The header is 4,096 bytes:
///
/// | OFFSET | SIZE | MEANING |
/// |---|---|---|
/// | 0 | 8 | "KINDREDV" |
/// | 8 | 4 | format version, 1 |
/// | 12 | 4 | 0x01020304 as its writer's machine has it: the endianness mark |
/// | 16 | 8 | vectors, n |
/// | 24 | 4 | dimensions, d |
/// | 28 | 4 | M |
/// | 32 | 4 | entry node |
/// | 36 | 4 | top level |
/// | 40 | 32 | fingerprint of the encoder (SHA-256) |
/// | 72 | 8 × 9 | byte offsets of the sections below, in their order, and the file's size |
/// | 4092 | 4 | CRC-32C of bytes 0..<4092 |
///
/// Sections start on multiples of 4,096 bytes:
///
/// | section | content |
/// |---|---|
/// | centre | d floats |
/// | high | n rows of ⌈d / 128⌉ · 64 bytes: high nibbles (`kindred_codes.h`) |
/// | low | the same for the low nibbles |
/// | factors | n pairs of floats: f4, f8 (`VectorCode`) |
/// | ids | n 64-bit ids |
/// | links | n rows of 1 + 2 M 32-bit numbers: how many, and the neighbours on level 0 |
/// | upper | for each level 1...top: how many nodes, the nodes in rising order, then a row of 1 + M numbers for each |
/// | checksums | CRC-32C of each 65,536 bytes from 4,096 to here, the last one shorter |
struct SegmentHeader {
    static let magic = Array("KINDREDV".utf8)
    static let version: UInt32 = 1
    static let mark: UInt32 = 0x0102_0304
    static let size = 4096
    static let blockSize = 65_536
    static let maximumVectors = Int(UInt32.max) / 2
    static let maximumM = 256

    enum Section: Int, CaseIterable { case centre, high, low, factors, ids, links, upper, checksums }

    var count: Int
    var dimensions: Int
    var m: Int
    var entry: UInt32
    var top: Int
    var fingerprint: [UInt8]
    /// Where each section starts, and the end of the file.
    var offsets: [Int]

    func offset(_ section: Section) -> Int { offsets[section.rawValue] }

    /// The bytes that a section's content takes; nil for those whose size the header does not give.
    static func bytes(_ section: Section, count: Int, dimensions: Int, m: Int) -> Int? {
        let plane = count * VectorCode.blocks(dimensions) * CodePlanes.bytesPerBlock
        return switch section {
        case .centre: dimensions * 4
        case .high, .low: plane
        case .factors, .ids: count * 8
        case .links: count * (1 + 2 * m) * 4
        case .upper, .checksums: nil
        }
    }

    static func aligned(_ offset: Int) -> Int { (offset + size - 1) / size * size }

    /// The header's bytes.
    func encoded() -> [UInt8] {
        var bytes = Self.magic
        func append(_ value: some FixedWidthInteger) { bytes += littleEndian([value]) }
        append(Self.version)
        append(Self.mark)
        append(UInt64(count))
        append(UInt32(dimensions))
        append(UInt32(m))
        append(entry)
        append(UInt32(top))
        bytes += fingerprint
        for offset in offsets { append(UInt64(offset)) }
        bytes += [UInt8](repeating: 0, count: Self.size - 4 - bytes.count)
        append(CRC32C(bytes).value)
        return bytes
    }

    /// Reads and checks a file's header: afterwards every section lies in the file, and its size fits n, d and M.
    /// - Throws: `invalidData` for a file that is none of ours or damaged, `incompatible` for one of a newer format.
    init(reading file: MappedFile) throws {
        func invalid(_ message: String, byte: Int) -> KindredError {
            KindredError(
                .invalidData, "\(message); index the dump again into another name",
                at: .init(path: file.path.string, byte: byte))
        }
        guard file.count >= Self.size, file.bytes(0..<8) == Self.magic else {
            throw invalid("is no segment of Kindred", byte: 0)
        }
        let version = file.load(UInt32.self, at: 8).littleEndian
        guard version <= Self.version else {
            throw KindredError(
                .incompatible,
                "was written by a newer version of Kindred (format \(version), this one reads up to \(Self.version)); "
                    + "use that version", at: .init(path: file.path.string, byte: 8))
        }
        guard
            CRC32C(file.bytes(0..<Self.size - 4)).value
                == file.load(UInt32.self, at: Self.size - 4).littleEndian
        else { throw invalid("the header's checksum is wrong: the file is damaged", byte: Self.size - 4) }
        guard version == Self.version, file.load(UInt32.self, at: 12).littleEndian == Self.mark else {
            throw invalid("was written with another byte order or format", byte: 8)
        }
        let vectors = file.load(UInt64.self, at: 16).littleEndian
        dimensions = Int(file.load(UInt32.self, at: 24).littleEndian)
        m = Int(file.load(UInt32.self, at: 28).littleEndian)
        entry = file.load(UInt32.self, at: 32).littleEndian
        top = Int(file.load(UInt32.self, at: 36).littleEndian)
        fingerprint = file.bytes(40..<72)
        guard (1...UInt64(Self.maximumVectors)).contains(vectors),
            (1...VectorCode.maximumDimensions).contains(dimensions),
            (2...Self.maximumM).contains(m), UInt64(entry) < vectors, top <= GraphBuilder.maximumLevel
        else { throw invalid("the header's numbers are out of range: the file is damaged", byte: 16) }
        count = Int(vectors)
        offsets = []
        for index in 0...Section.allCases.count {
            let offset = file.load(UInt64.self, at: 72 + 8 * index).littleEndian
            guard offset <= UInt64(file.count) else { throw invalid("the file is cut off", byte: file.count) }
            offsets.append(Int(offset))
        }
        guard offsets.last == file.count else {
            throw invalid("the file is cut off or has grown", byte: file.count)
        }
        for section in Section.allCases {
            let (start, end) = (offsets[section.rawValue], offsets[section.rawValue + 1])
            let needed = Self.bytes(section, count: count, dimensions: dimensions, m: m) ?? 0
            guard start >= Self.size, start % Self.size == 0 || section == .checksums, start <= end,
                end - start >= needed
            else { throw invalid("the sections do not fit the header: the file is damaged", byte: 72) }
        }
        let covered = offset(.checksums) - Self.size
        guard file.count - offset(.checksums) == (covered + Self.blockSize - 1) / Self.blockSize * 4 else {
            throw invalid("the checksums do not fit the file: it is damaged", byte: offset(.checksums))
        }
    }

    init(count: Int, dimensions: Int, m: Int, entry: UInt32, top: Int, fingerprint: [UInt8], offsets: [Int]) {
        self.count = count
        self.dimensions = dimensions
        self.m = m
        self.entry = entry
        self.top = top
        self.fingerprint = fingerprint
        self.offsets = offsets
    }
}
