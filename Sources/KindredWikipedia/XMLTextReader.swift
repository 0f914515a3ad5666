import CLibXML2
import KindredSystem

/// libxml2's reader (`xmlTextReader`) of one document, which takes its bytes from a feed and tells it what went wrong.
///
/// External entities are not loaded, and an expansion that grows without end is an error.
@safe
final class XMLTextReader {
    private let reader: xmlTextReaderPtr
    /// libxml2 has the feed's address.
    private let feed: XMLEventReader.Feed

    /// - Throws: `unavailable` where memory is out.
    init(_ feed: XMLEventReader.Feed) throws {
        self.feed = feed
        let options = CInt(XML_PARSE_HUGE.rawValue | XML_PARSE_NONET.rawValue | XML_PARSE_COMPACT.rawValue)
        let context = unsafe Unmanaged.passUnretained(feed).toOpaque()
        let reader = unsafe xmlReaderForIO(
            { context, target, capacity in
                guard let context = unsafe context, let target = unsafe target, capacity > 0 else { return 0 }
                let feed = unsafe Unmanaged<XMLEventReader.Feed>.fromOpaque(context).takeUnretainedValue()
                let bytes = feed.read(upTo: Int(capacity))
                unsafe bytes.withUnsafeBytes {
                    if let source = $0.baseAddress {
                        unsafe UnsafeMutableRawPointer(target).copyMemory(from: source, byteCount: $0.count)
                    }
                }
                return CInt(bytes.count)
            }, { _ in 0 }, unsafe context, nil, nil, options)
        guard let reader = unsafe reader else {
            throw KindredError(.unavailable, "no memory for reading XML")
        }
        unsafe self.reader = unsafe reader
        unsafe xmlTextReaderSetStructuredErrorHandler(
            reader,
            { context, error in
                guard let context = unsafe context, let error = unsafe error else { return }
                let feed = unsafe Unmanaged<XMLEventReader.Feed>.fromOpaque(context).takeUnretainedValue()
                if feed.message == nil, let text = unsafe error.pointee.message {
                    feed.message = unsafe String(cString: text)
                    feed.line = unsafe Int(error.pointee.line)
                }
            }, unsafe context)
    }

    deinit { unsafe xmlFreeTextReader(reader) }

    /// Goes to the next node: 1, or 0 at the end, or -1 for what is not XML.
    func read() -> CInt { unsafe xmlTextReaderRead(reader) }

    var nodeType: CInt { unsafe xmlTextReaderNodeType(reader) }
    /// 0 for the root.
    var depth: Int { unsafe Int(xmlTextReaderDepth(reader)) }
    var isEmptyElement: Bool { unsafe xmlTextReaderIsEmptyElement(reader) == 1 }
    /// The node's name without its prefix.
    var name: String { unsafe xmlTextReaderConstLocalName(reader).map { unsafe String(cString: $0) } ?? "" }
    /// The node's text in UTF-8.
    var text: [UInt8] {
        unsafe xmlTextReaderConstValue(reader).map {
            unsafe [UInt8](UnsafeBufferPointer(start: $0, count: Int(xmlStrlen($0))))
        } ?? []
    }

    func attribute(_ name: String) -> String? {
        guard let value = unsafe xmlTextReaderGetAttribute(reader, name) else { return nil }
        defer { unsafe kindred_xml_free(value) }
        return unsafe String(cString: value)
    }

    var bytesConsumed: Int { unsafe Int(xmlTextReaderByteConsumed(reader)) }
    /// From 1.
    var line: Int { unsafe Int(xmlTextReaderGetParserLineNumber(reader)) }
}
