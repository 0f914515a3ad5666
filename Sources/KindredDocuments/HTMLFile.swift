import KindredSystem

/// HTML as a browser shows it, without navigation, scripts and forms.
enum HTMLFile: WholeFileFormat {
    static let version = 1

    static func document(_ file: WholeFile, _ options: ReadingOptions) throws -> Document? {
        let declared = options.charset ?? declaredEncoding(file.bytes)
        let text = try TextEncodings.decode(file.bytes, declared: declared, name: file.name)
        let tree = try HTMLTree(text, name: file.name)
        var reader = HTMLText(main: tree.mainElement)
        for event in tree.events { reader.take(event) }
        return reader.finish(title: file.title)
    }

    /// The encoding that a `meta` element or an XML declaration of the first bytes names (html.spec.whatwg.org, "prescan").
    static func declaredEncoding(_ bytes: [UInt8]) -> String? {
        let start = String(decoding: bytes.prefix(4096), as: UTF8.self)
        let match =
            start.firstMatch(of: /<meta[^>]+charset\s*=\s*["']?\s*([A-Za-z0-9_.:-]+)/.ignoresCase())
            ?? start.firstMatch(of: /<\?xml[^>]+encoding\s*=\s*["']([A-Za-z0-9_.:-]+)/.ignoresCase())
        guard let name = match?.output.1 else { return nil }
        // Browsers read "iso-8859-1" and "us-ascii" as windows-1252 (encoding.spec.whatwg.org, "labels").
        return ["iso-8859-1", "latin1", "us-ascii", "ascii"].contains(name.lowercased())
            ? "windows-1252" : String(name)
    }
}

extension HTMLTree {
    /// The element that holds the page's own content, where exactly one says so.
    var mainElement: String? {
        ["main", "article"].first { name in
            events.count { if case .start(name, _, _) = $0 { true } else { false } } == 1
        }
    }

    /// All text, a line for each block.
    var plainText: String {
        var reader = HTMLText(main: nil)
        for event in events { reader.take(event) }
        return reader.finish(title: "").map { String(decoding: $0.text, as: UTF8.self) } ?? ""
    }
}

/// Gathers the text of a page: headings, paragraphs, items, rows of tables.
private struct HTMLText {
    private var builder = DocumentBuilder()
    private var title: String?
    private var url = ""
    private var metadata: Metadata = [:]
    private var text = ""
    private var line: Int?
    /// Names of open elements whose content is left out; the outermost decides.
    private var left: [String] = []
    private var heading: Int?
    private var isTitle = false
    /// Open `pre` elements, in which spaces count.
    private var preformatted = 0
    private let main: String?
    private var isInMain: Bool

    /// - Parameter main: the only element whose text is taken; nil for all.
    init(main: String?) {
        self.main = main
        isInMain = main == nil
    }

    private static let leftOut: Set<String> = [
        "script", "style", "noscript", "template", "nav", "footer", "aside", "form", "button", "select",
        "svg",
        "iframe", "object", "canvas", "audio", "video", "head", "math",
    ]
    private static let blocks: Set<String> = [
        "p", "div", "section", "article", "main", "header", "li", "ul", "ol", "dl", "dt", "dd", "table", "tr",
        "caption", "blockquote", "pre", "figure", "figcaption", "address", "hr", "body", "details", "summary",
        "h1", "h2", "h3", "h4", "h5", "h6",
    ]

    mutating func take(_ event: HTMLTree.Event) {
        switch event {
        case .start(let name, let attributes, let line): start(name, attributes, line)
        case .end(let name): end(name)
        case .text(let more):
            if isTitle {
                title = (title ?? "") + more
            } else if left.isEmpty, isInMain {
                text += preformatted > 0 ? more : Self.collapsed(more, after: text)
            }
        }
    }

    private mutating func start(_ name: String, _ attributes: [String: String], _ line: Int) {
        switch name {
        case "title": isTitle = title == nil && !left.contains("svg")
        case "html": if let language = attributes["lang"] { metadata.add("language", .text(language)) }
        case "meta": takeMeta(attributes)
        case "link":
            if attributes["rel"]?.lowercased() == "canonical" { url = attributes["href"] ?? "" }
        case "br": text += "\n"
        case "td", "th":
            if left.isEmpty, !text.isEmpty, !text.hasSuffix(" | ") { text += " | " }
        default: break
        }
        if name == main { isInMain = true }
        if Self.leftOut.contains(name) || attributes["hidden"] != nil || attributes["aria-hidden"] == "true",
            !Self.voids.contains(name)
        {
            endBlock()
            left.append(name)
        } else if !left.isEmpty, !Self.voids.contains(name) {
            // An element within one that is left out ends before it does.
            left.append(name)
        }
        guard left.isEmpty else { return }
        if Self.blocks.contains(name) {
            endBlock()
            self.line = line
            heading = Self.level(name)
        }
        if name == "pre" { preformatted += 1 }
    }

    private static let voids: Set<String> = [
        "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr",
    ]

    private mutating func end(_ name: String) {
        if name == "title" { isTitle = false }
        if !left.isEmpty {
            if left.last == name { left.removeLast() }
            return
        }
        if Self.blocks.contains(name) { endBlock() }
        if name == "pre" { preformatted = max(0, preformatted - 1) }
        if name == main { isInMain = false }
    }

    private mutating func endBlock() {
        defer {
            text = ""
            heading = nil
        }
        guard text.contains(where: { !$0.isWhitespace }) else { return }
        if let heading {
            builder.begin(text, level: heading)
        } else {
            builder.add(text, line: line)
        }
    }

    private static func level(_ name: String) -> Int? {
        name.count == 2 && name.first == "h" ? name.last?.wholeNumberValue : nil
    }

    private mutating func takeMeta(_ attributes: [String: String]) {
        guard let content = attributes["content"], !content.isEmpty,
            let name = (attributes["name"] ?? attributes["property"])?.lowercased()
        else { return }
        switch name {
        case "keywords":
            for keyword in content.split(separator: ",") {
                metadata.add("tag", .text(String(keyword).trimmed))
            }
        case "author", "description": metadata.add(name, .text(content.trimmed))
        case "date", "article:published_time", "dcterms.date", "dc.date":
            metadata.add("date", .text(content.trimmed))
        default: break
        }
    }

    /// Runs of spaces are one space, and none begins a line.
    private static func collapsed(_ more: String, after text: String) -> String {
        var result = ""
        var last = text.last ?? " "
        for character in more {
            let shown: Character = character.isWhitespace ? " " : character
            if shown == " ", last.isWhitespace { continue }
            result.append(shown)
            last = shown
        }
        return result
    }

    mutating func finish(title fileTitle: String) -> Document? {
        endBlock()
        let own = title.map { $0.split(whereSeparator: \.isWhitespace).joined(separator: " ") } ?? ""
        guard var document = builder.finish(title: own.isEmpty ? fileTitle : own) else { return nil }
        document.url = url
        document.metadata = metadata
        return document
    }
}
