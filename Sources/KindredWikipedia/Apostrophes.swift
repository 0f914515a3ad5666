/// Runs of apostrophes in a line: two are italic, three bold, five both.
enum Apostrophes {
    private static let apostrophe = UInt8(ascii: "'")

    /// A line without its marks of bold and italic, and with the apostrophes that are text.
    ///
    /// As in MediaWiki (Parser::doQuotes): of four, one is text; of more than five, the surplus; and where a line has
    /// both an odd number of bold marks and an odd number of italic ones, one bold mark is an apostrophe and an
    /// italic mark. That is the first after a word of one letter, else after a longer word, else after a space.
    static func resolved(_ line: [UInt8]) -> [UInt8] {
        var runs: [Range<Int>] = []
        var position = 0
        while position < line.count {
            var end = position
            while end < line.count, line[end] == apostrophe { end += 1 }
            if end - position >= 2 { runs.append(position..<end) }
            position = max(end, position + 1)
        }
        guard !runs.isEmpty else { return line }
        // How many apostrophes of each run are text.
        var literal = runs.map { run in
            switch run.count {
            case 4: 1
            case 6...: run.count - 5
            default: 0
            }
        }
        let marks = zip(runs, literal).map { $0.count - $1 }
        let bold = marks.count { $0 == 3 || $0 == 5 }
        let italic = marks.count { $0 == 2 || $0 == 5 }
        if !bold.isMultiple(of: 2), !italic.isMultiple(of: 2),
            let index = apostropheBeforeItalic(line, runs, literal, marks)
        {
            literal[index] += 1
        }
        var result: [UInt8] = []
        result.reserveCapacity(line.count)
        var start = 0
        for (run, count) in zip(runs, literal) {
            result += line[start..<run.lowerBound]
            result += repeatElement(apostrophe, count: count)
            start = run.upperBound
        }
        return result + line[start...]
    }

    /// Which bold mark is an apostrophe and an italic mark.
    private static func apostropheBeforeItalic(
        _ line: [UInt8], _ runs: [Range<Int>], _ literal: [Int], _ marks: [Int]
    ) -> Int? {
        var (afterLetter, afterWord, afterSpace): (Int?, Int?, Int?) = (nil, nil, nil)
        for index in runs.indices where marks[index] == 3 {
            let previousEnd = index == 0 ? 0 : runs[index - 1].upperBound
            // A fourth apostrophe belongs to the text before.
            let before =
                line[previousEnd..<runs[index].lowerBound] + repeatElement(apostrophe, count: literal[index])
            let last = before.last
            let beforeLast = before.dropLast().last
            if last == 0x20 {
                afterSpace = afterSpace ?? index
            } else if beforeLast == 0x20 {
                afterLetter = index
                break
            } else {
                afterWord = afterWord ?? index
            }
        }
        return afterLetter ?? afterWord ?? afterSpace
    }
}
