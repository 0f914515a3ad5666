import Foundation
import Kindred

/// Indexes a dump, then answers the questions that are given on the command line.
@main
struct SearchDump {
    static func main() {
        do {
            try run(Array(CommandLine.arguments.dropFirst()))
        } catch {
            FileHandle.standardError.write(Data("error: \(error)\n".utf8))
            exit(1)
        }
    }

    static func run(_ arguments: [String]) throws {
        guard let input = arguments.first, arguments.count > 1 else {
            FileHandle.standardError.write(
                Data("usage: SearchDump DUMP|--sample QUESTION...\n".utf8))
            exit(64)
        }
        let dump = try input == "--sample" ? Resources.sampleDump().string : input

        // One directory for all indexes, one name for each. A new index gets the embedded encoder.
        let index = try IndexDirectory(root: "indexes", name: "example")
        let report = try Indexer(index).index(
            dump: dump, progress: { print("\($0.passages) passages") })
        print("\(report.articles) articles; \(report.passages) passages encoded in this run")
        // A dump that breaks off is indexed up to that place.
        if let failure = report.failure { throw failure }

        let searcher = try Searcher(index)
        for question in arguments.dropFirst() {
            let results = try searcher.search(question, mode: .hybrid, limit: 3)
            print("\n\(question)  (\(Int(results.milliseconds)) ms)")
            if let warning = results.warning { print("warning: \(warning)") }
            for hit in results.hits {
                let heading = ([hit.title] + hit.sectionPath).joined(separator: " › ")
                print(" \(hit.rank). \(heading)  \(String(format: "%.4f", hit.score))")
                print("    \(excerpt(of: hit, for: question))")
            }
        }
    }

    /// The best part of a passage, with the question's words in brackets.
    static func excerpt(of hit: SearchHit, for question: String) -> String {
        let snippet = Snippet(of: hit.text, query: question, length: 120)
        let text = snippet.pieces.map { $0.isMatch ? "[\($0.text)]" : $0.text }.joined()
        return (snippet.isCutBefore ? "… " : "") + text + (snippet.isCutAfter ? " …" : "")
    }
}
