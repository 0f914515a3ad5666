import CLibXML2

/// An HTML document as libxml2 reads it, in the order of its text.
@safe
struct HTMLTree {
    enum Event: Equatable {
        case start(String, attributes: [String: String], line: Int)
        case end(String)
        case text(String)
    }

    private(set) var events: [Event] = []

    init(_ html: String) {
        var copy = html
        let options =
            HTML_PARSE_RECOVER.rawValue | HTML_PARSE_NOERROR.rawValue | HTML_PARSE_NOWARNING.rawValue
            | HTML_PARSE_NONET.rawValue
        let tree = copy.withUTF8 { bytes in
            unsafe bytes.withMemoryRebound(to: CChar.self) { bytes in
                unsafe htmlReadMemory(
                    bytes.baseAddress, CInt(clamping: bytes.count), nil, "UTF-8", CInt(options))
            }
        }
        guard let tree = unsafe tree else { return }
        defer { unsafe xmlFreeDoc(tree) }
        guard let root = unsafe xmlDocGetRootElement(tree) else { return }
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
