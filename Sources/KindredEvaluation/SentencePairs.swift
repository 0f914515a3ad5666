import KindredSystem
import SystemPackage

/// Pairs of sentences with how similar people find them: `score TAB sentence 1 TAB sentence 2`, a line each.
package struct SentencePairs: Sendable {
    package struct Pair: Sendable, Hashable {
        package let score: Double
        package let first: String
        package let second: String
    }

    package let path: FilePath
    package let pairs: [Pair]
    package let remarks: InputRemarks

    /// - Throws: `notFound`, `inputOutput`; `invalidData` where there are less than two pairs.
    package init(path: FilePath) throws {
        var file = RemarkedFile(path)
        var pairs: [Pair] = []
        try file.forEachLine { line in
            if line.text.allSatisfy(\.isWhitespace) { return "empty line" }
            let fields = line.text.split(separator: "\t", omittingEmptySubsequences: false).map {
                String($0).trimmed
            }
            guard fields.count == 3 else { return "no three fields" }
            guard let score = Double(fields[0]), score.isFinite else { return "the score is not a number" }
            guard !fields[1].isEmpty, !fields[2].isEmpty else { return "a sentence is empty" }
            pairs.append(Pair(score: score, first: fields[1], second: fields[2]))
            return nil
        }
        guard pairs.count > 1 else {
            throw KindredError(
                .invalidData,
                "has \(pairs.count) pairs; lines must be 'score TAB sentence TAB sentence', and a correlation needs two",
                at: .init(path: path.string))
        }
        self.path = path
        self.pairs = pairs
        remarks = file.remarks
    }
}

extension String {
    /// Without white space around it.
    var trimmed: String {
        guard let start = firstIndex(where: { !$0.isWhitespace }),
            let last = lastIndex(where: { !$0.isWhitespace })
        else { return "" }
        return String(self[start...last])
    }
}
