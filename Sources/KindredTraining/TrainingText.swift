import Foundation
import KindredSystem
import KindredWikipedia

/// Documents to train on, one by one: paragraphs are lines.
///
/// A file may be a MediaWiki dump, or plain text; bzip2 and gzip are unpacked on the way, and "-" is standard input (for
/// `xz -dc FILE | …`). In plain text an empty line ends a document, unless the file has the `<doc …>` … `</doc>` lines of
/// WikiExtractor, which then do.
package enum TrainingText {
    /// Calls `body` with each document of a file, until it returns false.
    ///
    /// - Throws: `notFound`, `inputOutput`; `invalidData` with line and byte of what is no UTF-8 or no dump.
    package static func forEachDocument(in path: String, _ body: (String) throws -> Bool) throws {
        let source = try ByteSource(path: path)
        let start = try source.read()
        // "<mediawiki", also where each letter takes two bytes.
        if start.prefix(1024).filter({ $0 != 0 }).firstRange(of: Array("<mediawiki".utf8)) != nil {
            source.unread(start)
            return try forEachArticle(in: source, body)
        }
        var lines = LineReader(source, first: start)
        var document: [String] = []
        var isMarked = false
        func end() throws -> Bool {
            defer { document.removeAll(keepingCapacity: true) }
            return document.isEmpty ? true : try body(document.joined(separator: "\n"))
        }
        while let line = try lines.next() {
            if line.hasPrefix("<doc ") && line.hasSuffix(">") {
                isMarked = true
                guard try end() else { return }
            } else if line == "</doc>" {
                guard try end() else { return }
            } else if !line.isEmpty {
                document.append(line)
            } else if !isMarked {
                guard try end() else { return }
            }
        }
        _ = try end()
    }

    private static func forEachArticle(in source: ByteSource, _ body: (String) throws -> Bool) throws {
        let reader = try DumpReader(source)
        while let page = try reader.next() {
            guard page.namespace == 0, page.redirectTarget == nil else { continue }
            let article = Article(title: page.title, wikitext: page.wikitext, site: reader.site)
            guard !article.bytes.isEmpty else { continue }
            guard try body(article.text) else { return }
        }
    }

    /// The sentences of a document that are worth telling apart.
    /// - Parameter bytes: how long a sentence may be.
    package static func sentences(of document: String, bytes: ClosedRange<Int> = 24...1000) -> [String] {
        var sentences: [String] = []
        for line in document.utf8.split(separator: 0x0A) {
            let text = Array(line)
            for range in SentenceCutter.sentences(text, 0..<text.count) where bytes.contains(range.count) {
                sentences.append(String(decoding: text[range], as: UTF8.self))
            }
        }
        return sentences
    }

    /// Lines of a byte source, checked to be UTF-8.
    package struct LineReader {
        private let source: ByteSource
        private var buffer: ArraySlice<UInt8>
        private var isAtEnd = false
        private var byte = 0
        /// Number of the line that was returned last, from 1.
        package private(set) var number = 0

        /// A line longer than this is an error: it is no text.
        private static let longest = 1 << 26

        init(_ source: ByteSource, first: [UInt8]) {
            self.source = source
            buffer = first[...]
        }

        /// - Throws: `notFound`, `inputOutput`.
        package init(path: String) throws {
            source = try ByteSource(path: path)
            buffer = []
        }

        /// The next line without its end, and without the spaces around it.
        package mutating func next() throws -> String? {
            var searched = 0
            while true {
                if let end = buffer[(buffer.startIndex + searched)...].firstIndex(of: 0x0A) {
                    let line = buffer[..<end]
                    buffer = buffer[(end + 1)...]
                    return try decoded(line, consumed: line.count + 1)
                }
                searched = buffer.count
                guard !isAtEnd, searched <= Self.longest else { break }
                let more = try source.read()
                isAtEnd = more.isEmpty
                if !more.isEmpty { buffer = Array(buffer)[...] + more }
            }
            guard searched <= Self.longest else {
                throw KindredError(
                    .invalidData, "a line is longer than \(Self.longest) bytes; this is not text",
                    at: .init(path: source.name, byte: byte, line: number + 1))
            }
            guard !buffer.isEmpty else { return nil }
            defer { buffer = [] }
            return try decoded(buffer, consumed: buffer.count)
        }

        private mutating func decoded(_ line: ArraySlice<UInt8>, consumed: Int) throws -> String {
            number += 1
            guard let text = String(validating: line, as: UTF8.self) else {
                throw KindredError(
                    .invalidData, "is not UTF-8; convert it, for example with iconv",
                    at: .init(path: source.name, byte: byte, line: number))
            }
            byte += consumed
            return text.trimmingCharacters(in: .whitespacesAndNewlines)
        }
    }
}
