import CBzip2

extension Bzip2Block {
    /// The marks that begin in `range` of the bytes, in order. Seven bytes from the last start on are looked at.
    static func marks(in bytes: [UInt8], _ range: Range<Int>) -> [Mark] {
        var marks: [Mark] = []
        let (firstFits, secondFits) = (firstFits, secondFits)
        unsafe bytes.withUnsafeBufferPointer { bytes in
            unsafe firstFits.withUnsafeBufferPointer { first in
                unsafe secondFits.withUnsafeBufferPointer { second in
                    for start in range
                        .lowerBound..<max(range.lowerBound, min(range.upperBound, bytes.count - 6))
                    {
                        let fits = unsafe first[Int(bytes[start + 1])] & second[Int(bytes[start + 2])]
                        if fits == 0 { continue }
                        var window: UInt64 = 0
                        for index in 0..<7 { window = unsafe window << 8 | UInt64(bytes[start + index]) }
                        for shift in 0..<8 {
                            let value = window >> UInt64(8 - shift) & 0xFFFF_FFFF_FFFF
                            if value == blockMagic || value == endMagic {
                                marks.append(Mark(bit: start * 8 + shift, isEnd: value == endMagic))
                            }
                        }
                    }
                }
            }
        }
        return marks
    }

    /// The first bytes of the block, from its first bit on.
    func shifted(_ count: Int) -> [UInt8] {
        guard skipped > 0 else { return Array(bytes[..<count]) }
        let (left, right) = (UInt8(skipped), UInt8(8 - skipped))
        precondition(count == 0 || bytes.count > count)
        return unsafe [UInt8](unsafeUninitializedCapacity: count) { target, initialized in
            unsafe bytes.withUnsafeBufferPointer { source in
                for index in 0..<count {
                    unsafe target[index] = unsafe source[index] &<< left | source[index + 1] &>> right
                }
            }
            initialized = count
        }
    }

    /// Decompresses a stream from its start to its end or its first error.
    static func decompress(
        _ input: [UInt8], keepsOutput: Bool = true
    ) -> (pieces: [[UInt8]], used: Int, status: StreamStatus) {
        var stream = unsafe bz_stream()
        guard unsafe BZ2_bzDecompressInit(&stream, 0, 0) == BZ_OK else { return ([], 0, .tooLarge) }
        defer { unsafe BZ2_bzDecompressEnd(&stream) }
        var pieces: [[UInt8]] = []
        var input = input
        var status = BZ_OK
        let used = unsafe input.withUnsafeMutableBytes { source in
            unsafe stream.next_in = unsafe source.baseAddress?.assumingMemoryBound(to: CChar.self)
            unsafe stream.avail_in = UInt32(source.count)
            var capacity = 920_000
            while status == BZ_OK {
                let piece = unsafe [UInt8](unsafeUninitializedCapacity: capacity) { buffer, count in
                    unsafe stream.next_out = unsafe UnsafeMutableRawPointer(buffer.baseAddress!)
                        .assumingMemoryBound(to: CChar.self)
                    unsafe stream.avail_out = UInt32(capacity)
                    status = unsafe BZ2_bzDecompress(&stream)
                    count = unsafe capacity - Int(stream.avail_out)
                }
                // All input is taken, and nothing more comes of it.
                if piece.isEmpty, status == BZ_OK, unsafe stream.avail_in == 0 { break }
                if keepsOutput, !piece.isEmpty { pieces.append(piece) }
                capacity = 4 << 20
            }
            return unsafe source.count - Int(stream.avail_in)
        }
        return (pieces, used, status == BZ_STREAM_END ? .ended : status == BZ_OK ? .goesOn : .damaged)
    }
}
