import Foundation
import KindredSystem

/// PDF, as Poppler's `pdftotext` and `pdfinfo` read it. Each page is a section, "Page 3".
enum PDFFile: WholeFileFormat {
    static let version = 1

    static func document(_ file: WholeFile, _ options: ReadingOptions) throws -> Document? {
        let copy = try TemporaryCopy(of: file.bytes, ending: ".pdf")
        let text = try output(of: "pdftotext", ["-enc", "UTF-8", "-q", copy.path, "-"], name: file.name)
        let info = try output(of: "pdfinfo", ["-enc", "UTF-8", "-isodates", copy.path], name: file.name)
        var metadata: Metadata = [:]
        var title = ""
        for line in info.split(separator: "\n") {
            let parts = line.split(separator: ":", maxSplits: 1)
            guard parts.count == 2 else { continue }
            let value = String(parts[1]).trimmed
            switch parts[0] {
            case "Title": title = value
            case "Author": metadata.add("author", .text(value))
            case "Subject": metadata.add("subject", .text(value))
            case "Keywords":
                for keyword in value.split(separator: ",") {
                    metadata.add("tag", .text(String(keyword).trimmed))
                }
            case "CreationDate": metadata.add("date", .text(value))
            case "Pages": metadata.add("pages", MetadataValue(parsing: value))
            default: break
            }
        }
        var builder = DocumentBuilder()
        for (index, page) in text.split(separator: "\u{0C}", omittingEmptySubsequences: false).enumerated() {
            builder.begin("Page \(index + 1)", level: 1)
            TextParagraphs.forEach(in: joined(String(page))) { piece in
                switch piece {
                case .heading(let text, _): builder.add(text)
                case .paragraph(let text, _): builder.add(text)
                }
            }
        }
        guard var document = builder.finish(title: title.isEmpty ? file.title : title) else { return nil }
        document.metadata = metadata
        return document
    }

    /// Words that a hyphen divides at the end of a line are whole again.
    private static func joined(_ page: String) -> String {
        page.replacing(/(\p{Ll})[-\u{00AD}]\n(\p{Ll})/) { "\($0.output.1)\($0.output.2)" }
    }
}

/// A file with some bytes that is removed when it is not needed any more.
private final class TemporaryCopy {
    let path: String

    /// - Throws: `inputOutput` where the directory for temporary files is full or read-only.
    init(of bytes: [UInt8], ending: String) throws {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent(
            "kindred-\(UUID().uuidString)\(ending)")
        path = url.path
        do {
            try Data(bytes).write(to: url)
        } catch {
            throw KindredError(
                .inputOutput, "cannot be written; free space there or set TMPDIR", at: .init(path: path),
                cause: error)
        }
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}

extension PDFFile {
    /// What one of Poppler's programs prints.
    ///
    /// - Parameter name: of the file that it reads, for errors.
    /// - Throws: `unavailable` where the program is not installed; `invalidData` where it fails; `interrupted`.
    fileprivate static func output(of program: String, _ arguments: [String], name: String) throws -> String {
        guard let (_, path) = ChildProcess.installed([program]) else {
            throw KindredError(
                .unavailable,
                "reading PDF needs \(program); install it (Debian and Ubuntu: apt install poppler-utils)",
                at: .init(path: name))
        }
        let child = try ChildProcess(path, arguments)
        var output: [UInt8] = []
        while true {
            let bytes = try child.read(upTo: 1 << 18)
            if bytes.isEmpty { break }
            output += bytes
        }
        let status = child.wait()
        guard status == 0 else {
            throw KindredError(
                .invalidData, "is damaged or needs a password (\(program) ended with status \(status))",
                at: .init(path: name))
        }
        return String(decoding: output, as: UTF8.self)
    }
}
