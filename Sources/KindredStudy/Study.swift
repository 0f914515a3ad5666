import Foundation
import KindredEncoder
import KindredEvaluation
import KindredSystem
import KindredTensors
import SystemPackage

/// The experiments of LLM2Vec (BehnamGhader et al. 2024, arXiv 2404.05961) on one decoder.
///
/// A study has a directory of its own: `study.json` says what is measured, `results.jsonl` holds what was, and `report.md`,
/// `report.json` and drawings are made of it. A study that is stopped goes on where it was.
package struct Study {
    /// A model as it is measured.
    package struct Subject: Codable, Hashable, Sendable {
        /// "Bi + MNTP"
        package var name: String
        /// A model directory, an adapter or a GGUF file; "embedded" for the one that ships.
        package var model: String
        package var attention: String?
        /// Whether it learned to predict a token from the state before it: then that state stands for a word.
        package var predictsNext = false
        /// The first layers alone; nil: all.
        package var layers: Int?
        package var echoes = false

        package init(
            name: String, model: String, attention: EncoderConfiguration.Attention?,
            predictsNext: Bool = false,
            layers: Int? = nil, echoes: Bool = false
        ) {
            self.name = name
            self.model = model
            self.attention = attention?.rawValue
            self.predictsNext = predictsNext
            self.layers = layers
            self.echoes = echoes
        }

        /// - Throws: `unavailable` where the embedded model is missing.
        package func directory() throws -> FilePath {
            try ModelReference.directory(of: model)
        }
    }

    package enum Part: String, Codable, CaseIterable, Sendable {
        /// Stages by pooling (figure 3).
        case stages
        /// Parts of speech, chunks and entities by a linear probe (figure 2).
        case words
        /// Each task of sentences, with rivals.
        case sentences
        /// A text twice, pooled over its second copy, at equal compute.
        case echo
        /// What follows a sentence and its pooled states (figure 4).
        case context
        /// Causal and bidirectional states by layer and position (figure 5).
        case layers
        /// Checkpoints of MNTP.
        case steps
    }

    package struct Options: Codable, Hashable, Sendable {
        /// Stages in order; the first is causal.
        package var stages: [Subject]
        /// Other encoders for the tables.
        package var rivals: [Subject] = []
        /// Adapters by the steps of MNTP that they have.
        package var checkpoints: [Subject] = []
        package var data: String
        /// Texts, pairs or documents of a set, at most; nil: all.
        package var limit: Int?
        /// Sentences that a probe of words trains on, and half as many to test on.
        package var wordSentences: Int?
        package var precision: Precision?

        package init(stages: [Subject], data: String) {
            self.stages = stages
            self.data = data
        }
    }

    package static let poolings: [EncoderConfiguration.Pooling] = [.endOfSequence, .mean, .weightedMean]

    package let directory: FilePath
    package let options: Options
    package let data: StudyData
    package let results: StudyResults
    private let measures: SentenceMeasures
    /// Told what is measured next.
    let announce: (String) throws -> Void

    /// - Parameters:
    ///   - directory: of the study; made where it is missing.
    ///   - resume: whether it may hold a study already.
    ///   - announce: told what is measured next; may throw to stop.
    ///   - progress: told how far a set is; may throw to stop.
    /// - Throws: `invalidRequest` where the directory holds a study and `resume` is false, or a study of something else;
    ///   `cannotCreate` where it holds other files; `notFound`, `invalidData` for the data.
    package init(
        _ options: Options, in directory: FilePath, resume: Bool,
        announce: @escaping (String) throws -> Void = { _ in },
        progress: @escaping @Sendable (TextVectors.Progress) throws -> Void = { _ in }
    ) throws {
        self.directory = directory
        self.options = options
        self.announce = announce
        data = try StudyData(directory: FilePath(options.data))
        measures = SentenceMeasures(limit: options.limit, progress: progress)
        try Self.begin(options, in: directory, resume: resume)
        results = try StudyResults(path: directory.appending("results.jsonl"))
    }

    private static func begin(_ options: Options, in directory: FilePath, resume: Bool) throws {
        let file = directory.appending("study.json")
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        if let old = FileManager.default.contents(atPath: file.string) {
            guard resume else {
                throw KindredError(
                    .invalidRequest,
                    "already holds a study; resume it with --resume, or name another directory",
                    at: .init(path: directory.string))
            }
            guard let known = try? JSONDecoder().decode(Options.self, from: old), options.extends(known)
            else {
                throw KindredError(
                    .invalidRequest,
                    "holds a study of another model, other data or another sample; give the same, or name another directory",
                    at: .init(path: file.string))
            }
        } else {
            try AtomicFile.makeDirectory(directory)
        }
        try AtomicFile.replace(file, with: Array(try encoder.encode(options)) + [0x0A])
    }

    // MARK: Running

    /// Measures the parts, as far as they are not known.
    package func run(_ parts: [Part]) throws {
        for part in Part.allCases where parts.contains(part) {
            switch part {
            case .stages: try measureStages()
            case .words: try measureWords()
            case .sentences: try measureSentences()
            case .echo: try measureEcho()
            case .context: try measureContext()
            case .layers: try measureLayers()
            case .steps: try measureSteps()
            }
        }
    }

    func open(
        _ subject: Subject, pooling: EncoderConfiguration.Pooling? = nil
    ) throws -> TextEncoder {
        var model = try ModelDirectory(subject.directory())
        if let attention = subject.attention.flatMap(EncoderConfiguration.Attention.init) {
            model.usage.attention = model.shape.isEncoder ? .bidirectional : attention
        }
        if let pooling { model.usage.pooling = pooling }
        if subject.echoes { model.usage.mode = .echo }
        if let layers = subject.layers { model = model.keeping(layers: min(layers, model.shape.layers)) }
        return try TextEncoder(model, precision: options.precision)
    }

    /// Opened when the first value is missing.
    private final class LazyEncoder {
        private let make: () throws -> TextEncoder
        private var known: TextEncoder?

        init(_ make: @escaping () throws -> TextEncoder) { self.make = make }

        func value() throws -> TextEncoder {
            let value = try known ?? make()
            known = value
            return value
        }
    }

    static func key(_ subject: Subject, _ pooling: String, _ task: StudyData.SentenceTask) -> String {
        "sentences/\(subject.name)/\(pooling)/\(task.kind.rawValue)/\(task.name)"
    }

    static func key(_ subject: Subject, _ task: StudyData.WordTask) -> String {
        "words/\(subject.name)/\(task.kind.rawValue)/\(task.name)"
    }

    /// Of s⁺ and of s⁻.
    static func contextKeys(_ stage: Subject) -> [String] {
        ["plus", "minus"].map { "context/\(stage.name)/\($0)" }
    }

    static func key(_ stage: Subject, layer: Int) -> String { "layers/\(stage.name)/\(layer)" }

    /// Stands for BM25 in tables; it is no model.
    static let keywordSearch = Subject(name: "BM25", model: "", attention: nil)

    private func measure(
        _ subject: Subject, pooling: EncoderConfiguration.Pooling?, _ tasks: [StudyData.SentenceTask]
    ) throws {
        let encoder = LazyEncoder { try open(subject, pooling: pooling) }
        let label = pooling?.rawValue ?? "own"
        for task in tasks {
            _ = try results.values(Self.key(subject, label, task)) {
                try announce("\(subject.name), \(label), \(task.name)")
                return try [measures.value(of: task, encoder.value())].compactMap { $0 }
            }
        }
    }

    private func measureStages() throws {
        for stage in options.stages {
            for pooling in Self.poolings { try measure(stage, pooling: pooling, data.sentenceTasks) }
        }
    }

    private func measureSentences() throws {
        for stage in options.stages { try measure(stage, pooling: .mean, data.sentenceTasks) }
        for rival in options.rivals { try measure(rival, pooling: nil, data.sentenceTasks) }
        for task in data.sentenceTasks where task.kind == .retrieval {
            _ = try results.values(Self.key(Self.keywordSearch, "own", task)) {
                try announce("BM25, \(task.name)")
                return [try measures.keywordValue(of: task)]
            }
        }
    }

    private func measureSteps() throws {
        let tasks = data.sentenceTasks.filter { $0.kind == .similarity }
        for checkpoint in options.checkpoints {
            try measure(checkpoint, pooling: .mean, tasks)
            try measureWords(of: checkpoint, data.wordTasks.filter { $0.kind == .partsOfSpeech })
        }
    }

    // MARK: Words

    private func measureWords() throws {
        for subject in wordSubjects { try measureWords(of: subject, data.wordTasks) }
    }

    /// Who is measured on words. Where the state before a token stands for it, its own state is measured too.
    package var wordSubjects: [Subject] {
        options.stages.flatMap { stage -> [Subject] in
            guard stage.predictsNext else { return [stage] }
            var own = stage
            own.name += ", own states"
            own.predictsNext = false
            return [stage, own]
        } + options.rivals
    }

    /// Accuracy, and for stretches of words also F1.
    private func measureWords(of subject: Subject, _ tasks: [StudyData.WordTask]) throws {
        let encoder = LazyEncoder { try open(subject) }
        for task in tasks {
            _ = try results.values(Self.key(subject, task)) {
                try announce("\(subject.name), \(task.kind.rawValue) of \(task.name)")
                let tag: AnnotatedWords.Tag = task.kind == .chunks ? .chunk : .universal
                let sets = try [task.training, task.test].map { try AnnotatedWords(path: $0, tag: tag) }
                let count = options.wordSentences
                let parts = zip(sets, [count, count.map { max(1, $0 / 2) }]).map { set, count in
                    Array(set.sentences.prefix(count ?? set.sentences.count))
                }
                let alignment: WordProbe.Alignment = subject.predictsNext ? .previous : .own
                let words = try parts.map {
                    try WordProbe.words(
                        $0, by: encoder.value(), alignment: alignment, progress: measures.progress)
                }
                let result = try WordProbe.probe(
                    training: words[0], test: words[1], marksEntities: sets.allSatisfy(\.marksEntities)
                ) { try Interrupts.check() }
                return [result.measures.accuracy, result.entities?.f1].compactMap { $0 }
            }
        }
    }

    // MARK: Echo

    /// The decoder causal and echoed, whole and with half of its layers: an echoed text has about twice the tokens, so that the
    /// half echoed costs what the whole costs.
    package func echoSubjects(layers: Int) -> [Subject] {
        guard let first = options.stages.first else { return [] }
        func subject(_ name: String, layers: Int?, echoes: Bool) -> Subject {
            Subject(name: name, model: first.model, attention: .causal, layers: layers, echoes: echoes)
        }
        return [
            subject("plain", layers: nil, echoes: false), subject("echo", layers: nil, echoes: true),
            subject("plain, half of the layers", layers: layers / 2, echoes: false),
            subject("echo, half of the layers", layers: layers / 2, echoes: true),
        ]
    }

    private func measureEcho() throws {
        guard let first = options.stages.first else { return }
        let layers = try ModelDirectory(first.directory()).shape.layers
        _ = try results.values("echo/layers") { [Double(layers)] }
        for subject in echoSubjects(layers: layers) {
            try measure(subject, pooling: .mean, data.sentenceTasks)
        }
    }
}

extension Study.Options {
    /// Whether what another study measured holds for this one: it may have had fewer models.
    fileprivate func extends(_ old: Study.Options) -> Bool {
        func agree(_ new: [Study.Subject], _ old: [Study.Subject]) -> Bool {
            old.allSatisfy { before in new.first { $0.name == before.name }.map { $0 == before } ?? true }
        }
        return data == old.data && limit == old.limit && wordSentences == old.wordSentences
            && precision == old.precision && agree(stages, old.stages) && agree(rivals, old.rivals)
            && agree(checkpoints, old.checkpoints)
    }
}
