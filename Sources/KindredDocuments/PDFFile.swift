import Foundation
import KindredSystem

/// PDF, as Poppler's `pdftotext` and `pdfinfo` read it. Each page is a section, "Page 3".
enum PDFFile: WholeFileFormat {
    static let version = 1

    static func document(_ file: WholeFile, _ options: ReadingOptions) throws -> Document? {
        let copy = try TemporaryCopy(of: file.bytes, ending: ".pdf")
        let text = String(
            decoding: try Program("pdftotext", package: "poppler-utils").run(
                ["-enc", "UTF-8", "-q", copy.path, "-"], input: file.name),
            as: UTF8.self)
        let info = try Program("pdfinfo", package: "poppler-utils").run(
            ["-enc", "UTF-8", "-isodates", copy.path], input: file.name)
        var metadata: Metadata = [:]
        var title = ""
        for line in String(decoding: info, as: UTF8.self).split(separator: "\n") {
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

/// A program that this system may have.
private struct Program {
    private let name: String
    private let executable: URL

    /// - Parameter package: Debian's package that has it.
    /// - Throws: `unavailable` where it is not installed.
    init(_ name: String, package: String) throws {
        self.name = name
        let places = (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin").split(separator: ":")
        let found = places.map { "\($0)/\(name)" }.first { FileManager.default.isExecutableFile(atPath: $0) }
        guard let found else {
            throw KindredError(
                .unavailable,
                "reading PDF needs \(name); install it (Debian and Ubuntu: apt install \(package))")
        }
        executable = URL(fileURLWithPath: found)
    }

    /// What it writes to standard output.
    ///
    /// - Parameter input: the name of the file that it reads, for errors.
    /// - Throws: `invalidData` where it fails.
    func run(_ arguments: [String], input: String) throws -> Data {
        let process = Process()
        process.executableURL = executable
        process.arguments = arguments
        let (output, errors) = (Pipe(), Pipe())
        process.standardOutput = output
        process.standardError = errors
        process.standardInput = FileHandle.nullDevice
        do {
            try process.run()
        } catch {
            throw KindredError(.unavailable, "\(name) cannot be started", cause: error)
        }
        // What it complains of is short, and `-q` keeps it from filling the pipe.
        let data = output.fileHandleForReading.readDataToEndOfFile()
        let complaint = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        // Ctrl-C reaches the programs that this one has started, too.
        guard process.terminationReason == .exit else {
            throw KindredError(.interrupted, "\(name) was stopped by signal \(process.terminationStatus)")
        }
        guard process.terminationStatus == 0 else {
            let reason =
                complaint.split(separator: "\n").first.map(String.init)
                ?? "status \(process.terminationStatus)"
            throw KindredError(
                .invalidData, "is damaged or protected: \(name) says \"\(reason.prefix(200))\"",
                at: .init(path: input))
        }
        return data
    }
}
