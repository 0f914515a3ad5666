import KindredSystem
import SystemPackage

/// A segment file, `NNNNNN.hnsw`. Numbers are little-endian. The header is 4,096 bytes:
///
/// | OFFSET | SIZE | MEANING |
/// |---|---|---|
/// | 0 | 8 | "KINDREDV" |
/// | 8 | 4 | format version, 3; 2, which is read too, has 0 at byte 140 |
/// | 12 | 4 | 0x01020304 as its writer's machine has it: the endianness mark |
/// | 16 | 8 | vectors, n |
/// | 24 | 4 | dimensions, d |
/// | 28 | 4 | links of a node, w |
/// | 32 | 4 | metric: 0 cosine, 1 inner product, 2 Euclidean |
/// | 36 | 4 | groups of dimensions, 1 to 4 |
/// | 40 | 32 | fingerprint of the encoder (SHA-256); zeros for vectors of other origin |
/// | 72 | 12 × 4 | for each group: dimensions, 4-bit planes, unit (a float); zeros for those that are not there |
/// | 120 | 4 | groups of the head |
/// | 124 | 4 | 1 where there are axes, else 0 |
/// | 128 | 4 | bytes of an id, 4 or 8 |
/// | 132 | 4 | bytes of a link, 3 or 4 |
/// | 136 | 4 | entries, e |
/// | 140 | 4 | 1 where heads hold ⟨centre, vector − centre⟩ as their bias, for the cosine and the inner product, else 0 |
/// | 144 | 8 × 9 | byte offsets of the sections below, in their order, and the file's size |
/// | 4092 | 4 | CRC-32C of bytes 0..<4092 |
///
/// Sections start on multiples of 4,096 bytes, and what is behind their content is zero:
///
/// | section | content |
/// |---|---|
/// | centre | d floats |
/// | axes | d × d floats, an axis a row; empty where there are none |
/// | head | n rows: most significant bits of the first groups, bias, factor (`kindred_codes.h`) |
/// | rest | n rows: the other bits, factor; at least 64 bytes of zeros behind them |
/// | ids | n ids |
/// | links | n rows of w neighbours; one that is not below n ends a list; at least 1 byte behind them |
/// | entries | e rows where walks start |
/// | checksums | for each section before, CRC-32C of each 65,536 bytes from its start, the last one up to the next section |
struct SegmentHeader {
    static let magic = Array("KINDREDV".utf8)
    static let version: UInt32 = 3
    static let oldestVersion: UInt32 = 2
    static let mark: UInt32 = 0x0102_0304
    static let size = 4096
    static let blockSize = 65_536
    static let maximumVectors = Int(Int32.max) - 1
    static let maximumM = LinkRows.maximumWidth / 2
    static let maximumEntries = 1 << 20
    /// What the units of groups may be: the first one's is 1, and the others carry no more than it does. Products with
    /// numbers below 1e15 then stay finite.
    static let units: ClosedRange<Float> = 1e-24...1e3

    enum Section: Int, CaseIterable { case centre, axes, head, rest, ids, links, entries, checksums }

    var count: Int
    var width: Int
    var metric: VectorMetric
    var layout: CodeLayout
    var fingerprint: Fingerprint
    var hasAxes: Bool
    var idBytes: Int
    var entryCount: Int
    /// Where each section starts, and the end of the file.
    var offsets: [Int] = []

    var dimensions: Int { layout.dimensions }
    var linkBytes: Int { LinkRows.idBytes(count: count) }

    func offset(_ section: Section) -> Int { offsets[section.rawValue] }

    /// The bytes that a section needs.
    func bytes(_ section: Section) -> Int {
        switch section {
        case .centre: dimensions * 4
        case .axes: hasAxes ? dimensions * dimensions * 4 : 0
        case .head: count * layout.headBytes
        case .rest: count * layout.restBytes + CodePlanes.readableBeyond
        case .ids: count * idBytes
        case .links: count * width * linkBytes + 1
        case .entries: entryCount * 4
        case .checksums: firstBlock(.checksums) * 4
        }
    }

    static func aligned(_ offset: Int) -> Int { (offset + size - 1) / size * size }

    /// Blocks of a section, with what is behind its content.
    func blockCount(_ section: Section) -> Int {
        (offsets[section.rawValue + 1] - offset(section) + Self.blockSize - 1) / Self.blockSize
    }

    /// The number of a section's first block.
    func firstBlock(_ section: Section) -> Int {
        Section.allCases[..<section.rawValue].reduce(0) { $0 + blockCount($1) }
    }

    /// Lays the sections out.
    mutating func place() {
        offsets = []
        var next = Self.size
        for section in Section.allCases where section != .checksums {
            offsets.append(next)
            next = Self.aligned(next + bytes(section))
        }
        offsets.append(next)
        offsets.append(next + bytes(.checksums))
    }

