import Foundation
import KindredSystem

/// Pairs of query and passage in a file: JSON lines, each an object
/// `{"query", "positive", "negatives": […], "scores": […], "instruction"}` of which the last three may be missing, or
/// tab-separated values `query TAB positive [TAB negative …]`. Which of them is told by the first byte of each line.
package enum PairsFile {
    package struct Line: Hashable, Sendable {
        /// In its file, from 1.
        package fileprivate(set) var number = 0
        package let query: String
        package let positive: String
        package let negatives: [String]
        /// Of this line; nil where the data set's is to be used.
        package let instruction: String?
        /// A teacher's, of the positive and of each negative; nil where the line has none.
        package let scores: [Float]?
    }

    /// Calls `body` with each pair.
    ///
    /// - Throws: `notFound`, `inputOutput`; `invalidData` with the line that is no pair.
    package static func forEachLine(in path: String, _ body: (Line) throws -> Void) throws {
        var reader = try TrainingText.LineReader(path: path)
        while let line = try reader.next() {
            guard !line.isEmpty else { continue }
            func invalid(_ message: String) -> KindredError {
                KindredError(.invalidData, message, at: .init(path: path, line: reader.number))
            }
            guard var pair = line.first == "{" ? json(line) : separated(line) else {
                throw invalid(
                    "is not a pair: write {\"query\": …, \"positive\": …, \"negatives\": […]} or query TAB positive"
                )
            }
            if let scores = pair.scores {
                guard !pair.negatives.isEmpty, scores.count == 1 + pair.negatives.count else {
                    throw invalid(
                        "has \(scores.count) scores and \(pair.negatives.count) negatives; give at least one negative, "
                            + "and a score for the positive and for each of them")
                }
                guard scores.allSatisfy(\.isFinite) else { throw invalid("has a score that is not finite") }
            }
            pair.number = reader.number
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
        var scores: [Float]?
        if let given = object["scores"] {
            guard let list = given as? [Double] else { return nil }
            scores = list.map(Float.init)
        }
        return Line(
            query: query, positive: positive, negatives: negatives,
            instruction: object["instruction"] as? String, scores: scores)
    }

    private static func separated(_ line: String) -> Line? {
        let parts = line.components(separatedBy: "\t").map { $0.trimmingCharacters(in: .whitespaces) }
        guard parts.count >= 2, !parts[0].isEmpty, !parts[1].isEmpty else { return nil }
        return Line(
            query: parts[0], positive: parts[1], negatives: parts.dropFirst(2).filter { !$0.isEmpty },
            instruction: nil, scores: nil)
    }
}
