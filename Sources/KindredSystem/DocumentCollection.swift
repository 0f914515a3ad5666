/// Documents that belong together: the articles of a wiki, or files.
package struct DocumentCollection: Hashable, Sendable {
    package var name: String
    /// What tells it from other collections of an index.
    package var identity: String
    /// URL of a wiki's main page; empty for files.
    package var base: String
    /// Code of the language, "de"; empty where it is not known.
    package var language: String

    package init(name: String, identity: String, base: String, language: String) {
        self.name = name
        self.identity = identity
        self.base = base
        self.language = language
    }

    /// Files and records of files.
    ///
    /// - Parameter language: empty where it is not known.
    package static func files(language: String) -> DocumentCollection {
        DocumentCollection(
            name: "files", identity: language.isEmpty ? "files" : "files:\(language)", base: "",
            language: language)
    }
}
