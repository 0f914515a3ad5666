import KindredSystem

/// The formats of files that Kindred reads.
package enum FileFormat: String, CaseIterable, Sendable {
    case dump, text, markdown, html, pdf, jsonl, csv

    private static let extensions: [String: FileFormat] = [
        "txt": .text, "text": .text, "rst": .text, "adoc": .text, "asciidoc": .text, "org": .text,
        "tex": .text,
        "md": .markdown, "markdown": .markdown, "mdown": .markdown, "mkd": .markdown, "mdx": .markdown,
        "html": .html, "htm": .html, "xhtml": .html, "pdf": .pdf, "jsonl": .jsonl, "ndjson": .jsonl,
        "csv": .csv,
        "tsv": .csv, "xml": .dump,
    ]

    /// Endings of compressed files that `ByteSource` unpacks.
    private static let compressions = [".gz", ".bz2", ".xz", ".zst", ".7z"]

    /// A file's name without the ending of a compression.
    static func unpackedName(_ name: String) -> Substring {
        for ending in compressions where name.lowercased().hasSuffix(ending) {
            return name.dropLast(ending.count)
        }
        return name[...]
    }

    /// The format that a file's name tells; nil where it tells none.
    package init?(fileName: String) {
        let name = Self.unpackedName(fileName)
        guard let dot = name.lastIndex(of: "."),
            let known = Self.extensions[name[name.index(after: dot)...].lowercased()]
        else { return nil }
        self = known
    }

    /// The format that the first bytes of a file tell; nil where they tell none.
    package init?(start: [UInt8]) {
        // A letter of UTF-16 takes two bytes.
        let text = String(decoding: start.prefix(4096).filter { $0 != 0 }, as: UTF8.self)
        let first = text.drop { $0.isWhitespace || $0 == "\u{FEFF}" }.prefix(4096).lowercased()
        if first.contains("<mediawiki") {
            self = .dump
        } else if first.hasPrefix("%pdf-") {
            self = .pdf
        } else if first.hasPrefix("<!doctype html") || first.hasPrefix("<html") {
            self = .html
        } else if first.hasPrefix("{\"") || first.hasPrefix("{ \"") {
            self = .jsonl
        } else {
            return nil
        }
    }
}
