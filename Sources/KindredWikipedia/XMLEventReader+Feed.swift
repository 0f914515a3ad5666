import KindredSystem

extension XMLEventReader {
    /// What libxml2 reads from, and what went wrong there.
    final class Feed {
        let source: ByteSource
        var pending: ArraySlice<UInt8> = []
        var failure: (any Error)?
        var message: String?
        var line: Int?

        /// Bytes read from the source, and those that belong to documents before this one.
        private(set) var count = 0
        private(set) var documentStart = 0
        private(set) var firstLine = 1
        private(set) var isAtEnd = false
        private(set) var filter: XMLByteFilter
        /// The first bytes, which tell the width of a space.
        private(set) var start: [UInt8] = []

        init(_ source: ByteSource, textLimit: Int) {
            self.source = source
            filter = XMLByteFilter(textLimit: textLimit)
        }

        /// libxml2 parses ahead of what it hands out, and gives up what it has parsed when the input ends too early.
        /// Spaces at the end, which are allowed there, keep the end out of the way of the last whole element.
        private func padding() -> [UInt8] {
            let space: [UInt8] =
                switch Array(start.prefix(2)) {
                case [0xFF, 0xFE], [0x3C, 0x00]: [0x20, 0x00]
                case [0xFE, 0xFF], [0x00, 0x3C]: [0x00, 0x20]
                default: [0x20]
                }
            return Array(repeatElement(space, count: (1 << 14) / space.count).joined())
        }

        private func refill() {
            while pending.isEmpty, !isAtEnd, !filter.isDocumentWhole {
                var bytes: [UInt8] = []
                do {
                    bytes = try source.read()
                    if count == 0 { start = Array(bytes.prefix(512)) }
                    count += bytes.count
                } catch {
                    failure = error
                }
                pending = filter.pass(bytes, isLast: bytes.isEmpty)[...]
                if let wrong = filter.failure {
                    failure = KindredError(
                        .invalidData, "\(wrong.message); what came before is kept, get the file again",
                        at: .init(path: source.name, byte: wrong.byte, line: wrong.line))
                }
                if bytes.isEmpty || failure != nil {
                    pending += padding()
                    isAtEnd = true
                }
            }
        }

        /// Whether another document follows the one that ended, which is then what is read.
        func beginNextDocument() -> Bool {
            guard filter.isDocumentWhole, failure == nil else { return false }
            while !filter.hasMore {
                guard !isAtEnd, let bytes = try? read(), !bytes.isEmpty else { return false }
                _ = filter.pass(bytes, isLast: false)
            }
            filter.beginDocument()
            documentStart = filter.offset
            firstLine = filter.line
            message = nil
            line = nil
            pending = filter.pass([], isLast: isAtEnd)[...]
            if isAtEnd { pending += padding() }
            return true
        }

        /// The next bytes of the source; none at its end, or where it fails.
        private func read() throws -> [UInt8] {
            do {
                let bytes = try source.read()
                count += bytes.count
                isAtEnd = bytes.isEmpty
                return bytes
            } catch {
                failure = error
                isAtEnd = true
                throw error
            }
        }

        /// A damaged bzip2 block is known by its checksum, after its bytes, up to 900 KB, were given out. Where those
        /// are no XML, the damage is what has to be told.
        func lookAhead() {
            var left = 1 << 21
            while left > 0, failure == nil, !isAtEnd {
                do {
                    let bytes = try source.read()
                    if bytes.isEmpty { return }
                    left -= bytes.count
                } catch { failure = error }
            }
        }

        /// The next bytes of the document; none at its end.
        func read(upTo capacity: Int) -> ArraySlice<UInt8> {
            // The failure of a source is told as the end, and thrown when all that came before is handed out.
            if pending.isEmpty { refill() }
            let bytes = pending.prefix(capacity)
            pending = pending.dropFirst(bytes.count)
            return bytes
        }
    }
}
