/// How often classes are told rightly (scikit-learn, `accuracy_score` and `f1_score`).
package struct ClassificationMeasures: Sendable, Hashable {
    package let accuracy: Double
    /// The mean of F1 over the classes that occur among labels or predictions.
    package let macroF1: Double

    /// - Parameters:
    ///   - labels: what is right; not empty.
    ///   - predictions: as many.
    package init<Label: Hashable>(labels: [Label], predictions: [Label]) {
        precondition(labels.count == predictions.count && !labels.isEmpty)
        var right = 0
        var counts: [Label: (both: Int, labelled: Int, predicted: Int)] = [:]
        for (label, prediction) in zip(labels, predictions) {
            counts[label, default: (0, 0, 0)].labelled += 1
            counts[prediction, default: (0, 0, 0)].predicted += 1
            if label == prediction {
                right += 1
                counts[label]!.both += 1
            }
        }
        accuracy = Double(right) / Double(labels.count)
        let sum = counts.values.reduce(0) { $0 + 2 * Double($1.both) / Double($1.labelled + $1.predicted) }
        macroF1 = sum / Double(counts.count)
    }
}
