import Kindred
import KindredSystem

/// Search results as a list for people: rank, title, section, score, snippet with the query's words marked, URL.
struct ResultList {
    private let results: SearchResults
    private let style = Style(for: .standardOutput)

    init(_ results: SearchResults) { self.results = results }

    func print() {
        for hit in results.hits { print(hit) }
        if results.hits.isEmpty {
            CommandOutput.line("Nothing found. Try other words, or --mode semantic.")
        } else {
            let count = "\(results.hits.count) passage\(results.hits.count == 1 ? "" : "s")"
            CommandOutput.line(
                style.dim("\(count), \(results.mode.rawValue), \(Format.milliseconds(results.milliseconds))"))
        }
    }

    private func print(_ hit: SearchHit) {
        var heading = style.bold(Terminal.sanitized(hit.title))
        if !hit.sectionPath.isEmpty {
            heading += style.dim(" › " + Terminal.sanitized(hit.sectionPath.joined(separator: " › ")))
        }
        let rank = String(repeating: " ", count: max(0, 2 - String(hit.rank).count)) + "\(hit.rank)."
        CommandOutput.line("\(rank) \(heading)  \(style.dim(Format.score(hit.score)))")
        for line in Self.lines(
            Snippet(of: hit.text, query: results.query), width: max(40, Terminal.columns - 4))
        {
            CommandOutput.line(
                "    " + line.map { $0.isMatch ? style.highlighted($0.text) : $0.text }.joined())
        }
        CommandOutput.line("    " + style.dim(Terminal.sanitized(hit.url)))
        CommandOutput.line()
    }

    /// The snippet's pieces broken into lines of at most `width` columns, at words.
    static func lines(_ snippet: Snippet, width: Int) -> [[Snippet.Piece]] {
        var lines: [[Snippet.Piece]] = [[]]
        var used = 0
        var pieces = snippet.pieces
        if snippet.isCutBefore { pieces.insert(.init(text: "… ", isMatch: false), at: 0) }
        if snippet.isCutAfter { pieces.append(.init(text: " …", isMatch: false)) }
        for piece in pieces {
            var text = ""
            let words = Terminal.sanitized(piece.text).split(separator: " ", omittingEmptySubsequences: false)
            for (index, word) in words.enumerated() {
                let columns = Terminal.width(of: String(word))
                // The words of a piece are joined by spaces; the pieces stand side by side.
                let spaced = index > 0
                if used > 0, used + columns + (spaced ? 1 : 0) > width, spaced {
                    if !text.isEmpty {
                        lines[lines.count - 1].append(.init(text: text, isMatch: piece.isMatch))
                    }
                    lines.append([])
                    text = String(word)
                    used = columns
                } else {
                    text += (spaced ? " " : "") + word
                    used += columns + (spaced ? 1 : 0)
                }
            }
            if !text.isEmpty { lines[lines.count - 1].append(.init(text: text, isMatch: piece.isMatch)) }
        }
        return lines
    }
}