    /// The header's bytes.
    func encoded() -> [UInt8] {
        var bytes = Self.magic
        func append(_ value: some FixedWidthInteger) { bytes += littleEndian([value]) }
        append(Self.version)
        append(Self.mark)
        append(UInt64(count))
        append(UInt32(dimensions))
        append(UInt32(width))
        append(metric.rawValue)
        append(UInt32(layout.groups.count))
        bytes += fingerprint.bytes
        for index in 0..<CodeLayout.maximumGroups {
            let group = index < layout.groups.count ? layout.groups[index] : nil
            append(UInt32(group?.dimensions ?? 0))
            append(UInt32(group?.nibbles ?? 0))
            append((group?.unit ?? 0).bitPattern)
        }
        append(UInt32(layout.headGroups))
        append(UInt32(hasAxes ? 1 : 0))
        append(UInt32(idBytes))
        append(UInt32(linkBytes))
        append(UInt32(entryCount))
        append(UInt32(layout.hasBias && metric != .euclidean ? 1 : 0))
        for offset in offsets { append(UInt64(offset)) }
        bytes += [UInt8](repeating: 0, count: Self.size - 4 - bytes.count)
        append(CRC32C(bytes).value)
        return bytes
    }

    init(
        count: Int, width: Int, metric: VectorMetric, layout: CodeLayout, fingerprint: Fingerprint,
        hasAxes: Bool,
        idBytes: Int, entryCount: Int
    ) {
        self.count = count
        self.width = width
        self.metric = metric
        self.layout = layout
        self.fingerprint = fingerprint
        self.hasAxes = hasAxes
        self.idBytes = idBytes
        self.entryCount = entryCount
        place()
    }

    /// Reads and checks a file's header: afterwards every section lies in the file, and its size fits.
    ///
    /// - Throws: `invalidData` for a file that is none of ours or damaged, `incompatible` for one of another format.
    init(reading file: MappedFile) throws {
        func invalid(_ message: String, byte: Int) -> KindredError {
            KindredError(
                .invalidData, "\(message); recreate the index from its source",
                at: .init(path: file.path.string, byte: byte))
        }
        func number(_ byte: Int) -> UInt32 { file.load(UInt32.self, at: byte).littleEndian }
        guard file.count >= Self.size, file.bytes(0..<8) == Self.magic else {
            throw invalid("is not a Kindred segment", byte: 0)
        }
        let version = number(8)
        guard (Self.oldestVersion...Self.version).contains(version) else {
            let which = version > Self.version ? "a newer" : "an older"
            throw KindredError(
                .incompatible,
                "was written by \(which) version of Kindred (format \(version), this one reads \(Self.version)); "
                    + (version > Self.version ? "use that version" : "recreate the index from its source"),
                at: .init(path: file.path.string, byte: 8))
        }
        guard CRC32C(file.bytes(0..<Self.size - 4)).value == number(Self.size - 4) else {
            throw invalid("the header's checksum is wrong: the file is damaged", byte: Self.size - 4)
        }
        guard number(12) == Self.mark else { throw invalid("was written with another byte order", byte: 12) }
        let vectors = file.load(UInt64.self, at: 16).littleEndian
        let (dimensions, groupCount) = (Int(number(24)), Int(number(36)))
        guard (1...UInt64(Self.maximumVectors)).contains(vectors),
            (1...VectorCode.maximumDimensions).contains(dimensions),
            (1...LinkRows.maximumWidth).contains(Int(number(28))),
            let metric = VectorMetric(rawValue: number(32)),
            (1...CodeLayout.maximumGroups).contains(groupCount), number(124) <= 1,
            number(128) == 4 || number(128) == 8, (1...Self.maximumEntries).contains(Int(number(136)))
        else { throw invalid("the header's numbers are out of range: the file is damaged", byte: 16) }
        let groups = (0..<groupCount).map {
            (
                dimensions: Int(number(72 + 12 * $0)), nibbles: Int(number(76 + 12 * $0)),
                unit: Float(bitPattern: number(80 + 12 * $0))
            )
        }
        guard
            groups.allSatisfy({
                $0.dimensions > 0 && $0.dimensions <= dimensions && (1...3).contains($0.nibbles)
                    && Self.units.contains($0.unit)
            }), groups.reduce(0, { $0 + $1.dimensions }) == dimensions,
            (1...min(2, groupCount)).contains(Int(number(120))),
            groups[..<(Int(number(120)) - 1)].allSatisfy({
                $0.dimensions % CodeLayout.dimensionsPerBlock == 0
            }),
            (72 + 12 * groupCount..<120).allSatisfy({ file.load(UInt8.self, at: $0) == 0 }),
            number(140) <= (version > Self.oldestVersion && metric != .euclidean ? 1 : 0)
        else { throw invalid("the groups of dimensions are wrong: the file is damaged", byte: 72) }
        self.init(
            count: Int(vectors), width: Int(number(28)), metric: metric,
            layout: CodeLayout(
                groups: groups.map { .init(dimensions: $0.dimensions, nibbles: $0.nibbles, unit: $0.unit) },
                headGroups: Int(number(120)), hasBias: metric == .euclidean || number(140) == 1),
            fingerprint: Fingerprint(bytes: file.bytes(40..<72))!, hasAxes: number(124) == 1,
            idBytes: Int(number(128)),
            entryCount: Int(number(136)))
        guard Int(number(132)) == linkBytes else {
            throw invalid("the size of links is wrong: the file is damaged", byte: 132)
        }
        // The layout follows from the numbers above; the offsets must say the same.
        for (index, offset) in offsets.enumerated()
        where file.load(UInt64.self, at: 144 + 8 * index).littleEndian != UInt64(offset) {
            throw invalid("the sections do not fit the header: the file is damaged", byte: 144 + 8 * index)
        }
        guard offsets.last == file.count else {
            throw invalid(
                "has \(file.count) bytes instead of \(offsets.last ?? 0): it is cut off or has grown",
                byte: file.count)
        }
    }
}
