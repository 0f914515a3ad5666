/// Streams of bzip2, whose blocks are decoded on all processors.
///
/// A block may begin at any bit; only its 48-bit magic tells where (as in lbzip2). A block is cut out from one magic to
/// the next and decoded by libbz2, which verifies its checksum. Where data contain the magic by chance, the piece does
/// not decode, and the block is tried again up to the magic that follows. The checksum of the stream is computed from
/// those of the blocks and compared. No byte of a damaged block is given out.
///
/// Memory is bounded: blocks are decoded no further ahead than there are threads for.
final class Bzip2Decoder: StreamDecoder {
    static let magic = [Array("BZh".utf8)]

    private struct Mark {
        /// From the start of the file.
        let bit: Int
        let isEnd: Bool
        var task: BackgroundTask<Bzip2Block.Result>?
    }

    /// Bytes from `base` on: those of blocks that are not yet given out.
    private var held: [UInt8] = []
    private var base = 0
    /// Up to here was looked for marks.
    private var searched = 0
    /// In order; none before `position`.
    private var marks: [Mark] = []
    /// The bit where the next block, or the end of the stream, or between streams the next stream, begins.
    private var position = 0
    private var isInside = false
    private var level = UInt8(ascii: "9")
    private var checksum: UInt32 = 0
    /// What is decoded and waits to be given out, the last piece first.
    private var ready: [[UInt8]] = []
    private let ahead = Processor.count + 2

    private var end: Int { base + held.count }

    func decode(_ input: inout [UInt8], isAtEnd: Bool, failure: (String, Int) -> KindredError) throws
        -> [UInt8]
    {
        if held.isEmpty { held = input } else { held += input }
        input = []
        search()
        while true {
            if let piece = ready.popLast() { return piece }
            if !isInside {
                guard try beginStream(isAtEnd, failure) else { return [] }
            }
            while let first = marks.first, first.bit < position { marks.removeFirst() }
            let running = startTasks()
            guard let mark = marks.first, mark.bit == position else {
                // The magic is not there, or not all of its bytes are.
                if !isAtEnd, searched * 8 <= position { return [] }
                throw error(isAtEnd, failure)
            }
            if mark.isEnd {
                guard position + 80 <= end * 8 else {
                    if isAtEnd { throw error(isAtEnd, failure) }
                    return []
                }
                try endStream(failure)
            } else if marks.count == 1 {
                if !isAtEnd, end - position / 8 < Bzip2Block.longest { return [] }
                throw error(isAtEnd, failure)
            } else {
                if running < ahead, !isAtEnd, end - position / 8 < ahead * Bzip2Block.longest { return [] }
                switch mark.task!.take() {
                case .decoded(let pieces):
                    checksum = checksum << 1 | checksum >> 31
                    checksum ^= UInt32(bits(position + 48, 32))
                    position = marks[1].bit
                    marks.removeFirst()
                    ready = pieces.reversed()
                    release()
                case .damaged(isPast: true) where marks.count > 2 || !isAtEnd:
                    marks.remove(at: 1)
                    marks[0].task = nil
                case .damaged: throw error(isAtEnd, failure)
                }
            }
        }
    }

    private func bits(_ bit: Int, _ count: Int) -> UInt64 {
        Bzip2Block.bits(held, at: bit - base * 8, count: count)
    }

    private func search() {
        let start = max(searched, base)
        let limit = max(start, end - 6)
        for mark in Bzip2Block.marks(in: held, start - base..<limit - base) {
            marks.append(Mark(bit: mark.bit + base * 8, isEnd: mark.isEnd))
        }
        searched = limit
    }

    /// Starts to decode the blocks whose end is known, but no more than may wait.
    /// - Returns: how many are decoded or are being decoded.
    private func startTasks() -> Int {
        var count = 0
        var level = level
        for index in marks.indices.dropLast() where count < ahead {
            let start = marks[index].bit
            guard !marks[index].isEnd else {
                // Another stream may follow, with another level.
                let header = (start + 80 + 7) / 8 + 3 - base
                if header < held.count, (0x31...0x39).contains(held[header]) { level = held[header] }
                continue
            }
            count += 1
            if marks[index].task == nil { marks[index].task = task(start, marks[index + 1].bit, level) }
        }
        return count
    }

    private func task(_ start: Int, _ end: Int, _ level: UInt8) -> BackgroundTask<Bzip2Block.Result> {
        let block = block(start, end, level)
        return BackgroundTask { block.decoded() }
    }

    private func block(_ start: Int, _ end: Int, _ level: UInt8) -> Bzip2Block {
        let bytes = Array(held[start / 8 - base..<(end + 7) / 8 - base])
        return Bzip2Block(bytes: bytes, skipped: start % 8, bitCount: end - start, level: level)
    }

    /// Lets go of bytes before `position`.
    private func release() {
        let done = position / 8 - base
        guard done > 1 << 20 || done == held.count else { return }
        held.removeFirst(done)
        base += done
    }

    /// - Returns: false where no stream follows, or more bytes are needed to tell.
    private func beginStream(_ isAtEnd: Bool, _ failure: (String, Int) -> KindredError) throws -> Bool {
        let done = position / 8 - base
        held.removeFirst(done)
        base += done
        let before = held.count
        let follows = try hasNext("bzip2", magic: Self.magic, in: &held, isAtEnd, failure)
        base += before - held.count
        position = base * 8
        guard follows else { return false }
        guard held.count >= 4 else {
            if isAtEnd { throw cutOff(failure) }
            return false
        }
        guard (0x31...0x39).contains(held[3]) else { throw damaged(at: base + 4, failure) }
        level = held[3]
        position += 32
        checksum = 0
        isInside = true
        return true
    }

    private func endStream(_ failure: (String, Int) -> KindredError) throws {
        let next = (position + 80 + 7) / 8
        guard bits(position + 48, 32) == checksum else { throw damaged(at: next, failure) }
        position = next * 8
        isInside = false
    }

    // MARK: Errors

    /// What is wrong with the bytes from `position` on, which cannot be decoded.
    private func error(_ isAtEnd: Bool, _ failure: (String, Int) -> KindredError) -> KindredError {
        let rest = block(position, end * 8, level)
        if let used = rest.firstError() {
            return damaged(at: min(end, (position + used * 8 + 7) / 8), failure)
        }
        return isAtEnd ? cutOff(failure) : damaged(at: end, failure)
    }

    private func damaged(at byte: Int, _ failure: (String, Int) -> KindredError) -> KindredError {
        failure("the bzip2 stream is damaged; what came before is kept, get the file again", end - byte)
    }

    private func cutOff(_ failure: (String, Int) -> KindredError) -> KindredError {
        failure(
            "the file ends in the middle of a bzip2 stream; what came before is kept, get the file again", 0)
    }
}
