import KindredEncoder
import KindredSystem
import KindredTensors

/// Words told apart by a linear layer on frozen hidden states (BehnamGhader et al. 2024, §3.1; McGill-NLP/llm2vec,
/// `experiments/run_word_task.py`).
package enum WordProbe {
    /// Whose hidden states stand for a word.
    package enum Alignment: String, Sendable, CaseIterable {
        /// Those one position before the word's tokens: where a model trained to predict the next token has what it
        /// knows of the word (llm2vec's `next_token`).
        case previous
        /// Those of the word's own tokens (`same_token`).
        case own
    }

    /// The words of a set as vectors.
    package struct Words: Sendable {
        /// words × hidden: the mean of the states that stand for each word.
        package let states: Matrix
        package let labels: [String]
        /// Rows of each sentence, in order; those without a word are left out.
        package let sentences: [Range<Int>]
        /// Words past the encoder's maximum length, or without a token to stand for them.
        package let leftOut: Int
    }

    private static let sentencesPerStep = 512

    /// Encodes the words of sentences.
    ///
    /// - Parameter progress: told of sentences after each step; may throw to stop.
    package static func words(
        _ sentences: [[AnnotatedWords.Word]], by encoder: TextEncoder, alignment: Alignment,
        progress: (TextVectors.Progress) throws -> Void = { _ in }
    ) throws -> Words {
        var inputs: [WordsInput] = []
        var labels: [String] = []
        var ranges: [Range<Int>] = []
        var leftOut = 0
        for sentence in sentences {
            let input = WordsInput(sentence, encoder: encoder, alignment: alignment)
            leftOut += sentence.count - input.words.count
            guard !input.words.isEmpty else { continue }
            ranges.append(labels.count..<labels.count + input.words.count)
            labels += input.words.map { sentence[$0.word].label }
            inputs.append(input)
        }
        let states = Matrix(rows: labels.count, columns: encoder.hiddenSize)
        // Sentences of like length together, so that threads end together.
        let order = inputs.indices.sorted {
            (inputs[$1].tokens.count, $0) < (inputs[$0].tokens.count, $1)
        }
        for start in stride(from: 0, to: order.count, by: sentencesPerStep) {
            let step = order[start..<min(start + sentencesPerStep, order.count)]
            let hidden = try encoder.hiddenStates(step.map { inputs[$0].tokens })
            for (sentence, found) in zip(step, hidden) {
                for (row, word) in zip(ranges[sentence], inputs[sentence].words) {
                    let weight = 1 / Float(word.positions.count)
                    for position in word.positions {
                        for column in 0..<states.columns {
                            states[row, column] += weight * found[position, column]
                        }
                    }
                }
            }
            try progress(.init(done: start + step.count, total: order.count))
        }
        return Words(states: states, labels: labels, sentences: ranges, leftOut: leftOut)
    }

    /// What a probe gave.
    package struct Result: Sendable {
        package let measures: ClassificationMeasures
        /// Where the labels mark entities.
        package let entities: EntityMeasures?
        package let iterations: Int
        package let isConverged: Bool
    }

    /// Trains a probe and tests it. States are scaled to mean 0 and variance 1 of the training words in each dimension
    /// (scikit-learn's `StandardScaler`), because hidden states have a few dimensions that are far larger than others.
    ///
    /// - Parameter progress: called before each evaluation of the regression's loss; may throw to stop.
    /// - Throws: `invalidData` where the training labels are all the same, or no test word is left.
    package static func probe(
        training: Words, test: Words, marksEntities: Bool,
        options: LogisticRegression.Options = .init(), progress: () throws -> Void = {}
    ) throws -> Result {
        let names = Set(training.labels).sorted()
        guard names.count > 1, !test.labels.isEmpty else {
            throw KindredError(
                .invalidData,
                "there are \(names.count) labels to train on and \(test.labels.count) words to test")
        }
        let number = Dictionary(uniqueKeysWithValues: names.enumerated().map { ($1, $0) })
        let scaling = Standardization(training.states)
        let regression = try LogisticRegression(
            features: scaling.apply(to: training.states), labels: training.labels.map { number[$0]! },
            classes: names.count, options: options, progress: progress)
        let predictions = regression.predict(scaling.apply(to: test.states)).map { names[$0] }
        return Result(
            measures: ClassificationMeasures(labels: test.labels, predictions: predictions),
            entities: marksEntities
                ? EntityMeasures(
                    labels: test.sentences.map { Array(test.labels[$0]) },
                    predictions: test.sentences.map { Array(predictions[$0]) }) : nil,
            iterations: regression.iterations, isConverged: regression.isConverged)
    }
}

/// A sentence as the decoder sees it, and which positions stand for each of its words.
private struct WordsInput {
    let tokens: [Int32]
    /// The sentence's words that have positions.
    let words: [(word: Int, positions: Range<Int>)]

    init(_ sentence: [AnnotatedWords.Word], encoder: TextEncoder, alignment: WordProbe.Alignment) {
        let (sequence, ranges) = encoder.input(
            forWords: sentence.map { $0.followsSpace ? " " + $0.text : $0.text })
        tokens = sequence
        words = ranges.enumerated().compactMap { word, range in
            guard let range, !range.isEmpty else { return nil }
            guard alignment == .previous else { return (word, range) }
            // A sentence may begin without a token before it.
            let shifted = max(range.lowerBound - 1, 0)..<range.upperBound - 1
            return shifted.isEmpty ? nil : (word, shifted)
        }
    }
}

/// Scales dimensions to mean 0 and variance 1.
struct Standardization {
    private let means: [Double]
    private let scales: [Double]

    /// - Parameter matrix: examples × dimensions, at least one example.
    init(_ matrix: Matrix) {
        var means = [Double](repeating: 0, count: matrix.columns)
        var squares = means
        for row in 0..<matrix.rows {
            for column in 0..<matrix.columns { means[column] += Double(matrix[row, column]) }
        }
        for column in means.indices { means[column] /= Double(matrix.rows) }
        for row in 0..<matrix.rows {
            for column in 0..<matrix.columns {
                let difference = Double(matrix[row, column]) - means[column]
                squares[column] += difference * difference
            }
        }
        self.means = means
        // A dimension that is always the same is left as it is.
        scales = squares.map { $0 > 0 ? 1 / ($0 / Double(matrix.rows)).squareRoot() : 1 }
    }

    func apply(to matrix: Matrix) -> Matrix {
        let result = Matrix(rows: matrix.rows, columns: matrix.columns)
        for row in 0..<matrix.rows {
            for column in 0..<matrix.columns {
                result[row, column] = Float((Double(matrix[row, column]) - means[column]) * scales[column])
            }
        }
        return result
    }
}
