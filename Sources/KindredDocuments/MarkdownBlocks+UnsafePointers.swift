import CCMark

/// The blocks of a Markdown text, in order, as cmark-gfm reads it (spec.commonmark.org; github.github.com/gfm).
@safe
struct MarkdownBlocks {
    private(set) var blocks: [MarkdownBlock] = []

    private static let extensions: Void = cmark_gfm_core_extensions_ensure_registered()

    init(_ text: String) {
        _ = Self.extensions
        guard let parser = unsafe cmark_parser_new(CMARK_OPT_DEFAULT) else { return }
        defer { unsafe cmark_parser_free(parser) }
        for name in ["table", "strikethrough", "tasklist"] {
            if let found = unsafe cmark_find_syntax_extension(name) {
                unsafe cmark_parser_attach_syntax_extension(parser, found)
            }
        }
        var copy = text
        copy.withUTF8 { bytes in
            unsafe bytes.withMemoryRebound(to: CChar.self) { bytes in
                unsafe cmark_parser_feed(parser, bytes.baseAddress, bytes.count)
            }
        }
        guard let root = unsafe cmark_parser_finish(parser) else { return }
        defer { unsafe cmark_node_free(root) }
        guard let iterator = unsafe cmark_iter_new(root) else { return }
        defer { unsafe cmark_iter_free(iterator) }
        unsafe walk(iterator)
    }

    /// Without recursion: blocks may nest as deep as a file has bytes.
    private mutating func walk(_ iterator: OpaquePointer) {
        var inline = ""
        var line = 1
        while true {
            let event = unsafe cmark_iter_next(iterator)
            guard event != CMARK_EVENT_DONE, let node = unsafe cmark_iter_get_node(iterator) else { return }
            let isEnter = event == CMARK_EVENT_ENTER
            let type = unsafe String(cString: cmark_node_get_type_string(node))
            if isEnter, ["paragraph", "heading", "table_row", "table_header"].contains(type) {
                inline = ""
                line = unsafe Int(cmark_node_get_start_line(node))
            }
            switch type {
            case "text", "code": inline += unsafe Self.literal(node)
            case "softbreak": inline += " "
            case "linebreak": inline += "\n"
            case "table_cell" where !isEnter: inline += " | "
            case "code_block", "html_block":
                let start = unsafe Int(cmark_node_get_start_line(node))
                let text = unsafe Self.literal(node)
                blocks.append(type == "html_block" ? .html(text, line: start) : .text(text, line: start))
            case "paragraph" where !isEnter: blocks.append(.text(inline, line: line))
            case "heading" where !isEnter:
                blocks.append(.heading(inline, level: unsafe Int(cmark_node_get_heading_level(node))))
            case "table_row" where !isEnter, "table_header" where !isEnter:
                if inline.hasSuffix(" | ") { inline.removeLast(3) }
                blocks.append(.text(inline, line: line))
            default: break
            }
        }
    }

    private static func literal(_ node: OpaquePointer) -> String {
        unsafe cmark_node_get_literal(node).map { unsafe String(cString: $0) } ?? ""
    }
}
