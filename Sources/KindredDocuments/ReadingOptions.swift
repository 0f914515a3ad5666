import KindredSystem

/// How files are read.
package struct ReadingOptions: Sendable, Hashable {
    /// The format of every file; nil for the one that its name or its content tells.
    package var format: FileFormat?
    /// The fields of JSON lines and CSV files; where none is named, the usual names.
    package var textFields: [String] = []
    package var titleField: String?
    package var urlField: String?
    package var idField: String?
    /// The encoding of text without a byte order mark and without a declaration; nil for UTF-8.
    package var charset: String?
    /// Code of the files' language; empty where it is not known.
    package var language = ""
    /// Bytes of a page, file or record, at most.
    package var longest = 64 << 20
    /// Whether `.gitignore` files of directories are respected.
    package var respectsIgnoreFiles = true
    package var includesHidden = false

    package init() {}
}
