import KindredSystem
import SystemPackage

/// The index of a multistream dump, "…-multistream-index.txt.bz2": a line `offset:id:title` for each page, where the
/// offset is that of the bzip2 stream which holds the page (meta.wikimedia.org, Data dumps/Dump format).
///
/// It tells how many pages a dump has before they are read, and whether the dump is whole.
package struct MultistreamIndex: Sendable {
    /// Pages of the dump, of all namespaces.
    package private(set) var pages = 0
    /// Bytes of the dump where streams with pages begin, ascending.
    package private(set) var streamOffsets: [Int] = []
    /// Pages in the streams before each of `streamOffsets`.
    private var pagesBefore: [Int] = []

    /// Reads an index.
    ///
    /// - Parameter path: the file, compressed or not.
    /// - Throws: `notFound`, `inputOutput`; `invalidData` for a file that is no index, or is cut off.
    package init(path: String) throws {
        let source = try ByteSource(path: path)
        var lines = 0
        var rest: [UInt8] = []
        while true {
            let bytes = try source.read()
            if bytes.isEmpty { break }
            rest += bytes
            var start = 0
            while let end = rest[start...].firstIndex(of: 0x0A) {
                lines += 1
                try take(rest[start..<end], line: lines, path)
                start = end + 1
            }
            rest.removeFirst(start)
            guard rest.count <= Self.longestLine else { throw Self.noIndex(path, line: lines + 1) }
        }
        guard rest.isEmpty, pages > 0 else { throw Self.noIndex(path, line: lines + 1) }
    }

    /// Bytes of a title are 255 at most; numbers have 20 digits.
    private static let longestLine = 400

    private mutating func take(_ line: ArraySlice<UInt8>, line number: Int, _ path: String) throws {
        var line = line
        guard let offset = Self.number(&line), Self.number(&line) != nil, !line.isEmpty else {
            throw Self.noIndex(path, line: number)
        }
        if streamOffsets.last != offset {
            guard offset > streamOffsets.last ?? -1 else { throw Self.noIndex(path, line: number) }
            streamOffsets.append(offset)
            pagesBefore.append(pages)
        }
        pages += 1
    }

    /// Takes a number and the colon after it.
    private static func number(_ line: inout ArraySlice<UInt8>) -> Int? {
        let digits = line.prefix(while: Bytes.isDigit)
        guard !digits.isEmpty, digits.count < 18, line.dropFirst(digits.count).first == UInt8(ascii: ":")
        else {
            return nil
        }
        line = line.dropFirst(digits.count + 1)
        return digits.reduce(0) { $0 * 10 + Int($1 - 0x30) }
    }

    private static func noIndex(_ path: String, line: Int) -> KindredError {
        KindredError(
            .invalidData, "is no index of a multistream dump, or is cut off; get the file again",
            at: .init(path: path, line: line))
    }

    /// Pages in the streams that end before a byte of the dump: the progress of a reader that has read up to there.
    package func pages(before byte: Int) -> Int {
        var (low, high) = (0, streamOffsets.count)
        while low < high {
            let middle = (low + high) / 2
            if streamOffsets[middle] <= byte { low = middle + 1 } else { high = middle }
        }
        return low == 0 ? 0 : pagesBefore[low - 1]
    }

    /// Checks, without reading it, that a dump is the one of this index and is not cut off.
    ///
    /// - Throws: `notFound`, `inputOutput`; `invalidData` with the byte from which on it is not what the index says.
    package func check(dump path: String) throws {
        let file = try ReadableFile(FilePath(path))
        // The last stream with pages, and a few evenly between.
        let step = max(1, streamOffsets.count / 16)
        let offsets =
            stride(from: 0, to: streamOffsets.count, by: step).map { streamOffsets[$0] }
            + streamOffsets.suffix(1)
        for offset in offsets {
            guard offset + 4 <= file.count else {
                throw Self.cut(
                    path, file.count, "ends before the stream at byte \(offset) that its index names")
            }
            guard try file.bytes(offset..<offset + 3).elementsEqual("BZh".utf8) else {
                throw Self.cut(
                    path, offset,
                    "has no stream where its index says; the two are of different dumps, or damaged")
            }
        }
        let tail = try file.bytes(max(0, file.count - Self.longestEnd)..<file.count)
        guard Self.endsStream(tail) else {
            throw Self.cut(path, file.count, "ends in the middle of a bzip2 stream")
        }
    }

    private static func cut(_ path: String, _ byte: Int, _ message: String) -> KindredError {
        KindredError(
            .invalidData, "the dump \(message); get the file again", at: .init(path: path, byte: byte))
    }

    /// The mark, the checksum and up to seven bits of padding that end a stream.
    private static let longestEnd = 11

    /// Whether bytes end with the end of a bzip2 stream: 48 bits of a fixed mark, 32 of a checksum, and padding.
    private static func endsStream(_ tail: [UInt8]) -> Bool {
        let mark: UInt64 = 0x1772_4538_5090
        return (0..<8).contains { padding in
            let bits = tail.count * 8
            let start = bits - padding - 32 - 48
            guard start >= 0 else { return false }
            var value: UInt64 = 0
            for bit in start..<start + 48 {
                value = value << 1 | UInt64(tail[bit / 8] >> UInt8(7 - bit % 8) & 1)
            }
            return value == mark
        }
    }

    // MARK: Names of files

    /// The index that belongs to a dump by its name, "x-multistream.xml.bz2" to "x-multistream-index.txt.bz2"; nil where
    /// the name is none of a multistream dump.
    package static func path(besides dump: String) -> String? {
        renamed(dump, from: "-multistream", ".xml", to: "-multistream-index", ".txt")
    }

    /// The dump that belongs to an index by its name; nil where the name is none of an index.
    package static func dumpPath(of index: String) -> String? {
        renamed(index, from: "-multistream-index", ".txt", to: "-multistream", ".xml")
    }

    /// Replaces two parts of a file's name, between which is a number at most: of "-multistream-index3.txt-p1p200.bz2".
    private static func renamed(
        _ path: String, from first: String, _ second: String, to newFirst: String, _ newSecond: String
    ) -> String? {
        let nameStart = path.lastIndex(of: "/").map { path.index(after: $0) } ?? path.startIndex
        guard let start = path[nameStart...].ranges(of: first).last else { return nil }
        let rest = path[start.upperBound...]
        let number = rest.prefix { $0.isASCII && $0.isNumber }
        let after = rest.dropFirst(number.count)
        guard after.hasPrefix(second) else { return nil }
        return path[..<start.lowerBound] + newFirst + number + newSecond + after.dropFirst(second.count)
    }
}
