import Crypto
import Foundation
import KindredSystem

/// The content of a file that is one document, in one format.
protocol WholeFileFormat {
    /// Raised whenever the same file would give another text or other metadata.
    static var version: Int { get }

    /// - Throws: `invalidData` where the file is damaged or of another encoding; `unavailable` where a program that reads
    ///   it is not installed.
    /// - Returns: nil where it has no text.
    static func document(_ file: WholeFile, _ options: ReadingOptions) throws -> Document?
}

/// A file that is one document, read into memory.
struct WholeFile {
    /// As the user named it, or "standard input".
    let name: String
    let bytes: [UInt8]

    /// Its name without directories and endings: the title of a document that has no other.
    var title: String {
        let name = FileFormat.unpackedName(URL(fileURLWithPath: name).lastPathComponent)
        guard let dot = name.lastIndex(of: "."), dot > name.startIndex else { return String(name) }
        return String(name[..<dot])
    }
}

/// Reads a file that is one document.
final class WholeFileReader: DocumentReader {
    let collection: DocumentCollection
    private let path: String
    private let format: any WholeFileFormat.Type
    private let options: ReadingOptions
    private let source: ByteSource
    private var isRead = false

    var holdsOneDocument: Bool { true }

    var bytesRead: Int { source.bytesRead }
    var totalBytes: Int? { source.totalBytes }

    /// - Parameter path: absolute; what tells the document from others. Empty for standard input: then its content does.
    init(_ source: ByteSource, path: String, format: any WholeFileFormat.Type, options: ReadingOptions) {
        self.source = source
        self.path = path
        self.format = format
        self.options = options
        collection = .files(language: options.language)
    }

    func next() throws -> SourceItem? {
        guard !isRead else { return nil }
        isRead = true
        var bytes: [UInt8] = []
        while true {
            let more = try source.read()
            if more.isEmpty { break }
            bytes += more
            if bytes.count > options.longest { return .skipped(Skipped(.tooLong)) }
        }
        let isText = format != PDFFile.self
        if isText, options.charset == nil, TextEncodings.isBinary(bytes) {
            return .skipped(Skipped(.binary))
        }
        var hash = SHA256()
        hash.update(data: Data(path.utf8))
        hash.update(data: bytes)
        let digest = Array(hash.finalize().prefix(16))
        let file = WholeFile(name: source.name, bytes: bytes)
        let (format, options) = (format, options)
        return .document(
            DocumentEntry(
                key: path.isEmpty ? "\(digest)" : path, title: file.title, path: path, digest: digest,
                reader: format.version, load: { try format.document(file, options) }))
    }
}
