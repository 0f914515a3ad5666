import Foundation
import KindredSystem
import KindredTensors
import SystemPackage

/// Pairs of texts that say the same or do not, in mteb's layout: `{"sent1", "sent2", "labels"}` or `{"sentence1",
/// "sentence2", "label"}`, where each may be a list.
package struct DuplicatePairs: Sendable {
    package struct Pair: Sendable, Hashable {
        package let first: String
        package let second: String
        package let isDuplicate: Bool
    }

    package let name: String
    package let pairs: [Pair]
    package let remarks: InputRemarks

    /// - Throws: `notFound`, `inputOutput`; `invalidData` where there are not pairs of both kinds.
    package init(path: FilePath) throws {
        var file = RemarkedFile(path)
        var pairs: [Pair] = []
        func list(_ value: Any?) -> [Any] { value as? [Any] ?? [value].compactMap { $0 } }
        try file.forEachObject { fields in
            let first = list(fields["sent1"] ?? fields["sentence1"]).compactMap { $0 as? String }
            let second = list(fields["sent2"] ?? fields["sentence2"]).compactMap { $0 as? String }
            let labels = list(fields["labels"] ?? fields["label"]).compactMap { $0 as? Int }
            guard !first.isEmpty, first.count == second.count, first.count == labels.count,
                labels.allSatisfy({ $0 == 0 || $0 == 1 })
            else { return "no two sentences with a label of 0 or 1" }
            pairs += zip(zip(first, second), labels).map {
                .init(first: $0.0, second: $0.1, isDuplicate: $1 == 1)
            }
            return nil
        }
        guard pairs.contains(where: \.isDuplicate), pairs.contains(where: { !$0.isDuplicate }) else {
            throw file.nothingRead(wanted: "{\"sent1\", \"sent2\", \"labels\"} with both labels")
        }
        name = path.stem ?? path.string
        self.pairs = pairs
        remarks = file.remarks
    }
}

/// The area under the curve of precision and recall, as a sum over thresholds (scikit-learn, `average_precision_score`;
/// mteb's `cosine_ap`).
package enum AveragePrecision {
    /// - Returns: nil where nothing is right.
    package static func of(scores: [Double], isRight: [Bool]) -> Double? {
        precondition(scores.count == isRight.count)
        let total = isRight.count { $0 }
        guard total > 0 else { return nil }
        let order = scores.indices.sorted { (scores[$1], $0) < (scores[$0], $1) }
        var (right, seen, sum, start) = (0, 0, 0.0, 0)
        // Equal scores are one threshold.
        while start < order.count {
            var end = start
            var found = 0
            while end < order.count, scores[order[end]] == scores[order[start]] {
                found += isRight[order[end]] ? 1 : 0
                end += 1
            }
            seen += end - start
            right += found
            sum += Double(found) / Double(total) * Double(right) / Double(seen)
            start = end
        }
        return sum
    }
}
