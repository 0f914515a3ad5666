import KindredSystem
import KindredTensors

/// Classification by logistic regression on frozen vectors (mteb, `AbsTaskClassification`).
package struct ClassificationEvaluation: Sendable {
    package struct Options: Sendable, Hashable {
        package var regression = LogisticRegression.Options()
        /// Examples of each class to train on; nil for all of them, in one experiment.
        package var samplesPerLabel: Int?
        /// How often to draw samples and train.
        package var experiments = 10
        package var seed: UInt64 = 42

        package init() {}
    }

    package struct Experiment: Sendable, Hashable {
        package let measures: ClassificationMeasures
        /// Rows of the training vectors that were trained on, in order of training.
        package let trainingRows: [Int]
        package let iterations: Int
        package let isConverged: Bool
    }

    package let experiments: [Experiment]
    package let classes: Int

    /// - Parameters:
    ///   - training: a vector for each training label.
    ///   - progress: called before each evaluation of a regression's loss; may throw to stop.
    /// - Throws: `invalidData` where the training labels are all the same.
    package init(
        training: Matrix, trainingLabels: [String], test: Matrix, testLabels: [String],
        options: Options = Options(), progress: () throws -> Void = {}
    ) throws {
        let names = Set(trainingLabels).sorted()
        guard names.count > 1 else {
            throw KindredError(
                .invalidData,
                "all training examples have the label \"\(names.first ?? "")\"; two classes are needed")
        }
        classes = names.count
        let number = Dictionary(uniqueKeysWithValues: names.enumerated().map { ($1, $0) })
        let labels = trainingLabels.map { number[$0]! }
        var experiments: [Experiment] = []
        for experiment in 0..<(options.samplesPerLabel == nil ? 1 : options.experiments) {
            var rows = Array(labels.indices)
            if let samples = options.samplesPerLabel {
                var sampling = SplitMix64(seed: options.seed &+ UInt64(experiment))
                rows = sampling.perLabel(samples, of: labels)
            }
            let regression = try LogisticRegression(
                features: rows.count == training.rows && options.samplesPerLabel == nil
                    ? training : training.gathered(rows),
                labels: rows.map { labels[$0] }, classes: names.count, options: options.regression,
                progress: progress)
            let predictions = regression.predict(test).map { names[$0] }
            experiments.append(
                Experiment(
                    measures: ClassificationMeasures(labels: testLabels, predictions: predictions),
                    trainingRows: rows, iterations: regression.iterations,
                    isConverged: regression.isConverged))
        }
        self.experiments = experiments
    }

    /// Over the experiments.
    package var accuracy: Double {
        experiments.reduce(0) { $0 + $1.measures.accuracy } / Double(experiments.count)
    }

    package var macroF1: Double {
        experiments.reduce(0) { $0 + $1.measures.macroF1 } / Double(experiments.count)
    }
}

extension Matrix {
    /// The rows of the given numbers, in that order.
    func gathered(_ rows: [Int]) -> Matrix {
        let result = Matrix(rows: rows.count, columns: columns)
        for (target, source) in rows.enumerated() {
            for column in 0..<columns { result[target, column] = self[source, column] }
        }
        return result
    }
}
