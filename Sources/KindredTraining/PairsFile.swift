import Foundation
import KindredSystem

/// Pairs of query and passage in a file: JSON lines, each an object
/// `{"query", "positive", "negatives": […], "instruction"}` of which the last two may be missing, or tab-separated values
/// `query TAB positive [TAB negative …]`. Which of them is told by the first byte of each line.
package enum PairsFile {
    package struct Line: Hashable, Sendable {
        package let query: String
        package let positive: String
        package let negatives: [String]
        /// Of this line; nil where the data set's is to be used.
        package let instruction: String?
    }

    /// Calls `body` with each pair.
    ///
    /// - Throws: `notFound`, `inputOutput`; `invalidData` with the line that is no pair.
    package static func forEachLine(in path: String, _ body: (Line) throws -> Void) throws {
        var reader = try TrainingText.LineReader(path: path)
        while let line = try reader.next() {
            guard !line.isEmpty else { continue }
            guard let pair = line.first == "{" ? json(line) : separated(line) else {
                throw KindredError(
                    .invalidData,
                    "is no pair: give {\"query\": …, \"positive\": …, \"negatives\": […]} or query TAB positive",
                    at: .init(path: path, line: reader.number))
            }
            try body(pair)
        }
    }

    private static func json(_ line: String) -> Line? {
        guard let object = try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any],
            let query = object["query"] as? String, let positive = object["positive"] as? String,
            !query.isEmpty,
            !positive.isEmpty
        else { return nil }
        var negatives: [String] = []
        if let given = object["negatives"] {
            guard let list = given as? [String] else { return nil }
            negatives = list
        } else if let one = object["negative"] as? String {
            negatives = [one]
        }
        return Line(
            query: query, positive: positive, negatives: negatives,
            instruction: object["instruction"] as? String)
    }

    private static func separated(_ line: String) -> Line? {
        let parts = line.components(separatedBy: "\t").map { $0.trimmingCharacters(in: .whitespaces) }
        guard parts.count >= 2, !parts[0].isEmpty, !parts[1].isEmpty else { return nil }
        return Line(
            query: parts[0], positive: parts[1], negatives: parts.dropFirst(2).filter { !$0.isEmpty },
            instruction: nil)
    }
}
