import ArgumentParser
import Foundation
import Kindred
import KindredSystem
import SystemPackage

struct ReplCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "repl", abstract: "Ask an index several questions; the model stays loaded.",
        discussion: """
            Type a question, or :help. Ctrl-C clears the line, Ctrl-D ends.

              kindred repl --index enwiki --mode semantic
              kindred repl --index enwiki --json < questions.txt
            """)

    @OptionGroup var options: SearchOptions
    @OptionGroup var indexes: IndexOptions

    @Flag(name: .long, help: "Print one JSON object on a line for each question.")
    var json = false

    func run() throws {
        let directory = try IndexDirectory.find(options.index, in: indexes.root)
        var session = try ReplSession(directory, root: indexes.root, options: options, json: json)
        let completion = ReplCompletion(root: indexes.root, index: directory)
        let editor = LineEditor(
            prompt: "\(directory.name)> ", history: Self.historyPath, completions: completion.words)
        if Terminal.isTerminal(.standardOutput), !json {
            CommandOutput.line(
                "Kindred \(KindredCommand.configuration.version): ask \(directory.name), or :help.")
        }
        // Ctrl-C clears the line; SIGTERM ends the session.
        Interrupts.hold()
        while !Interrupts.isTerminated {
            switch editor.next() {
            case .end:
                if Terminal.isTerminal(.standardOutput) { CommandOutput.line() }
                return
            case .interrupted: continue
            case .line(let line):
                let text = line.trimmingCharacters(in: .whitespacesAndNewlines)
                if text.isEmpty { continue }
                editor.remember(text)
                if !session.take(text) { return }
            }
        }
    }

    private static var historyPath: FilePath? {
        let environment = ProcessInfo.processInfo.environment
        if let named = environment["KINDRED_HISTORY"] { return named.isEmpty ? nil : FilePath(named) }
        return environment["HOME"].map { FilePath($0).appending(".kindred_history") }
    }
}

/// What Tab completes at the prompt: commands, their values, names of indexes and fields.
struct ReplCompletion {
    let root: FilePath
    let index: IndexDirectory

    /// The words that the last one of `text` may become.
    func words(_ text: String) -> [String] {
        guard text.hasPrefix(":") else { return [] }
        let words = text.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
        guard words.count > 1 else { return ReplSession.commandNames }
        switch words[0] {
        case ":mode": return words.count == 2 ? SearchMode.allCases.map(\.rawValue) : []
        case ":group": return words.count == 2 ? ["article", "none", "auto"] : []
        case ":k": return words.count == 2 ? ["auto"] : []
        case ":index": return words.count == 2 ? (try? IndexDirectory.all(in: root).map(\.name)) ?? [] : []
        case ":where": return (try? Searcher(index).filterFields()) ?? []
        default: return []
        }
    }
}

/// A conversation with one index at a time.
struct ReplSession {
    private var directory: IndexDirectory
    private let root: FilePath
    private var searcher: Searcher
    private var mode: SearchMode
    /// nil for as many as fit the screen.
    private var limit: Int?
    private var grouping: SearchGrouping
    private let minimumRelevance: Double?
    private var filter: SearchFilter?
    private let json: Bool
    private var last: SearchResults?
    /// Rank of the hit that was opened last.
    private var opened: Int?

    /// - Throws: `incompatible` and the like where the index cannot be searched.
    init(_ directory: IndexDirectory, root: FilePath, options: SearchOptions, json: Bool) throws {
        self.directory = directory
        self.root = root
        mode = options.mode
        limit = options.limit
        grouping = options.group?.grouping ?? (json ? .none : .automatic)
        minimumRelevance = options.minimumRelevance
        filter = try options.filter()
        self.json = json
        searcher = try Searcher(directory)
        if mode != .keyword { try searcher.prepare() }
    }

