import KindredSystem
import SystemPackage

/// Pairs of sentences with how similar people find them, a line each: `score TAB sentence 1 TAB sentence 2`, or in `.jsonl`
/// mteb's `{"sentence1", "sentence2", "score"}`.
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
        func take(_ score: Double, _ first: String, _ second: String) -> String? {
            guard score.isFinite else { return "the score is not a number" }
            guard !first.isEmpty, !second.isEmpty else { return "a sentence is empty" }
            pairs.append(Pair(score: score, first: first, second: second))
            return nil
        }
        if path.lastComponent?.string.contains(".jsonl") == true {
            try file.forEachObject { fields in
                guard let first = fields["sentence1"] as? String, let second = fields["sentence2"] as? String,
                    let score = fields["score"] as? Double
                else { return "no \"sentence1\", \"sentence2\" and \"score\"" }
                return take(score, first.trimmed, second.trimmed)
            }
        } else {
            try file.forEachLine { line in
                if line.text.allSatisfy(\.isWhitespace) { return "empty line" }
                let fields = line.text.split(separator: "\t", omittingEmptySubsequences: false).map {
                    String($0).trimmed
                }
                guard fields.count == 3 else { return "no three fields" }
                return take(Double(fields[0]) ?? .nan, fields[1], fields[2])
            }
        }
        guard pairs.count > 1 else {
            throw KindredError(
                .invalidData,
                "has \(pairs.count) pairs; lines must be 'score TAB sentence TAB sentence', or JSON objects in .jsonl, and a correlation needs two",
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
