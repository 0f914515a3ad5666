import ArgumentParser
import Foundation
import Kindred

/// What the shells' scripts propose beyond files and lists of values (`kindred --generate-completion-script`).
extension CompletionKind {
    /// The names of the indexes that the command line can mean.
    static let indexName = CompletionKind.custom { words, _, _ in indexNames(for: words) }

    /// The indexes in the directory that `--indexes` names among `words`, or the environment; none where it cannot be read.
    static func indexNames(for words: [String]) -> [String] {
        // Some shells take "--indexes=name" apart at the sign.
        let words = words.filter { $0 != "=" }
        let option = "--indexes"
        var directory: String?
        for (word, next) in zip(words, words.dropFirst() + [""]) {
            if word == option { directory = next }
            if word.hasPrefix(option + "=") { directory = String(word.dropFirst(option.count + 1)) }
        }
        // The words are as they were typed: with quotation marks, and with '~' for the home directory.
        let path = directory.map {
            ($0.trimmingCharacters(in: ["\"", "'"]) as NSString).expandingTildeInPath
        }
        let indexes = try? IndexDirectory.all(in: IndexOptions.root(path))
        return indexes?.map(\.name) ?? []
    }
}
