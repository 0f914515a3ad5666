import ArgumentParser
import Kindred
import KindredSystem

struct RemoveCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove", abstract: "Remove documents from an index, or a whole index.",
        discussion: """
            Documents are removed from the index only; the files that they were read from stay. On a terminal you are \
            asked before.

              kindred remove library --where "date < 2010"
              kindred remove library --where "path like '/home/me/drafts/%'" --dry-run
              kindred remove library --yes
            """)

    @Argument(help: ArgumentHelp("The index's name.", valueName: "name"), completion: .indexName)
    var name: String

    @Option(
        name: .customLong("where"),
        help: ArgumentHelp(
            "Which documents to remove, as in 'kindred search --where' (default: the whole index).",
            valueName: "condition"))
    var condition: String?

    @Flag(name: .customLong("dry-run"), help: "Count the documents and remove none.")
    var dryRun = false

    @Flag(name: [.short, .long], help: "Do not ask. Removing a whole index from a script needs it.")
    var yes = false

    @Flag(name: .long, help: "Print one JSON object.")
    var json = false

    @OptionGroup var indexes: IndexOptions

    private struct Output: Encodable {
        let index: String
        let documents: Int
        let removed: Bool
    }

    func run() throws {
        let directory = try IndexDirectory.find(name, in: indexes.root)
        let filter = try condition.map { try SearchFilter(where: $0) }
        let removal = try Removal(from: directory)
        let count = try filter.map { try removal.count(where: $0) } ?? IndexStatus(directory).articles
        let documents = "\(Format.count(count)) document\(count == 1 ? "" : "s")"
        let question =
            filter == nil
            ? "Remove the index \(directory.name) with \(documents)?"
            : "Remove \(documents) from \(directory.name)?"
        let isAllowed = try !dryRun && count > 0 || filter == nil && !dryRun ? mayRemove(question) : false
        if isAllowed {
            if let filter {
                try removal.removeDocuments(where: filter)
            } else {
                for file in try removal.removeIndex() {
                    CommandOutput.warning(
                        "\(directory.path.appending(file)) is no file of Kindred's and stays")
                }
            }
        }
        if json {
            return try CommandOutput.json(Output(index: directory.name, documents: count, removed: isAllowed))
        }
        let what = isAllowed ? "removed" : dryRun ? "would be removed" : "stay"
        CommandOutput.line(
            "\(directory.name): \(count == 0 && filter != nil ? "no document meets the condition" : "\(documents) \(what)")"
        )
    }

    private func mayRemove(_ question: String) throws -> Bool {
        if yes { return true }
        if Terminal.isTerminal(.standardInput), Terminal.isTerminal(.standardError) {
            return Confirmation.ask(question)
        }
        // A condition says what is to go; a name alone may be a slip.
        guard condition != nil else {
            throw KindredError(
                .invalidRequest, "removing a whole index needs --yes where nobody can be asked")
        }
        return true
    }
}
