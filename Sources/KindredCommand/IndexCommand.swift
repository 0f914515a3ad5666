import ArgumentParser
import Foundation
import Kindred
import KindredSystem

struct IndexCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "index",
        abstract: "Read a Wikipedia dump into an index.",
        discussion: """
            The dump is a MediaWiki export: .xml.bz2 (pages-articles, single stream or multistream), .xml, .xml.gz, or \
            '-' for standard input. Work is committed as it goes. After Ctrl-C, a crash or a power cut, run the same \
            command again: it resumes. A newer dump of the same wiki updates the index; unchanged articles are not \
            encoded again.

              kindred index enwiki-latest-pages-articles.xml.bz2
              kindred index --sample
            """)

    @Argument(help: ArgumentHelp("The dump's path, '-' for standard input.", valueName: "dump"))
    var dump: String?

    @Option(
        name: .long,
        help: ArgumentHelp("The index's name (default: from the file's name).", valueName: "name"))
    var index: String?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "A model directory in Hugging Face's layout (default: the index's own, or the embedded encoder).",
            valueName: "directory"))
    var encoder: String?

    @Option(
        name: .customLong("max-page"),
        help: ArgumentHelp(
            "Skip and count pages with more wikitext than this, in megabytes (default: 64).",
            valueName: "MB"))
    var maxPage: Double?

    @Flag(name: .long, help: "Index the small sample that ships with Kindred.")
    var sample = false

    @Flag(name: .long, help: "Print the report as JSON.")
    var json = false

    @Flag(name: [.short, .long], help: "Show no progress.")
    var quiet = false

    @OptionGroup var indexes: IndexOptions

    func validate() throws {
        guard sample || dump != nil else { throw ValidationError("Name a dump, or --sample.") }
        guard !(sample && dump != nil) else { throw ValidationError("Name a dump or --sample, not both.") }
        if let maxPage, !(maxPage > 0 && maxPage <= 1024) {
            throw ValidationError("--max-page takes megabytes, above 0 and up to 1024.")
        }
    }

    func run() throws {
        let path = try sample ? Resources.sampleDump().string : dump!
        let directory = try IndexDirectory(root: indexes.root, name: index ?? Self.name(for: path))
        // Report a missing dump before loading the encoder.
        if path != "-", !FileManager.default.fileExists(atPath: path) {
            throw KindredError(.notFound, "no such file; check the path", at: .init(path: path))
        }
        let indexer = try Indexer(directory, model: encoder)
        Interrupts.hold()
        let progress = Progress(label: "Indexing \(directory.name)", unit: "passages", quiet: quiet)
        defer { progress.finish() }
        let report = try indexer.index(
            dump: path, longestPage: maxPage.map { Int($0 * 1_048_576) },
            shouldStop: { Interrupts.requested },
            progress: { now in
                let fraction = now.totalBytes.map { $0 == 0 ? 1 : Double(now.bytesRead) / Double($0) }
                progress.update(
                    done: Double(now.passages), fraction: fraction,
                    detail: "\(Format.count(now.pages)) pages"
                        + (now.isStopping ? ", stopping" : ""))
            })
        progress.finish()
        let status = try? IndexStatus(directory)
        if json {
            try CommandOutput.json(IndexingOutput(index: directory.name, report: report, status: status))
        } else {
            Self.print(report, directory: directory, status: status)
        }
        if let failure = report.failure { throw failure }
        if report.stopped { throw ExitCode(130) }
    }

    /// "enwiki-20240101-pages-articles.xml.bz2" → "enwiki-20240101". A name that loses characters of other scripts, or
    /// its end, gets a part that tells it from others.
    static func name(for path: String) -> String {
        // What the shell makes of "<(…)" has a number for a name.
        guard path != "-", !path.hasPrefix("/dev/"), !path.hasPrefix("/proc/") else { return "stdin" }
        var name = (path as NSString).lastPathComponent.precomposedStringWithCanonicalMapping
        for suffix in [".bz2", ".gz", ".xml"] where name.hasSuffix(suffix) { name.removeLast(suffix.count) }
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
                "\(style.bold(directory.name)): nothing to do; the dump was indexed before and has not changed"
            )
        } else if report.isIdle {
            CommandOutput.line(
                "\(style.bold(directory.name)): nothing to do; every article is indexed already")
        }
        var skipped = ["\(Format.count(report.redirects)) redirects"]
        if report.otherNamespaces > 0 {
            skipped.append("\(Format.count(report.otherNamespaces)) of other namespaces")
        }
        if report.otherModels > 0 { skipped.append("\(Format.count(report.otherModels)) not wikitext") }
        if report.empty > 0 { skipped.append("\(Format.count(report.empty)) without prose") }
        if report.tooLong > 0 { skipped.append("\(Format.count(report.tooLong)) longer than --max-page") }
        CommandOutput.line(
            "  pages      \(Format.count(report.pages)), not indexed: \(skipped.joined(separator: ", "))")
        if !report.alreadyComplete {
            CommandOutput.line(
                "  articles   \(Format.count(report.added)) new, \(Format.count(report.changed)) changed, "
                    + "\(Format.count(report.unchanged)) unchanged"
                    + (report.removed > 0 ? ", \(Format.count(report.removed)) removed" : ""))
            if report.missing > 0 {
                CommandOutput.line(
                    "             \(Format.count(report.missing)) others stay: the dump has too few to be all of the wiki"
                )
            }
            if let first = report.firstForbiddenCharacter {
                CommandOutput.line(
                    "  characters \(Format.count(report.forbiddenCharacters)) that XML does not allow, now spaces; "
                        + "the first: \(first)")
            }
            let rate = report.seconds > 0 ? Double(report.passages) / report.seconds : 0
            CommandOutput.line(
                "  passages   \(Format.count(report.passages)) encoded in \(Format.duration(report.seconds)) "
                    + "(\(Format.rate(rate, unit: "passages")))")
        }
        if let status {
            CommandOutput.line(
                "  index      \(Format.count(status.articles)) articles, \(Format.count(status.passages)) passages, "
                    + "\(Format.bytes(status.totalBytes)) on disk")
        }
        if report.stopped {
            CommandOutput.line("Stopped; the listed work is committed. Run the same command to continue.")
        }
    }
}

extension IndexingReport {
    /// Whether the run found nothing to do.
    fileprivate var isIdle: Bool { added + changed + removed == 0 && failure == nil && !stopped }
}

/// The report of `kindred index --json`.
private struct IndexingOutput: Encodable {
    let index: String
    let pages, redirects, otherNamespaces, otherModels, withoutProse, tooLong: Int
    let articlesNew, articlesChanged, articlesUnchanged, articlesRemoved, articlesMissing: Int
    let forbiddenCharacters: Int
    let firstForbiddenCharacter: String?
    let articles, passages: Int?
    let passagesEncoded: Int
    let seconds, passagesPerSecond: Double
    let bytes: Int?
    let nothingToDo, stopped: Bool
    let error: String?

    init(index: String, report: IndexingReport, status: IndexStatus?) {
        self.index = index
        pages = report.pages
        redirects = report.redirects
        otherNamespaces = report.otherNamespaces
        otherModels = report.otherModels
        withoutProse = report.empty
        tooLong = report.tooLong
        articlesRemoved = report.removed
        articlesMissing = report.missing
        forbiddenCharacters = report.forbiddenCharacters
        firstForbiddenCharacter = report.firstForbiddenCharacter
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
        error = report.failure?.description
    }
}
