import KindredSystem

/// The lines of a byte source, as bytes, with their numbers and places.
struct SourceLines {
    private let source: ByteSource
    private var buffer: [UInt8] = []
    private var position = 0
    private var isAtEnd = false
    /// Number of the line that was returned last, from 1.
    private(set) var number = 0
    private let longest: Int

    /// - Parameter longest: bytes of a line, at most.
    init(_ source: ByteSource, longest: Int) {
        self.source = source
        self.longest = longest
    }

    enum Line {
        case bytes([UInt8])
        /// Its bytes have been passed over.
        case tooLong
    }

    /// The next line without its end; nil at the end of the source.
    mutating func next() throws -> Line? {
        var line: [UInt8] = []
        var isTooLong = false
        while true {
            let end = buffer[position...].firstIndex(of: 0x0A) ?? buffer.count
            if !isTooLong { line += buffer[position..<end] }
            if line.count > longest {
                isTooLong = true
                line = []
            }
            if end < buffer.count {
                position = end + 1
                break
            }
            let more = isAtEnd ? [] : try source.read()
            isAtEnd = more.isEmpty
            buffer = more
            position = 0
            guard !isAtEnd else {
                guard !line.isEmpty || isTooLong else { return nil }
                break
            }
        }
        number += 1
        if line.last == 0x0D { line.removeLast() }
        if number == 1, line.starts(with: [0xEF, 0xBB, 0xBF]) { line.removeFirst(3) }
        return isTooLong ? .tooLong : .bytes(line)
    }
}
