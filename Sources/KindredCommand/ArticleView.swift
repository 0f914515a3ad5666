import Foundation
import Kindred

/// A whole article as lines for a terminal: title, headings, text, and one passage marked by a bar.
struct ArticleView {
    private(set) var lines: [String] = []
    /// Index of the line where the passage begins, its heading included.
    private(set) var start = 0

    private static let bar = "▌ "

    /// - Parameters:
    ///   - passages: in order, with ranges of UTF-8 bytes of the text.
    ///   - marked: the passage that is marked.
    ///   - width: columns.
    init(
        _ hit: SearchHit, text: String,
        passages: [(id: Int64, sectionPath: [String], range: Range<Int>)], width: Int, style: Style
    ) {
        let bytes = Array(text.utf8)
        add(hit.title, width) { style.bold($0) }
        let place = ResultList.place(hit)
        add(place.isEmpty ? hit.url : place, width) { style.dim($0) }
        var path: [String] = []
        var end: Int?
        for passage in passages {
            let isMarked = passage.id == hit.passageID
            let first = lines.count + 1
            if passage.sectionPath != path {
                lines.append("")
                let known = zip(passage.sectionPath, path).prefix { $0 == $1 }.count
                for (depth, heading) in passage.sectionPath.enumerated().dropFirst(known) {
                    add(String(repeating: "  ", count: depth) + heading, width) { style.bold($0) }
                }
                path = passage.sectionPath
                end = nil
            }
            // A long paragraph is cut between sentences; it goes on without an empty line.
            let goesOn = end.map {
                $0 <= passage.range.lowerBound && !bytes[$0..<passage.range.lowerBound].contains(0x0A)
            }
            if goesOn != true { lines.append("") }
            if isMarked { start = min(first, lines.count) }
            let body = String(decoding: bytes[passage.range], as: UTF8.self)
                .trimmingCharacters(in: .whitespacesAndNewlines)
            for line in Wrapping.lines(Terminal.sanitized(body), width: width - Self.bar.count) {
                lines.append(isMarked ? Self.bar + line : line)
            }
            end = passage.range.upperBound
        }
    }

    private mutating func add(_ text: String, _ width: Int, _ look: (String) -> String) {
        guard !text.isEmpty else { return }
        lines += Wrapping.lines(Terminal.sanitized(text), width: width).map(look)
    }
}
