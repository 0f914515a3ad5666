import Kindred

/// A stretch of text in one look.
struct Span: Hashable {
    enum Look: Hashable {
        case plain, bold, dim
        /// A word of the query.
        case match
    }

    var text: String
    var look = Look.plain
}

extension Style {
    func rendered(_ spans: [Span]) -> String {
        spans.map { span in
            switch span.look {
            case .plain: span.text
            case .bold: bold(span.text)
            case .dim: dim(span.text)
            case .match: highlighted(span.text)
            }
        }.joined()
    }
}

/// Breaks text into lines by the columns that it takes on a terminal.
enum Wrapping {
    /// Narrower than this, text is no longer readable; a terminal may wrap it then.
    private static let narrowest = 20

    /// Lines of at most `width` columns, broken at spaces. A word that is wider than a line is broken within.
    ///
    /// - Parameters:
    ///   - width: columns.
    ///   - indent: columns that the caller puts before every line but the first.
    static func lines(_ spans: [Span], width: Int, indent: Int = 0) -> [[Span]] {
        let width = max(narrowest, width)
        let later = max(narrowest, width - indent)
        var lines: [[Span]] = [[]]
        var used = 0
        var room: Int { lines.count == 1 ? width : later }
        func append(_ text: String, _ look: Span.Look) {
            if lines[lines.count - 1].last?.look == look {
                lines[lines.count - 1][lines[lines.count - 1].count - 1].text += text
            } else {
                lines[lines.count - 1].append(Span(text: text, look: look))
            }
        }
        // A word may be made of several spans ("runner" and "s"); it is measured and moved whole.
        var word: [Span] = []
        func place() {
            guard !word.isEmpty else { return }
            let columns = word.reduce(0) { $0 + Terminal.width(of: $1.text) }
            if used > 0, used + 1 + columns > room, columns <= later || used + 1 >= room {
                lines.append([])
                used = 0
            } else if used > 0 {
                // Between words of one look it stays.
                append(" ", lines[lines.count - 1].last?.look == word[0].look ? word[0].look : .plain)
                used += 1
            }
            if used + columns <= room {
                for span in word { append(span.text, span.look) }
                used += columns
            } else {
                for span in word {
                    for character in span.text {
                        let columns = Terminal.width(of: String(character))
                        if used + columns > room {
                            lines.append([])
                            used = 0
                        }
                        append(String(character), span.look)
                        used += columns
                    }
                }
            }
            word = []
        }
        for span in spans {
            for (index, part) in span.text.split(separator: " ", omittingEmptySubsequences: false)
                .enumerated()
            {
                if index > 0 { place() }
                if !part.isEmpty { word.append(Span(text: String(part), look: span.look)) }
            }
        }
        place()
        return lines
    }

    /// The same for plain text, whose own line breaks stay.
    static func lines(_ text: String, width: Int, indent: Int = 0) -> [String] {
        var result: [String] = []
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            result += lines([Span(text: String(line))], width: width, indent: indent).map {
                $0.map(\.text).joined()
            }
        }
        return result
    }
}
