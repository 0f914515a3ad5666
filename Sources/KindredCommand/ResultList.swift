import Foundation
import Kindred
import KindredSystem

/// Search results as a list for people: rank, title, section, relevance, snippet with the query's words marked, URL.
struct ResultList {
    /// Columns before the text of a hit.
    private static let indent = 4
    /// Hits that are shown however low the terminal is.
    static let fewest = 3

    private let results: SearchResults
    private let style = Style(for: .standardOutput)

    init(_ results: SearchResults) { self.results = results }

    /// - Parameter rows: lines of the screen; the hits that fit are shown, at least three; nil for all.
    /// - Returns: how many hits are shown.
    @discardableResult func print(rows: Int? = nil) -> Int {
        var head: [String] = []
        for correction in results.corrections {
            let text =
                "\"\(correction.word)\" is not in the index; searched for \"\(correction.correction)\""
            head += wrapped([Span(text: text, look: .dim)])
        }
        if results.nothingRelevant, !results.hits.isEmpty {
            head += wrapped([Span(text: "Nothing here answers that well; the nearest passages are:")])
            head.append("")
        }
        CommandOutput.lines(head)
        guard !results.hits.isEmpty else {
            CommandOutput.lines(wrapped([Span(text: nothing)]))
            return 0
        }
        var left = rows.map { $0 - head.count - 1 }
        var shown = 0
        for (index, hit) in results.hits.enumerated() {
            let lines = lines(hit, after: index > 0 ? results.hits[index - 1] : nil)
            if let room = left, lines.count > room, shown >= Self.fewest { break }
            left = left.map { $0 - lines.count }
            CommandOutput.lines(lines)
            shown += 1
        }
        CommandOutput.lines(wrapped([Span(text: summary(shown), look: .dim)]))
        return shown
    }

    private var nothing: String {
        results.omitted > 0
            ? "Nothing found is as relevant as that; \(results.omitted) less relevant "
                + "passage\(results.omitted == 1 ? " is" : "s are") left out. Lower --min-score."
            : "Nothing found. Try other words, or --mode semantic."
    }

    private func summary(_ shown: Int) -> String {
        var parts = ["\(shown) passage\(shown == 1 ? "" : "s")"]
        if results.isGrouped {
            let articles = results.hits.prefix(shown).compactMap(\.articleRank).max() ?? 0
            parts[0] += " of \(articles) article\(articles == 1 ? "" : "s")"
        }
        if results.omitted > 0 { parts.append("\(results.omitted) less relevant left out") }
        return (parts + [results.mode.rawValue, Format.milliseconds(results.milliseconds)])
            .joined(separator: ", ")
    }

    /// The lines for a hit, with an empty one behind. Where hits are grouped, the article comes before its first hit.
    private func lines(_ hit: SearchHit, after last: SearchHit?) -> [String] {
        var lines: [String] = []
        var title: [Span] = []
        if results.isGrouped {
            if last?.articleRank != hit.articleRank {
                lines += wrapped([Span(text: hit.title, look: .bold)])
                if !hit.url.isEmpty { lines += wrapped([Span(text: hit.url, look: .dim)]) }
            }
            let section = hit.sectionPath.joined(separator: " › ")
            title = [Span(text: section.isEmpty ? "Beginning" : section, look: .dim)]
        } else {
            title = [Span(text: hit.title, look: .bold)]
            if !hit.sectionPath.isEmpty {
                title.append(Span(text: " › " + hit.sectionPath.joined(separator: " › "), look: .dim))
            }
        }
        let rank = String(repeating: " ", count: max(0, 2 - String(hit.rank).count)) + "\(hit.rank). "
        title.append(Span(text: " · " + Self.measure(hit), look: .dim))
        lines += wrapped([Span(text: rank)], title)
        let space = [Span(text: String(repeating: " ", count: Self.indent))]
        lines += wrapped(space, Self.spans(Snippet(of: hit, in: results)))
        for place in [Self.place(hit), results.isGrouped ? "" : hit.url] where !place.isEmpty {
            lines += wrapped(space, [Span(text: place, look: .dim)])
        }
        return lines + [""]
    }

    /// The relevance where it is known, else the score.
    static func measure(_ hit: SearchHit) -> String {
        hit.relevance.map { "\(Int(($0 * 100).rounded())) %" } ?? Format.score(hit.score)
    }

    private func wrapped(_ spans: [Span]) -> [String] { wrapped([], spans) }

    /// Lines of text behind a first column, which later lines leave empty.
    private func wrapped(_ first: [Span], _ spans: [Span]) -> [String] {
        let before = style.rendered(first.map { Span(text: Terminal.sanitized($0.text), look: $0.look) })
        let columns = first.reduce(0) { $0 + Terminal.width(of: $1.text) }
        let space = String(repeating: " ", count: columns)
        let clean = spans.map { Span(text: Terminal.sanitized($0.text), look: $0.look) }
        return Wrapping.lines(clean, width: Terminal.columns - columns).enumerated().map { index, line in
            (index == 0 ? before : space) + style.rendered(line)
        }
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
            CommandOutput.lines(
                wrapped(
                    [Span(text: "\(field): ", look: .bold)], [Span(text: values.isEmpty ? "none" : values)]))
        }
    }

    private static func spans(_ snippet: Snippet) -> [Span] {
        var spans = snippet.pieces.map { Span(text: $0.text, look: $0.isMatch ? .match : .plain) }
        if snippet.isCutBefore { spans.insert(Span(text: "… "), at: 0) }
        if snippet.isCutAfter { spans.append(Span(text: " …")) }
        return spans
    }
}