    /// Answers a line; false if it ends the session. Errors are printed, and the session continues.
    mutating func take(_ line: String) -> Bool {
        do {
            if line.hasPrefix(":") { return try command(line.dropFirst()) }
            try answer(line)
        } catch let error as KindredError {
            CommandOutput.printError(error)
        } catch {
            CommandOutput.printError(KindredError(.inputOutput, "\(error)"))
        }
        return true
    }

    private mutating func answer(_ query: String) throws {
        // The prompt takes a line.
        let rows = limit == nil && !json ? Terminal.rows.map { $0 - 1 } : nil
        // A hit takes three lines at least: title, text, an empty one.
        let fitting = rows.map { max(ResultList.fewest, $0 / 3) }
        let results = try searcher.search(
            query, mode: mode, limit: limit ?? fitting ?? SearchOptions.standardLimit, filter: filter,
            grouping: grouping, minimumRelevance: minimumRelevance)
        if let warning = results.warning { CommandOutput.warning(warning) }
        guard !json else {
            (last, opened) = (results, nil)
            return try CommandOutput.json(SearchOutput(results, index: directory.name), pretty: false)
        }
        (last, opened) = (results.prefix(ResultList(results).print(rows: rows)), nil)
    }

    private mutating func command(_ text: Substring) throws -> Bool {
        let words = text.split(separator: " ", maxSplits: 1).map(String.init)
        let argument = words.count > 1 ? words[1].trimmingCharacters(in: .whitespaces) : nil
        switch words.first ?? "" {
        case "q", "quit", "exit": return false
        case "help", "h", "?": Self.printHelp()
        case "k": try setLimit(argument)
        case "group": try setGroup(argument)
        case "mode": try setMode(argument)
        case "where": filter = try argument.map { try SearchFilter(where: $0) }
        case "open", "o": try open(argument)
        case "read", "r": try read(argument)
        case "index": try setIndex(argument)
        case "stats": StatusCommand.print(try IndexStatus(directory))
        case let other:
            throw KindredError(.invalidRequest, "no command \":\(other.prefix(40))\"; :help lists them")
        }
        return true
    }

    private static let commands: [(command: String, meaning: String)] = [
        (":k N", "show N passages from now on; auto: as many as fit the screen"),
        (":mode MODE", "hybrid, semantic or keyword"),
        (
            ":group WHEN",
            "article: passages by article; none: not; auto: where one article would fill the list"
        ),
        (
            ":where [CONDITION]",
            "ask only documents that meet it, such as category = 'Physics'; without one, all again"
        ),
        (":open N", "the whole passage N of the last answer, in its context"),
        (":read [N]", "the whole article of passage N, or of the last opened one"),
        (":index [NAME]", "ask another index; without a name, list them"),
        (":stats", "what this index holds"),
        (":help", "this text"),
        (":quit", "end (or Ctrl-D)"),
    ]

    /// As they are typed, without their values.
    static let commandNames = commands.map { String($0.command.prefix { $0 != " " }) }

    private static func printHelp() {
        CommandOutput.line("Type a question to search. Commands:")
        let column = 22
        for (command, meaning) in commands {
            let lines = Wrapping.lines(meaning, width: Terminal.columns - column)
            for (index, line) in lines.enumerated() {
                let start = index == 0 ? "  " + command : ""
                CommandOutput.line(start + String(repeating: " ", count: column - start.count) + line)
            }
        }
    }

    private mutating func setLimit(_ argument: String?) throws {
        guard let argument else { return CommandOutput.line("k is \(limit.map(String.init) ?? "auto")") }
        if argument == "auto" {
            limit = nil
            return
        }
        guard let value = Int(argument), (1...1000).contains(value) else {
            throw KindredError(.invalidRequest, ":k needs a number from 1 to 1000, or auto")
        }
        limit = value
    }

    private mutating func setGroup(_ argument: String?) throws {
        let names: [String: SearchGrouping] = ["article": .article, "none": .none, "auto": .automatic]
        guard let argument else {
            let name = names.first { $0.value == grouping }?.key ?? ""
            return CommandOutput.line("group is \(name)")
        }
        guard let value = names[argument] else {
            throw KindredError(.invalidRequest, ":group needs article, none or auto")
        }
        grouping = value
    }

