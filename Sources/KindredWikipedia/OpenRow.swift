/// A line of a table whose start is not known: its cells are told by their bars alone.
enum OpenRow {
    /// The cells without their attributes, with marks between them.
    /// - Parameter content: after the first `|` or `!`.
    static func text(_ content: ArraySlice<UInt8>, isHeader: Bool) -> [UInt8] {
        var cells: [ArraySlice<UInt8>] = []
        var start = content.startIndex
        var position = start
        while position < content.endIndex {
            let byte = content[position]
            let isMark = byte == UInt8(ascii: "|") || (isHeader && byte == UInt8(ascii: "!"))
            if isMark, position + 1 < content.endIndex, content[position + 1] == byte {
                cells.append(content[start..<position])
                start = position + 2
                position = start
            } else {
                position += 1
            }
        }
        cells.append(content[start...])
        let texts = cells.map { Bytes.trimmed(withoutAttributes($0)) }.filter {
            $0.contains(where: Bytes.isWord)
        }
        return Array(texts.joined(separator: [Mark.cell]))
    }

    private static func withoutAttributes(_ cell: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        guard let bar = cell.firstIndex(of: UInt8(ascii: "|")), cell[..<bar].contains(UInt8(ascii: "="))
        else {
            return cell
        }
        return cell[(bar + 1)...]
    }
}
