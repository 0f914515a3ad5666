import CLibXML2
import KindredSystem

/// An HTML document as libxml2 reads it, in the order of its text.
@safe
struct HTMLTree {
    enum Event: Equatable {
        case start(String, attributes: [String: String], line: Int)
        case end(String)
        case text(String)
    }

    private(set) var events: [Event] = []

    /// - Parameter name: of the file, for errors.
    /// - Throws: `invalidData` where elements nest deeper than libxml2 reads (256).
    init(_ html: String, name: String) throws {
        guard let parser = unsafe htmlNewParserCtxt() else { return }
        defer { unsafe htmlFreeParserCtxt(parser) }
        var copy = html
        let options =
            HTML_PARSE_RECOVER.rawValue | HTML_PARSE_NOERROR.rawValue | HTML_PARSE_NOWARNING.rawValue
            | HTML_PARSE_NONET.rawValue
        let tree = copy.withUTF8 { bytes in
            unsafe bytes.withMemoryRebound(to: CChar.self) { bytes in
                unsafe htmlCtxtReadMemory(
                    parser, bytes.baseAddress, CInt(clamping: bytes.count), nil, "UTF-8", CInt(options))
            }
        }
        defer { unsafe xmlFreeDoc(tree) }
        // Faults of the markup are mended; only its limits make the parser stop.
        guard unsafe parser.pointee.disableSAX == 0 else {
            throw KindredError(
                .invalidData,
                "has elements that nest more than 256 deep, or names and values that are too long",
                at: .init(path: name, line: unsafe Int(parser.pointee.lastError.line)))
        }
        guard let tree = unsafe tree, let root = unsafe xmlDocGetRootElement(tree) else { return }
        unsafe walk(root)
    }

    /// Without recursion: elements may nest deep.
    private mutating func walk(_ root: xmlNodePtr) {
        var node = unsafe root
        while true {
            unsafe enter(node)
            if let child = unsafe node.pointee.children, unsafe node.pointee.type == XML_ELEMENT_NODE {
                unsafe node = child
                continue
            }
            unsafe leave(node)
            while unsafe node.pointee.next == nil || node == root {
                guard unsafe node != root, let parent = unsafe node.pointee.parent else { return }
                unsafe node = parent
                unsafe leave(node)
                if unsafe node == root { return }
            }
            unsafe node = node.pointee.next!
        }
    }

    private mutating func enter(_ node: xmlNodePtr) {
        switch unsafe node.pointee.type {
        case XML_ELEMENT_NODE:
            var attributes: [String: String] = [:]
            var attribute = unsafe node.pointee.properties
            while let current = unsafe attribute {
                let name = unsafe String(cString: current.pointee.name)
                if let value = unsafe xmlNodeListGetString(node.pointee.doc, current.pointee.children, 1) {
                    attributes[name] = unsafe String(cString: value)
                    unsafe kindred_xml_free(value)
                } else {
                    attributes[name] = ""
                }
                unsafe attribute = current.pointee.next
            }
            events.append(
                .start(
                    unsafe String(cString: node.pointee.name).lowercased(), attributes: attributes,
                    line: unsafe Int(xmlGetLineNo(node))))
        case XML_TEXT_NODE, XML_CDATA_SECTION_NODE:
            if let content = unsafe node.pointee.content {
                events.append(.text(unsafe String(cString: content)))
            }
        default: break
        }
    }

    private mutating func leave(_ node: xmlNodePtr) {
        guard unsafe node.pointee.type == XML_ELEMENT_NODE else { return }
        events.append(.end(unsafe String(cString: node.pointee.name).lowercased()))
    }
}
