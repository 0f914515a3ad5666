import ArgumentParser
import Foundation
import Kindred
import KindredDocuments
import KindredSystem

struct IndexCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "index",
        abstract: "Read dumps, files and directories into an index.",
        discussion: """
            A path is a MediaWiki dump (.xml, also compressed by bzip2, gzip, xz, zstd or 7z), a file (.txt, .md, .html, \
            .pdf, .jsonl, .csv), a directory of these, or '-' for standard input. Directories respect .gitignore; hidden \
            and binary files are skipped and counted.

            Work is committed as it goes. After Ctrl-C, a crash or a power cut, run the same command again: it resumes. \
            Run it again later to update the index: unchanged documents are not encoded again, and those that are gone \
            are removed.

              kindred index enwiki-latest-pages-articles.xml.bz2
              kindred index notes papers --index library
              kindred index reviews.jsonl --text-field review --title-field product
              kindred index --sample
            """)

    @Argument(
        help: ArgumentHelp("Dumps, files, directories; '-' for standard input.", valueName: "path"),
        completion: .file())
    var paths: [String] = []

    @Option(
        name: .long,
        help: ArgumentHelp("The index's name (default: from the name of the path).", valueName: "name"),
        completion: .indexName)
    var index: String?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "A model directory in Hugging Face's layout (default: the index's own, or the embedded encoder).",
            valueName: "directory"), completion: .file(extensions: ["gguf"]))
    var encoder: String?

    @OptionGroup(title: "How files are read") var reading: ReadingArguments

    @Flag(
        name: .long,
        help: """
            Remove everything that the paths no longer have. Without it more than half of the documents are never \
            removed, and on a terminal you are asked from 5 % on.
            """)
    var prune = false

    @Flag(name: .long, help: "Index the small sample that ships with Kindred.")
    var sample = false

    @Flag(name: .long, help: "Print the report as JSON.")
    var json = false

    @Flag(name: [.short, .long], help: "Show no progress.")
    var quiet = false

    @OptionGroup var indexes: IndexOptions
    @OptionGroup var threads: ThreadOptions

    func validate() throws {
        guard sample || !paths.isEmpty else { throw ValidationError("Name a path, or --sample.") }
        guard !(sample && !paths.isEmpty) else {
            throw ValidationError("Name paths or --sample, not both.")
        }
        guard paths.count(where: { $0 == "-" }) <= 1 else {
            throw ValidationError("Standard input can be read once.")
        }
    }

    func run() throws {
        threads.apply()
        let paths = try sample ? [Resources.sampleDump().string] : Self.expanded(self.paths)
        let directory = try IndexDirectory(root: indexes.root, name: index ?? Self.name(for: paths))
        // Report a missing file before loading the encoder.
        for path in paths where path != "-" && !FileManager.default.fileExists(atPath: path) {
            throw KindredError(.notFound, "no such file or directory; check the path", at: .init(path: path))
        }
        let isNew = try !directory.exists
        let indexer = try Indexer(directory, model: encoder)
        Interrupts.hold()
        let progress = Progress(label: "Indexing \(directory.name)", unit: "passages", quiet: quiet)
        defer { progress.finish() }
        let report = try indexer.index(
            paths, options: try reading.options(),
            mayRemove: { gone, known in
                progress.finish()
                return mayRemove(gone, of: known)
            },
            shouldStop: { Interrupts.requested },
            progress: { now in
                let fraction = now.totalBytes.map { $0 == 0 ? 1 : Double(now.bytesRead) / Double($0) }
                progress.update(
                    done: Double(now.passages), fraction: fraction,
                    detail: "\(Format.count(now.pages)) read" + (now.isStopping ? ", stopping" : ""),
                    toCome: now.passagesToCome)
            })
        progress.finish()
        for source in report.sources {
            for error in source.errors { CommandOutput.warning(error) }
            let faults = source.faults - source.errors.count
            if faults > 0 { CommandOutput.warning("\(source.name): \(Format.count(faults)) more like these") }
        }
        if let warning = report.warning { CommandOutput.warning(warning) }
        let status = try? IndexStatus(directory)
        if json {
            try CommandOutput.json(IndexingOutput(index: directory.name, report: report, status: status))
        } else {
            Self.print(report, directory: directory, status: status)
        }
        if !json, !quiet, report.failure == nil, !report.stopped, let status {
            tellNext(status, isNew: isNew)
        }
        if let failure = report.failure { throw failure }
        if report.stopped { throw ExitCode(130) }
    }

    /// Says what there is now and what to type next, apart from the report.
    private func tellNext(_ status: IndexStatus, isNew: Bool) {
        if isNew {
            CommandOutput.errorLine(
                "made the index \"\(status.name)\": \(Format.count(status.articles)) articles, "
                    + "\(Format.count(status.passages)) passages, \(Format.bytes(status.totalBytes))")
        }
        let place = indexes.directory.map { " --indexes \($0.contains(" ") ? "'\($0)'" : $0)" } ?? ""
        CommandOutput.errorLine(
            "kindred search \"your question\" --index \(status.name)\(Terminal.sanitized(place))")
    }

    /// A person is asked before much is removed; a script is not, and half of what there was stays in any case.
    private func mayRemove(_ gone: Int, of known: Int) -> Bool {
        if prune || gone * 20 <= known { return true }
        guard Terminal.isTerminal(.standardInput), Terminal.isTerminal(.standardError), !quiet, !json else {
            return gone * 2 <= known
        }
        return Confirmation.ask(
            "\(Format.count(gone)) of \(Format.count(known)) documents are gone from the paths. Remove them from the index?"
        )
    }

    /// The paths with patterns that the shell has left expanded.
    static func expanded(_ paths: [String]) throws -> [String] {
        try paths.flatMap { path -> [String] in
            guard path != "-", !FileManager.default.fileExists(atPath: path),
                path.contains(where: { "*?[".contains($0) })
            else { return [path] }
            let found = FilePattern.matches(path)
            guard !found.isEmpty else {
                throw KindredError(.notFound, "no file matches this pattern", at: .init(path: path))
            }
            return found
        }
    }

    /// The name for several paths: theirs where they have one in common, as the parts of a dump have.
    static func name(for paths: [String]) throws -> String {
        let names = Set(paths.map(name))
        guard let name = names.first, names.count == 1 else {
            throw KindredError(
                .invalidRequest, "several paths have no name in common; name the index with --index")
        }
        return name
    }

    /// "enwiki-20240101-pages-articles.xml.bz2" → "enwiki-20240101". A name that loses characters of other scripts, or
    /// its end, gets a part that tells it from others.
    private static let compressions = [".bz2", ".gz", ".xz", ".zst", ".7z"]
    private static let endings = [
        ".xml", ".txt", ".md", ".markdown", ".html", ".htm", ".pdf", ".jsonl", ".ndjson", ".csv", ".tsv",
    ]

    static func name(for path: String) -> String {
        // What the shell makes of "<(…)" has a number for a name.
        guard path != "-", !path.hasPrefix("/dev/"), !path.hasPrefix("/proc/") else { return "stdin" }
        var name = (path as NSString).lastPathComponent.precomposedStringWithCanonicalMapping
        for suffix in compressions where name.lowercased().hasSuffix(suffix) { name.removeLast(suffix.count) }
        // ".xml-p1p41242" is the first part of a dump.
        if let part = name.firstMatch(of: /[0-9]*\.xml(-p[0-9]+p[0-9]+)?$/) {
            name.removeSubrange(part.range)
        }
        for suffix in endings where name.lowercased().hasSuffix(suffix) { name.removeLast(suffix.count) }
        if let range = name.range(of: "-pages-articles") { name = String(name[..<range.lowerBound]) }
        if name.hasSuffix("-latest") { name.removeLast("-latest".count) }
        var kept = ""
        var isLossy = false
        for scalar in name.unicodeScalars {
            if !scalar.isASCII {
                isLossy = true
            } else {
                let keeps = scalar.properties.isAlphabetic || scalar.properties.numericType != nil
                kept.append(keeps || "-_.".unicodeScalars.contains(scalar) ? Character(scalar) : "-")
            }
        }
        var trimmed = String(kept.drop { $0 == "." || (isLossy && $0 == "-") }.prefix(64))
        if isLossy || kept.count > 64 {
            let mark = String(CRC32C(Array(name.utf8)).value, radix: 16)
            trimmed = [String(trimmed.prefix(50)), mark].filter { !$0.isEmpty }.joined(separator: "-")
        }
        return trimmed.isEmpty ? "dump" : trimmed
    }

    private static func print(_ report: IndexingReport, directory: IndexDirectory, status: IndexStatus?) {
        let style = Style(for: .standardOutput)
        if report.alreadyComplete {
            CommandOutput.line(
                "\(style.bold(directory.name)): nothing to do; the same files were indexed before")
        } else if report.isIdle {
            CommandOutput.line(
                "\(style.bold(directory.name)): nothing to do; every document is indexed already")
        }
        for source in report.sources {
            if report.sources.count > 1 {
                CommandOutput.line("  \(style.bold(Terminal.sanitized(source.name)))")
            }
            print(source)
        }
        if !report.alreadyComplete {
            let rate = report.seconds > 0 ? Double(report.passages) / report.seconds : 0
            CommandOutput.line(
                "  passages   \(Format.count(report.passages)) encoded in \(Format.duration(report.seconds)) "
                    + "(\(Format.rate(rate, unit: "passages")))")
        }
        if let status {
            CommandOutput.line(
                "  index      \(Format.count(status.articles)) documents, \(Format.count(status.passages)) passages, "
                    + "\(Format.bytes(status.totalBytes)) on disk")
        }
        if report.stopped {
            CommandOutput.line("Stopped; the listed work is committed. Run the same command to continue.")
        }
    }

    private static func print(_ source: SourceReport) {
        var skipped = source.skipped.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map {
            "\(Format.count($0.value)) \($0.key)"
        }
        if source.redirects > 0 { skipped.insert("\(Format.count(source.redirects)) redirects", at: 0) }
        CommandOutput.line(
            "  read       \(Format.count(source.pages))"
                + (skipped.isEmpty ? "" : ", not indexed: \(skipped.joined(separator: ", "))"))
        guard !source.alreadyComplete else { return }
        CommandOutput.line(
            "  documents  \(Format.count(source.added)) new, \(Format.count(source.changed)) changed, "
                + "\(Format.count(source.unchanged)) unchanged"
                + (source.removed > 0 ? ", \(Format.count(source.removed)) removed" : ""))
        if source.missing > 0 {
            CommandOutput.line(
                "             \(Format.count(source.missing)) that the path lacks stay; --prune removes them")
        }
        if let first = source.firstForbiddenCharacter {
            CommandOutput.line(
                "  characters \(Format.count(source.forbiddenCharacters)) that XML does not allow, now spaces; "
                    + "the first: \(first)")
        }
    }
}

