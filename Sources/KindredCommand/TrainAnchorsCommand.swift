import ArgumentParser
import Foundation
import Kindred
import KindredSystem

/// `kindred train anchors`: pairs for training from the links of an index's articles.
struct TrainAnchorsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "anchors",
        abstract:
            "Print the words of an index's links with the passages that they lead to, as training pairs.",
        discussion: """
            What authors call a thing, and how its article begins: one JSON object on a line for each link between two \
            articles of the index whose words are not the title.

              kindred train anchors enwiki > anchors.jsonl
              kindred train pairs anchors.jsonl --out runs/anchors
            """)

    @Argument(help: ArgumentHelp("The index's name.", valueName: "index"), completion: .indexName) var name:
        String
    @Option(help: "Print at most this many.") var limit: Int?
    @OptionGroup var indexes: IndexOptions

    private struct Pair: Encodable {
        let query: String
        let positive: String
    }

    func validate() throws {
        if let limit, limit < 1 { throw ValidationError("--limit takes a number above 0.") }
    }

    func run() throws {
        let index = try IndexDirectory.find(name, in: indexes.root)
        var count = 0
        try IndexTexts(index).readAnchors { anchor, passage in
            if Interrupts.requested { throw ExitCode(130) }
            try CommandOutput.json(Pair(query: anchor, positive: passage), pretty: false)
            count += 1
            return count < limit ?? .max
        }
        guard count > 0 else {
            throw KindredError(
                .invalidData,
                "the index \"\(name)\" has no links between its articles; index a dump of a wiki again")
        }
    }
}
