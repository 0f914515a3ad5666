/// How well entities are found: whole ones, as conlleval and seqeval's default mode count them (Tjong Kim Sang and De
/// Meulder 2003, §2.5), and word by word.
package struct EntityMeasures: Sendable, Hashable {
    package let precision: Double
    package let recall: Double
    /// Micro-averaged F1 over entities whose words and kind are right.
    package let f1: Double
    /// Micro-averaged F1 over words inside entities, B- and I- told apart.
    package let tokenF1: Double

    /// - Parameters:
    ///   - labels: "O", "B-kind" and "I-kind" for each word of each sentence.
    ///   - predictions: as many.
    package init(labels: [[String]], predictions: [[String]]) {
        precondition(labels.map(\.count) == predictions.map(\.count))
        var (right, labelled, predicted) = (0, 0, 0)
        var (rightWords, labelledWords, predictedWords) = (0, 0, 0)
        for (truth, guess) in zip(labels, predictions) {
            let (wanted, found) = (Set(Entity.all(in: truth)), Set(Entity.all(in: guess)))
            right += wanted.intersection(found).count
            labelled += wanted.count
            predicted += found.count
            rightWords += zip(truth, guess).count { $0 == $1 && $0 != "O" }
            labelledWords += truth.count { $0 != "O" }
            predictedWords += guess.count { $0 != "O" }
        }
        precision = predicted > 0 ? Double(right) / Double(predicted) : 0
        recall = labelled > 0 ? Double(right) / Double(labelled) : 0
        f1 = Self.f1(right, labelled, predicted)
        tokenF1 = Self.f1(rightWords, labelledWords, predictedWords)
    }

    private static func f1(_ right: Int, _ labelled: Int, _ predicted: Int) -> Double {
        labelled + predicted > 0 ? 2 * Double(right) / Double(labelled + predicted) : 0
    }
}

/// A stretch of words that are one entity.
struct Entity: Hashable {
    let kind: Substring
    let words: Range<Int>

    /// The entities of a sentence. One begins with B-, with I- after another kind, or with I- after O: labels that no
    /// annotator would give are read as leniently as conlleval reads them.
    static func all(in labels: [String]) -> [Entity] {
        var entities: [Entity] = []
        var open: (kind: Substring, start: Int)?
        for (position, label) in labels.enumerated() {
            let kind = label == "O" ? nil : label.dropFirst(2)
            if let current = open, kind != current.kind || label.hasPrefix("B-") {
                entities.append(Entity(kind: current.kind, words: current.start..<position))
                open = nil
            }
            if open == nil, let kind { open = (kind, position) }
        }
        if let open { entities.append(Entity(kind: open.kind, words: open.start..<labels.count)) }
        return entities
    }
}
