import Foundation
import Kindred
import KindredSystem

/// Search results as a list for people: rank, title, section, score, snippet with the query's words marked, URL.
struct ResultList {
    private let results: SearchResults
    private let style = Style(for: .standardOutput)

    init(_ results: SearchResults) { self.results = results }

    func print() {
        for correction in results.corrections {
            CommandOutput.line(
                style.dim(
                    "\"\(Terminal.sanitized(correction.word))\" is not in the index; searched for "
                        + "\"\(Terminal.sanitized(correction.correction))\""))
        }
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
        for line in Self.lines(Snippet(of: hit, in: results), width: max(40, Terminal.columns - 4)) {
            CommandOutput.line(
                "    " + line.map { $0.isMatch ? style.highlighted($0.text) : $0.text }.joined())
        }
        for place in [Self.place(hit), hit.url] where !place.isEmpty {
            CommandOutput.line("    " + style.dim(Terminal.sanitized(place)))
        }
        CommandOutput.line()
    }

    /// The file and the line, as compilers and editors write it: "notes/bees.txt:12".
    static func place(_ hit: SearchHit) -> String {
        guard !hit.path.isEmpty else { return "" }
        let here = FileManager.default.currentDirectoryPath + "/"
        let path = hit.path.hasPrefix(here) ? String(hit.path.dropFirst(here.count)) : hit.path
        return hit.line.map { "\(path):\($0)" } ?? path
    }

    /// - Parameter fields: in the order in which they were asked for.
    func printFacets(in fields: [String]) {
        for field in fields {
            guard let counts = results.facets[field] else { continue }
            let values = counts.prefix(10).map { "\($0.value) (\($0.count))" }.joined(separator: ", ")
            CommandOutput.line(
                "\(style.bold(Terminal.sanitized(field))): \(Terminal.sanitized(values.isEmpty ? "none" : values))"
            )
        }
    }

    /// The snippet's pieces broken into lines of at most `width` columns, at words.
    static func lines(_ snippet: Snippet, width: Int) -> [[Snippet.Piece]] {
        var lines: [[Snippet.Piece]] = [[]]
        var used = 0
        var pieces = snippet.pieces
        if snippet.isCutBefore { pieces.insert(.init(text: "… ", isMatch: false), at: 0) }
        if snippet.isCutAfter { pieces.append(.init(text: " …", isMatch: false)) }
        // A word may be made of several pieces ("runner" and "s"); it is measured and moved whole.
        var word: [Snippet.Piece] = []
        func place() {
            guard !word.isEmpty else { return }
            let columns = word.reduce(0) { $0 + Terminal.width(of: $1.text) }
            if used > 0, used + 1 + columns > width {
                lines.append([])
                used = 0
            } else if used > 0 {
                lines[lines.count - 1].append(.init(text: " ", isMatch: false))
                used += 1
            }
            lines[lines.count - 1] += word
            used += columns
            word = []
        }
        for piece in pieces {
            let parts = Terminal.sanitized(piece.text).split(
                separator: " ", omittingEmptySubsequences: false)
            for (index, part) in parts.enumerated() {
                if index > 0 { place() }
                if !part.isEmpty { word.append(.init(text: String(part), isMatch: piece.isMatch)) }
            }
        }
        place()
        return lines
    }
}