    private mutating func setMode(_ argument: String?) throws {
        guard let argument else { return CommandOutput.line("mode is \(mode.rawValue)") }
        guard let value = SearchMode(rawValue: argument) else {
            throw KindredError(.invalidRequest, ":mode needs hybrid, semantic or keyword")
        }
        mode = value
    }

    private mutating func setIndex(_ argument: String?) throws {
        guard let argument else {
            for other in try IndexDirectory.all(in: root) {
                CommandOutput.line("\(other == directory ? "* " : "  ")\(other.name)")
            }
            return
        }
        let other = try IndexDirectory.find(argument, in: root)
        let opened = try Searcher(other)
        try opened.prepare()
        (directory, searcher, last) = (other, opened, nil)
        CommandOutput.line("asking \(other.name)")
    }

    /// - Throws: `invalidRequest` where no hit of the last answer has the number.
    private func hit(_ argument: String?, for command: String) throws -> SearchHit {
        guard let last, !last.hits.isEmpty else {
            throw KindredError(.invalidRequest, "nothing to open; search first")
        }
        guard let number = argument.flatMap(Int.init), let hit = last.hits.first(where: { $0.rank == number })
        else {
            throw KindredError(.invalidRequest, "\(command) needs a number from 1 to \(last.hits.count)")
        }
        return hit
    }

    /// Shows the whole article of a hit, by a pager where it is longer than the screen.
    private mutating func read(_ argument: String?) throws {
        let hit = try hit(argument ?? String(opened ?? 1), for: ":read")
        opened = hit.rank
        let (text, passages) = try searcher.wholeArticle(of: hit)
        let view = ArticleView(
            hit, text: text, passages: passages, width: Terminal.columns, style: Style(for: .standardOutput))
        Pager.show(view.lines, from: view.start)
    }

    /// Shows a hit's passage whole, with the paragraphs around it dimmed.
    private mutating func open(_ argument: String?) throws {
        let hit = try hit(argument, for: ":open")
        opened = hit.rank
        let (text, passage) = try searcher.article(of: hit)
        let bytes = Array(text.utf8)
        let style = Style(for: .standardOutput)
        func show(_ text: String, _ look: (String) -> String) {
            let text = Terminal.sanitized(text.trimmingCharacters(in: .whitespacesAndNewlines))
            CommandOutput.lines(Wrapping.lines(text, width: Terminal.columns).map(look))
        }
        func stretch(_ range: Range<Int>) -> String {
            String(decoding: bytes[range], as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
        }
        show(([hit.title] + hit.sectionPath).joined(separator: " › ")) { style.bold($0) }
        let place = ResultList.place(hit)
        show(place.isEmpty ? hit.url : place) { style.dim($0) }
        CommandOutput.line()
        let before = Self.context(bytes, passage.lowerBound, forward: false)
        let after = Self.context(bytes, passage.upperBound, forward: true)
        if !before.isEmpty {
            show("… " + stretch(before)) { style.dim($0) }
            CommandOutput.line()
        }
        show(stretch(passage)) { $0 }
        if !after.isEmpty {
            CommandOutput.line()
            show(stretch(after) + " …") { style.dim($0) }
        }
    }

    /// About 400 bytes of text on one side of a passage, from or to a space.
    static func context(_ bytes: [UInt8], _ edge: Int, forward: Bool) -> Range<Int> {
        var end = forward ? min(bytes.count, edge + 400) : max(0, edge - 400)
        if forward {
            while end < bytes.count, bytes[end] != 0x20, bytes[end] != 0x0A { end += 1 }
            return edge..<end
        }
        while end > 0, bytes[end - 1] != 0x20, bytes[end - 1] != 0x0A { end -= 1 }
        return end..<edge
    }
}
