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
        /// In UTF-8.
        case text([UInt8])
        /// Text that is longer than the limit.
        case longText
        case end(name: String, depth: Int)
    }

    private let source: ByteSource
    private let feed: Feed
    private var reader: XMLTextReader
    /// The end of an empty element, which libxml2 does not tell of.
    private var pendingEnd: (name: String, depth: Int)?

    /// - Parameter textLimit: bytes of a text without an element in it, at most.
    package init(_ source: ByteSource, textLimit: Int = .max) throws {
        self.source = source
        feed = Feed(source, textLimit: textLimit)
        reader = try XMLTextReader(feed)
    }

    /// Characters that XML does not allow, left out so far, and which and where the first was.
    package var forbiddenCharacters: (count: Int, first: String?) {
        let first = feed.filter.firstForbidden.map { "\($0.scalar) in line \($0.line), byte \($0.byte)" }
        return (feed.filter.forbiddenCount, first)
    }

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
            let status = reader.read()
            if status == 0, feed.beginNextDocument() {
                reader = try XMLTextReader(feed)
                continue
            }
            if status != 1 {
                feed.lookAhead()
                if let failure = feed.failure { throw failure }
                if status == 0 { return nil }
                throw malformed()
            }
            let depth = reader.depth
            switch reader.nodeType {
            case 1:
                let name = reader.name
                if reader.isEmptyElement { pendingEnd = (name, depth) }
                return .start(name: name, depth: depth)
            case 3, 4, 14:
                let text = reader.text
                return text.suffix(4).elementsEqual(XMLByteFilter.cutMark) ? .longText : .text(text)
            case 15:
                return .end(name: reader.name, depth: depth)
            default: continue
            }
        }
    }

    /// An attribute of the element that just started, by its name without or with the prefix `xml:`.
    package func attribute(_ name: String) -> String? { reader.attribute(name) }

    private func malformed() -> KindredError {
        if feed.isAtEnd, feed.filter.isInside {
            return KindredError(
                .invalidData,
                "the file ends before its XML does; what came before is kept, get the file again",
                at: .init(path: source.name, byte: feed.count))
        }
        let reason = (feed.message ?? "not well-formed").split(whereSeparator: \.isNewline).joined(
            separator: " ")
        let byte = feed.documentStart + reader.bytesConsumed
        let line = feed.firstLine - 1 + (feed.line ?? reader.line)
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
