import CLibXML2
import KindredSystem

/// XML as a stream of events, by libxml2's text reader; memory does not grow with the document.
///
/// External entities are not loaded, and an expansion that grows without end is an error. Text is UTF-8 whatever the
/// document's encoding is. Characters that XML does not allow are spaces, and counted. Documents that follow each other
/// are read one after the other.
package final class XMLEventReader {
    package enum Event {
        /// `depth` is 0 for the root.
        case start(name: String, depth: Int)
        case text(String)
        /// Text that is longer than the limit.
        case longText
        case end(name: String, depth: Int)
    }

    private let source: ByteSource
    private let feed: Feed
    private var reader: xmlTextReaderPtr?
    /// The end of an empty element, which libxml2 does not tell of.
    private var pendingEnd: (name: String, depth: Int)?

    /// What libxml2 reads from, and what went wrong there.
    private final class Feed {
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

        func read(into target: UnsafeMutablePointer<CChar>, capacity: Int) -> Int {
            // The failure of a source is told as the end, and thrown when all that came before is handed out.
            if pending.isEmpty { refill() }
            if pending.isEmpty { return 0 }
            let count = min(capacity, pending.count)
            pending.prefix(count).withUnsafeBytes {
                UnsafeMutableRawPointer(target).copyMemory(from: $0.baseAddress!, byteCount: count)
            }
            pending = pending.dropFirst(count)
            return count
        }
    }

    /// - Parameter textLimit: bytes of a text without an element in it, at most.
    package init(_ source: ByteSource, textLimit: Int = .max) throws {
        self.source = source
        feed = Feed(source, textLimit: textLimit)
        try open()
    }

    /// Begins to read a document.
    private func open() throws {
        if reader != nil { xmlFreeTextReader(reader) }
        let options = CInt(XML_PARSE_HUGE.rawValue | XML_PARSE_NONET.rawValue | XML_PARSE_COMPACT.rawValue)
        reader = xmlReaderForIO(
            { context, target, capacity in
                guard let context, let target, capacity > 0 else { return 0 }
                let feed = Unmanaged<Feed>.fromOpaque(context).takeUnretainedValue()
                return CInt(feed.read(into: target, capacity: Int(capacity)))
            }, { _ in 0 }, Unmanaged.passUnretained(feed).toOpaque(), nil, nil, options)
        guard let reader else { throw KindredError(.unavailable, "no memory for reading XML") }
        xmlTextReaderSetStructuredErrorHandler(
            reader,
            { context, error in
                guard let context, let error else { return }
                let feed = Unmanaged<Feed>.fromOpaque(context).takeUnretainedValue()
                if feed.message == nil, let text = error.pointee.message {
                    feed.message = String(cString: text)
                    feed.line = Int(error.pointee.line)
                }
            }, Unmanaged.passUnretained(feed).toOpaque())
    }

    /// Characters that XML does not allow, left out so far, and which and where the first was.
    package var forbiddenCharacters: (count: Int, first: String?) {
        let first = feed.filter.firstForbidden.map { "\($0.scalar) in line \($0.line), byte \($0.byte)" }
        return (feed.filter.forbiddenCount, first)
    }

    deinit { xmlFreeTextReader(reader) }

    /// The first bytes of the source, 512 at most.
    package var start: [UInt8] { feed.start }

    /// What is wrong with the bytes themselves, if anything is, where their XML made no sense.
    package func sourceFailure() -> (any Error)? {
        feed.lookAhead()
        return feed.failure
    }

    /// The next event; nil at the end of the document.
    /// - Throws: `invalidData` with byte and line of what is not XML; what the source throws.
    package func next() throws -> Event? {
        if let end = pendingEnd {
            pendingEnd = nil
            return .end(name: end.name, depth: end.depth)
        }
        while true {
            let status = xmlTextReaderRead(reader)
            if status == 0, feed.beginNextDocument() {
                try open()
                continue
            }
            if status != 1 {
                feed.lookAhead()
                if let failure = feed.failure { throw failure }
                if status == 0 { return nil }
                throw malformed()
            }
            let depth = Int(xmlTextReaderDepth(reader))
            switch xmlTextReaderNodeType(reader) {
            case 1:
                let name = xmlTextReaderConstLocalName(reader).map { String(cString: $0) } ?? ""
                if xmlTextReaderIsEmptyElement(reader) == 1 { pendingEnd = (name, depth) }
                return .start(name: name, depth: depth)
            case 3, 4, 14:
                let text = xmlTextReaderConstValue(reader).map { String(cString: $0) } ?? ""
                return text.utf8.suffix(4).elementsEqual(XMLByteFilter.cutMark) ? .longText : .text(text)
            case 15:
                return .end(
                    name: xmlTextReaderConstLocalName(reader).map { String(cString: $0) } ?? "", depth: depth)
            default: continue
            }
        }
    }

    /// An attribute of the element that just started, by its name without or with the prefix `xml:`.
    package func attribute(_ name: String) -> String? {
        guard let value = xmlTextReaderGetAttribute(reader, name) else { return nil }
        defer { kindred_xml_free(value) }
        return String(cString: value)
    }

    private func malformed() -> KindredError {
        if feed.isAtEnd, feed.filter.isInside {
            return KindredError(
                .invalidData,
                "the file ends before its XML does; what came before is kept, get the file again",
                at: .init(path: source.name, byte: feed.count))
        }
        let reason = (feed.message ?? "not well-formed").split(whereSeparator: \.isNewline).joined(
            separator: " ")
        let byte = feed.documentStart + Int(xmlTextReaderByteConsumed(reader))
        let line = feed.firstLine - 1 + (feed.line ?? Int(xmlTextReaderGetParserLineNumber(reader)))
        return KindredError(
            .invalidData,
            "malformed XML: \(reason.trimmedSpaces); what came before is kept, get the file again",
            at: .init(path: source.name, byte: max(0, byte), line: line))
    }
}

extension String {
    fileprivate var trimmedSpaces: String {
        var text = self[...]
        while text.last?.isWhitespace == true { text.removeLast() }
        return String(text)
    }
}