/// How files are read.
struct ReadingArguments: ParsableArguments {
    @Option(
        help: "The format of every file (default: what its name or its content tells).")
    var format: FileFormat?

    @Option(
        name: .customLong("text-field"),
        help: ArgumentHelp(
            "Fields of JSON lines and CSV that hold the text, in this order (default: text, content, body and the like).",
            valueName: "name"))
    var textFields: [String] = []

    @Option(
        name: .customLong("title-field"),
        help: ArgumentHelp("The field with the title (default: title, name and the like).", valueName: "name")
    )
    var titleField: String?

    @Option(
        name: .customLong("url-field"),
        help: ArgumentHelp("The field with the address (default: url, link and the like).", valueName: "name")
    )
    var urlField: String?

    @Option(
        name: .customLong("id-field"),
        help: ArgumentHelp(
            "The field that tells records from each other (default: _id, id and the like, else the record's content).",
            valueName: "name"))
    var idField: String?

    @Option(
        help: ArgumentHelp(
            "The encoding of text that does not declare one, for example windows-1252 (default: utf-8).",
            valueName: "name"))
    var charset: String?

    @Option(
        help: ArgumentHelp(
            "The language of the files, for example de (default: guessed from each text). Dumps name their own.",
            valueName: "code"))
    var language: String?

