import KindredSystem

/// Columns of text for a terminal: the first to the left, numbers to the right.
struct Table {
    private let header: [String]
    private let leftColumns: Int
    private var rows: [[String]] = []

    /// - Parameter leftColumns: how many columns, from the first on, hold words.
    init(_ header: [String], leftColumns: Int = 1) {
        self.header = header
        self.leftColumns = leftColumns
    }

    mutating func add(_ row: [String]) {
        precondition(row.count == header.count)
        rows.append(row.map(Terminal.sanitized))
    }

    /// A header and a line for each row.
    func lines(_ style: Style) -> [String] {
        let widths = header.indices.map { column in
            ([header] + rows).map { Terminal.width(of: $0[column]) }.max() ?? 0
        }
        func line(_ row: [String]) -> String {
            var line = ""
            for (column, text) in row.enumerated() {
                let space = String(repeating: " ", count: widths[column] - Terminal.width(of: text))
                line += "  " + (column < leftColumns ? text + space : space + text)
            }
            return line
        }
        return [style.bold(line(header))] + rows.map(line)
    }

    func print() {
        for line in lines(Style(for: .standardOutput)) { CommandOutput.line(line) }
    }
}
