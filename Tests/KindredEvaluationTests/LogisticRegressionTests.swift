import KindredSystem
import KindredTensors
import Testing

@testable import KindredEvaluation

@Suite struct LBFGSTests {
    /// The sum of 100 (x[i+1] - x[i]²)² + (1 - x[i])², and its gradient.
    private static func rosenbrock(_ x: [Double]) -> (value: Double, gradient: [Double]) {
        var value = 0.0
        var gradient = [Double](repeating: 0, count: x.count)
        for index in 0..<x.count - 1 {
            let (bend, rest) = (x[index + 1] - x[index] * x[index], 1 - x[index])
            value += 100 * bend * bend + rest * rest
            gradient[index] += -400 * x[index] * bend - 2 * rest
            gradient[index + 1] += 200 * bend
        }
        return (value, gradient)
    }

    @Test func `after each number of iterations it stands where L-BFGS-B stands`() throws {
        let goldens = try Goldens.load().minimisations
        for golden in goldens.cases {
            var search = LBFGS()
            search.iterations = golden.iterations
            let result = search.minimize(from: goldens.start, Self.rosenbrock)
            #expect(result.iterations == golden.used)
            #expect(
                zip(result.point, golden.point).allSatisfy { abs($0 - $1) < 1e-6 },
                "after \(golden.iterations): \(result.point), not \(golden.point)")
            #expect(abs(result.value - golden.value) <= 1e-7 * max(1, golden.value))
        }
        #expect(goldens.cases.contains { $0.used < $0.iterations })
    }

    @Test func `a minimum is recognised where it stands`() {
        let result = LBFGS().minimize(from: [1, 1, 1], Self.rosenbrock)
        #expect(result.iterations == 0 && result.isConverged && result.point == [1, 1, 1])
    }

    @Test func `a function that cannot be lowered ends the search`() {
        // The gradient promises what the value does not keep.
        let result = LBFGS().minimize(from: [0]) { (abs($0[0]), [1]) }
        #expect(!result.isConverged && result.point == [0])
    }
}

@Suite struct LogisticRegressionTests {
    @Test func `weights, predictions and measures are scikit-learn's`() throws {
        for golden in try Goldens.load().regressions.cases {
            let features = Matrix(doubles: golden.features)
            let training = features.rows(0..<golden.training)
            let test = features.rows(golden.training..<features.rows)
            var options = LogisticRegression.Options()
            (options.c, options.iterations) = (golden.c, golden.iterations)
            let regression = try LogisticRegression(
                features: training, labels: Array(golden.labels[..<golden.training]),
                classes: golden.classes, options: options)
            // Both stop where the gradient is below 1e-4, each at its own point there.
            #expect(regression.weights.distance(to: golden.weights) < 5e-3, "\(golden.name)")
            #expect(
                zip(regression.intercepts, golden.intercepts).allSatisfy { abs(Double($0) - $1) < 5e-3 },
                "\(golden.name)")
            #expect(abs(regression.iterations - golden.used) <= 1, "\(golden.name)")
            #expect(regression.isConverged == (golden.used < golden.iterations))
            let predictions = regression.predict(test)
            #expect(predictions == golden.predictions, "\(golden.name)")
            let measures = ClassificationMeasures(
                labels: Array(golden.labels[golden.training...]), predictions: predictions)
            #expect(abs(measures.accuracy - golden.accuracy) < 1e-12)
            #expect(abs(measures.macroF1 - golden.macroF1) < 1e-12)
        }
    }

    @Test func `dimensions are scaled as StandardScaler scales them`() throws {
        let golden = try Goldens.load().regressions.scaling
        let features = Matrix(doubles: golden.features)
        #expect(Standardization(features).apply(to: features).distance(to: golden.scaled) < 1e-5)
    }

    @Test func `more rows than a block give the same as the rows one by one`() throws {
        var generator = SplitMix64(seed: 3)
        let rows = (0..<9000).map { _ in
            (0..<3).map { _ in Float.random(in: -1...1, using: &generator) }
        }
        let labels = rows.map { $0[0] + $0[1] > 0 ? 1 : $0[2] > 0 ? 2 : 0 }
        let regression = try LogisticRegression(features: Matrix(rows), labels: labels, classes: 3)
        let together = regression.predict(Matrix(rows))
        for row in stride(from: 0, to: rows.count, by: 997) {
            #expect(regression.predict(Matrix([rows[row]])) == [together[row]])
        }
        let right = zip(together, labels).count { $0 == $1 }
        #expect(Double(right) / Double(labels.count) > 0.85)
    }

    @Test func `an error of the progress report ends the fit`() {
        struct Stop: Error {}
        #expect(throws: Stop.self) {
            try LogisticRegression(features: Matrix([[1], [0]]), labels: [0, 1], classes: 2) { throw Stop() }
        }
    }
}

@Suite struct ClassificationEvaluationTests {
    /// Three classes around three corners, and texts' labels that are strings.
    private func examples(_ count: Int, seed: UInt64) -> (Matrix, [String]) {
        var generator = SplitMix64(seed: seed)
        let labels = (0..<count).map { $0 % 3 }
        let rows = labels.map { label in
            (0..<3).map { Float($0 == label ? 1 : 0) + Float.random(in: -0.3...0.3, using: &generator) }
        }
        return (Matrix(rows), labels.map { ["red", "green", "blue"][$0] })
    }

    @Test func `classes that lie apart are told apart, with all examples and with a few`() throws {
        let (training, trainingLabels) = examples(300, seed: 1)
        let (test, testLabels) = examples(90, seed: 2)
        let all = try ClassificationEvaluation(
            training: training, trainingLabels: trainingLabels, test: test, testLabels: testLabels)
        #expect(all.experiments.count == 1 && all.classes == 3)
        #expect(all.accuracy == 1 && all.macroF1 == 1)

        var options = ClassificationEvaluation.Options()
        options.samplesPerLabel = 8
        let few = try ClassificationEvaluation(
            training: training, trainingLabels: trainingLabels, test: test, testLabels: testLabels,
            options: options)
        #expect(few.experiments.count == 10 && few.accuracy > 0.9)
        for experiment in few.experiments {
            let drawn = experiment.trainingRows.map { trainingLabels[$0] }
            #expect(Set(experiment.trainingRows).count == 24)
            #expect(["red", "green", "blue"].allSatisfy { name in drawn.count { $0 == name } == 8 })
        }
        #expect(Set(few.experiments.map(\.trainingRows)).count == 10)
        let again = try ClassificationEvaluation(
            training: training, trainingLabels: trainingLabels, test: test, testLabels: testLabels,
            options: options)
        #expect(again.experiments == few.experiments)
    }

    @Test func `a label that was never trained on counts as wrong`() throws {
        let (training, trainingLabels) = examples(60, seed: 1)
        let evaluation = try ClassificationEvaluation(
            training: training, trainingLabels: trainingLabels, test: training.rows(0..<2),
            testLabels: [trainingLabels[0], "violet"])
        #expect(evaluation.accuracy == 0.5)
    }

    @Test func `one class is refused`() {
        let error = #expect(throws: KindredError.self) {
            try ClassificationEvaluation(
                training: Matrix([[1], [2]]), trainingLabels: ["a", "a"], test: Matrix([[1]]),
                testLabels: ["a"])
        }
        #expect(error?.code == .invalidData)
    }

    @Test func `a split keeps every example once`() {
        var sampling = SplitMix64(seed: 9)
        let (training, testing) = sampling.split(50, testing: 10)
        #expect(testing.count == 10 && (training + testing).sorted() == Array(0..<50))
    }
}