    @Option(
        name: .customLong("max-page"),
        help: ArgumentHelp(
            "Skip and count pages, files and records larger than this, in megabytes (default: 64).",
            valueName: "MB"))
    var maxPage: Double?

    @Flag(name: .customLong("no-ignore"), help: "Read what .gitignore files exclude, too.")
    var noIgnore = false

    @Flag(help: "Read hidden files and directories, too.")
    var hidden = false

    func validate() throws {
        if let maxPage, !(maxPage > 0 && maxPage <= 1024) {
            throw ValidationError("--max-page takes megabytes, above 0 and up to 1024.")
        }
        if let language, language.wholeMatch(of: /[a-z]{2,3}(-[A-Za-z0-9]+)*/) == nil {
            throw ValidationError("--language takes a code such as de, not '\(language)'.")
        }
    }

    func options() throws -> ReadingOptions {
        var options = ReadingOptions()
        options.format = format
        options.textFields = textFields.flatMap { $0.split(separator: ",").map(String.init) }
        options.titleField = titleField
        options.urlField = urlField
        options.idField = idField
        options.charset = charset
        options.language = language ?? ""
        if let maxPage { options.longest = Int(maxPage * 1_048_576) }
        options.respectsIgnoreFiles = !noIgnore
        options.includesHidden = hidden
        return options
    }
}

