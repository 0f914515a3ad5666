import Foundation
import KindredSystem
import KindredWikipedia

/// A path that documents are read from: a dump, a file in one of the formats, a directory, or "-" for standard input.
package struct DocumentSource: Sendable {
    /// Changes whenever some file would give other documents.
    package static let version =
        "dump \(DumpFile.version), text \(PlainTextFile.version), markdown \(MarkdownFile.version), "
        + "html \(HTMLFile.version), pdf \(PDFFile.version), jsonl \(JSONLinesFile.version), csv \(CSVFile.version)"

    package enum Kind: Sendable { case file, directory, stream }

    /// As the user named it, or "standard input".
    package let name: String
    package let kind: Kind
    /// Absolute, with links resolved; nil for standard input and pipes.
    package let path: String?
    private let options: ReadingOptions
    private let argument: String
    /// The files of a directory.
    private let tree: FileTree?

    /// Lists a directory's files.
    ///
    /// - Throws: `notFound` where there is no such file; `invalidRequest` for the index of a multistream dump; `inputOutput`
    ///   for a directory that cannot be listed.
    package init(_ argument: String, options: ReadingOptions) throws {
        self.argument = argument
        self.options = options
        if argument == "-" {
            (name, kind, path, tree) = ("standard input", .stream, nil, nil)
            return
        }
        name = argument.count > 1 && argument.hasSuffix("/") ? String(argument.dropLast()) : argument
        switch FileKind(argument) {
        case .missing:
            throw KindredError(
                .notFound, "no such file or directory; check the path", at: .init(path: argument))
        case .directory: kind = .directory
        case .regular: kind = .file
        case .pipe: kind = .stream
        }
        if kind == .file, let dump = MultistreamIndex.dumpPath(of: argument) {
            throw KindredError(
                .invalidRequest, "is the index of a multistream dump; name the dump: \(dump)",
                at: .init(path: argument))
        }
        path =
            kind == .stream
            ? nil : URL(fileURLWithPath: argument).resolvingSymlinksInPath().standardizedFileURL.path
        if kind == .directory, let path {
            tree = try FileTree(root: path, name: name, options: options)
        } else {
            tree = nil
        }
    }

    /// Bytes of the files of a directory that are read; nil for any other source.
    package var treeSize: Int? { tree?.size }

    /// Opens the source.
    ///
    /// - Throws: `notFound`, `inputOutput`; `invalidRequest` where neither name nor content tells the format; what
    ///   reading the start of a dump throws.
    package func open() throws -> any DocumentReader {
        if let tree { return DirectoryReader(tree, options: options) }
        let format = options.format ?? (kind == .stream ? nil : FileFormat(fileName: argument))
        if let reader = try Self.reader(
            of: argument, at: path ?? "", format: format, options: options, isListed: false)
        {
            return reader
        }
        let formats = FileFormat.allCases.map(\.rawValue).joined(separator: ", ")
        throw KindredError(
            .invalidRequest,
            "neither its name nor its content tells what \(name) is; name the format with --format (\(formats))"
        )
    }

    /// A reader of one file; nil where its format is not told.
    ///
    /// - Parameters:
    ///   - argument: what to open.
    ///   - path: absolute; what tells its documents from others.
    ///   - format: nil where the content must tell.
    ///   - isListed: whether the file was found in a directory rather than named.
    static func reader(
        of argument: String, at path: String, format: FileFormat?, options: ReadingOptions, isListed: Bool
    ) throws -> (any DocumentReader)? {
        let source = try ByteSource(path: argument)
        var format = format
        if format == nil || (format == .dump && isListed) {
            let start = try source.read()
            source.unread(start)
            let told = FileFormat(start: start)
            // XML in a directory may be anything.
            if isListed, told != .dump { return nil }
            format = told
        }
        switch format {
        case .dump: return try DumpFile(source, options: options)
        case .text: return whole(PlainTextFile.self)
        case .markdown: return whole(MarkdownFile.self)
        case .html: return whole(HTMLFile.self)
        case .pdf: return whole(PDFFile.self)
        case .jsonl:
            return RecordReader(
                source, path: path, format: JSONLinesFile(source, options: options), options: options)
        case .csv:
            return RecordReader(
                source, path: path, format: CSVFile(source, options: options), options: options)
        case nil: return nil
        }
        func whole(_ format: any WholeFileFormat.Type) -> any DocumentReader {
            WholeFileReader(source, path: path, format: format, options: options)
        }
    }
}
