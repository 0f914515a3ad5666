import KindredEncoder
import KindredEvaluation
import KindredSystem
import KindredTensors
import SystemPackage

/// Measures an encoder on the tasks of sentences, each as mteb does it, on a sample of each set.
struct SentenceMeasures {
    /// Texts, pairs or documents of a set, at most; nil: all.
    let limit: Int?
    let progress: @Sendable (TextVectors.Progress) throws -> Void

    private static let seed: UInt64 = 17

    /// The measure of the task's kind; nil where it is not defined.
    func value(of task: StudyData.SentenceTask, _ encoder: TextEncoder) throws -> Double? {
        let vectors = TextVectors(encoder, progress: progress)
        switch task.kind {
        case .similarity:
            let pairs = sample(try SentencePairs(path: task.files[0]).pairs, limit)
            let encoded = try vectors.encode(pairs.flatMap { [$0.first, $0.second] })
            return SimilarityEvaluation(scores: pairs.map(\.score), vectors: encoded).spearman
        case .pairClassification:
            let pairs = sample(try DuplicatePairs(path: task.files[0]).pairs, limit)
            let encoded = try vectors.encode(pairs.flatMap { [$0.first, $0.second] })
            return AveragePrecision.of(
                scores: pairs.indices.map { encoded.cosine(2 * $0, encoded, 2 * $0 + 1) },
                isRight: pairs.map(\.isDuplicate))
        case .classification: return try classification(task, vectors)
        case .clustering: return try clustering(ClusteringSet(path: task.files[0]), vectors)
        case .reranking:
            let set = try RerankingSet(path: task.files[0], queries: limit.map { max(1, $0 / 10) })
            let queries = try vectors.encode(
                set.queries.flatMap(\.texts), instruction: encoder.configuration.prompts.query)
            let candidates = try vectors.encode(
                set.queries.flatMap(\.candidates), instruction: encoder.configuration.prompts.document)
            return RerankingEvaluation(set, queries: queries, candidates: candidates).meanAveragePrecision
        case .retrieval:
            let evaluation = RetrievalEvaluation(try retrievalSet(task))
            try evaluation.rankByVectors(
                queries: vectors.encode(
                    evaluation.set.queries.map(\.text), instruction: encoder.configuration.prompts.query),
                documents: vectors.encode(
                    evaluation.set.documents.map(\.encodedText),
                    instruction: encoder.configuration.prompts.document))
            return try evaluation.result(of: .semantic).measures.ndcgAt10
        case .summarization:
            let set = try SummarizationSet(path: task.files[0], documents: limit.map { max(1, $0 / 20) })
            return SummarizationEvaluation(
                set, references: try vectors.encode(set.documents.flatMap(\.references)),
                summaries: try vectors.encode(set.documents.flatMap(\.summaries))
            ).spearman
        }
    }

    /// Keyword search on a retrieval set: BM25's figure.
    func keywordValue(of task: StudyData.SentenceTask) throws -> Double {
        try RetrievalEvaluation(retrievalSet(task)).result(of: .keyword).measures.ndcgAt10
    }

    private func retrievalSet(_ task: StudyData.SentenceTask) throws -> RetrievalSet {
        let set = try RetrievalSet(directory: task.files[0])
        guard let limit else { return set }
        return set.sampled(queries: max(10, limit / 10), documents: limit, seed: Self.seed)
    }

    private func classification(_ task: StudyData.SentenceTask, _ vectors: TextVectors) throws -> Double {
        let sets = try task.files.map { try LabelledTexts(path: $0).examples }
        var (training, test) = (sets[0], sets.last ?? [])
        if sets.count == 1 {
            var random = SplitMix64(seed: Self.seed)
            let rows = random.split(training.count, testing: max(1, training.count / 5))
            (training, test) = (rows.training.map { sets[0][$0] }, rows.testing.map { sets[0][$0] })
        }
        test = sample(test, limit)
        // mteb trains on 8 examples of each class, ten times; here they are drawn of 16.
        let known = Set(training.map(\.label)).sorted()
        let number = Dictionary(uniqueKeysWithValues: known.enumerated().map { ($1, $0) })
        var random = SplitMix64(seed: Self.seed)
        let chosen = random.perLabel(16, of: training.map { number[$0.label]! }).sorted()
        training = chosen.map { training[$0] }
        let encoded = try vectors.encode(training.map(\.text) + test.map(\.text))
        var options = ClassificationEvaluation.Options()
        options.samplesPerLabel = 8
        return try ClassificationEvaluation(
            training: encoded.rows(0..<training.count), trainingLabels: training.map(\.label),
            test: encoded.rows(training.count..<training.count + test.count), testLabels: test.map(\.label),
            options: options
        ).accuracy
    }

    private func clustering(_ set: ClusteringSet, _ vectors: TextVectors) throws -> Double {
        var sum = 0.0
        for part in set.parts {
            let pairs = sample(Array(zip(part.texts, part.labels)), limit)
            let encoded = try vectors.encode(pairs.map(\.0))
            let count = Set(pairs.map(\.1)).count
            let found = try KMeans(encoded, clusters: count, seed: Self.seed)
            sum += VMeasure(labels: pairs.map(\.1), clusters: found.clusters).value
        }
        return sum / Double(set.parts.count)
    }

    /// Some of the elements, drawn by a seed, in order.
    private func sample<Element>(_ all: [Element], _ limit: Int?) -> [Element] {
        guard let limit, limit < all.count else { return all }
        var random = SplitMix64(seed: Self.seed)
        return random.split(all.count, testing: limit).testing.map { all[$0] }
    }
}