extension FileFormat: ExpressibleByArgument {}

extension SourceReport {
    /// Files and records that were skipped for a fault.
    fileprivate var faults: Int {
        ["damaged", "not readable", "of unknown encoding"].reduce(0) { $0 + (skipped[$1] ?? 0) }
    }
}

extension IndexingReport {
    /// Whether the run found nothing to do.
    fileprivate var isIdle: Bool { added + changed + removed == 0 && failure == nil && !stopped }
}

/// The report of `kindred index --json`.
private struct IndexingOutput: Encodable {
    struct Source: Encodable {
        let source: String
        let read, redirects, articlesNew, articlesChanged, articlesUnchanged, articlesRemoved,
            articlesMissing: Int
        let passagesEncoded: Int
        let skipped: [String: Int]
        let errors: [String]
        let error: String?

        init(_ report: SourceReport) {
            source = report.name
            read = report.pages
            redirects = report.redirects
            articlesNew = report.added
            articlesChanged = report.changed
            articlesUnchanged = report.unchanged
            articlesRemoved = report.removed
            articlesMissing = report.missing
            passagesEncoded = report.passages
            skipped = report.skipped
            errors = report.errors
            error = report.failure?.description
        }
    }

    let index: String
    let sources: [Source]
    let pages, redirects: Int
    let skipped: [String: Int]
    let articlesNew, articlesChanged, articlesUnchanged, articlesRemoved, articlesMissing: Int
    let forbiddenCharacters: Int
    let firstForbiddenCharacter: String?
    let articles, passages: Int?
    let passagesEncoded: Int
    let seconds, passagesPerSecond: Double
    let bytes: Int?
    let nothingToDo, stopped: Bool
    let warning, error: String?

    init(index: String, report: IndexingReport, status: IndexStatus?) {
        self.index = index
        sources = report.sources.map(Source.init)
        pages = report.pages
        redirects = report.redirects
        skipped = report.skipped
        articlesRemoved = report.removed
        articlesMissing = report.missing
        forbiddenCharacters = report.forbiddenCharacters
        firstForbiddenCharacter = report.sources.lazy.compactMap(\.firstForbiddenCharacter).first
        articlesNew = report.added
        articlesChanged = report.changed
        articlesUnchanged = report.unchanged
        articles = status?.articles
        passages = status?.passages
        passagesEncoded = report.passages
        seconds = report.seconds
        passagesPerSecond = report.seconds > 0 ? Double(report.passages) / report.seconds : 0
        bytes = status?.totalBytes
        nothingToDo = report.isIdle
        stopped = report.stopped
        warning = report.warning
        error = report.failure?.description
    }
}
