import KindredSystem

/// Markdown: CommonMark with GitHub's tables, and front matter.
enum MarkdownFile: WholeFileFormat {
    static let version = 1

    static func document(_ file: WholeFile, _ options: ReadingOptions) throws -> Document? {
        var text = try TextEncodings.decode(file.bytes, declared: options.charset, name: file.name)
        var title: String?
        var url = ""
        var metadata: Metadata = [:]
        var firstLine = 0
        if let (matter, lines) = try FrontMatter.read(text, name: file.name) {
            (title, url, metadata) = (matter.title, matter.url ?? "", matter.metadata)
            firstLine = lines
            text = text.split(separator: "\n", omittingEmptySubsequences: false).dropFirst(lines).joined(
                separator: "\n")
        }
        var builder = DocumentBuilder()
        for block in MarkdownBlocks(text).blocks {
            switch block {
            case .heading(let heading, let level):
                // The first heading of a file is its title.
                if builder.isEmpty, title == nil, level == 1 {
                    title = heading
                } else if heading != title || level > 1 {
                    builder.begin(heading, level: level)
                }
            case .text(let paragraph, let line): builder.add(paragraph, line: firstLine + line)
            case .html(let html, let line):
                builder.add(try HTMLTree(html, name: file.name).plainText, line: firstLine + line)
            }
        }
        guard var document = builder.finish(title: title ?? file.title) else { return nil }
        document.url = url
        document.metadata = metadata
        return document
    }
}

/// A block of Markdown as plain text.
enum MarkdownBlock: Equatable {
    case heading(String, level: Int)
    /// A paragraph, an item, a block of code or a row of a table; its line from 1.
    case text(String, line: Int)
    case html(String, line: Int)
}
