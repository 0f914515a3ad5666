import Foundation
import KindredEvaluation
import KindredSystem
import SystemPackage

/// The data sets below a directory, told apart by the directories that they lie in.
///
/// | directory | content |
/// |---|---|
/// | `sts/` | `.tsv`: score, sentence, sentence; or mteb's `.jsonl` |
/// | `retrieval/…/` | BEIR's layout |
/// | `classification/NAME/` | a file with "train" in its name, and another to test on |
/// | `word/NAME/` | CoNLL-U, or columns of word and label; "train", and "test" or "dev" |
/// | `clustering/`, `reranking/`, `pair-classification/`, `summarization/` | mteb's own `.jsonl`, also compressed by gzip |
package struct StudyData {
    package enum Kind: String, Sendable, CaseIterable {
        case similarity = "STS"
        case retrieval = "retrieval"
        case reranking = "reranking"
        case clustering = "clustering"
        case pairClassification = "pair classification"
        case classification = "classification"
        case summarization = "summarization"

        /// What is measured, as mteb does it.
        package var measure: String {
            switch self {
            case .similarity, .summarization: "Spearman"
            case .retrieval: "nDCG@10"
            case .reranking: "MAP"
            case .clustering: "v-measure"
            case .pairClassification: "average precision"
            case .classification: "accuracy"
            }
        }
    }

    /// What is measured on sentences.
    package struct SentenceTask: Sendable {
        package let kind: Kind
        package let name: String
        let files: [FilePath]
    }

    package enum WordKind: String, Sendable {
        case partsOfSpeech = "parts of speech"
        case chunks = "chunks"
        case entities = "named entities"
    }

    package struct WordTask: Sendable {
        package let kind: WordKind
        package let name: String
        let training: FilePath
        let test: FilePath
    }

    package let directory: FilePath
    package let sentenceTasks: [SentenceTask]
    package let wordTasks: [WordTask]

    /// - Throws: `notFound`; `invalidData` where there is no data set.
    package init(directory: FilePath) throws {
        guard FileKind(directory.string) == .directory else {
            throw KindredError(.notFound, "no such directory of data sets", at: .init(path: directory.string))
        }
        self.directory = directory
        var tasks: [SentenceTask] = []
        for file in Self.files(below: directory.appending("sts")) {
            let name = file.lastComponent?.string ?? ""
            if file.extension == "tsv" {
                tasks.append(.init(kind: .similarity, name: file.stem ?? "", files: [file]))
            } else if name.contains(".jsonl") {
                tasks.append(.init(kind: .similarity, name: String(name.prefix { $0 != "." }), files: [file]))
            }
        }
        for file in Self.files(below: directory.appending("retrieval"))
        where file.lastComponent?.string == "queries.jsonl" {
            let set = file.removingLastComponent()
            let parent = set.removingLastComponent().lastComponent?.string ?? ""
            let own = set.lastComponent?.string ?? ""
            tasks.append(
                .init(kind: .retrieval, name: parent == "retrieval" ? own : "\(parent)/\(own)", files: [set]))
        }
        for (folder, kind) in [
            ("reranking", Kind.reranking), ("clustering", .clustering),
            ("pair-classification", .pairClassification), ("summarization", .summarization),
        ] {
            for file in Self.files(below: directory.appending(folder)) where file.string.contains(".jsonl") {
                let name = file.lastComponent?.string ?? ""
                tasks.append(.init(kind: kind, name: String(name.prefix { $0 != "." }), files: [file]))
            }
        }
        for folder in Self.folders(in: directory.appending("classification")) {
            let files = Self.files(below: folder).filter {
                ["csv", "tsv", "jsonl", "label"].contains($0.extension ?? "")
            }
            guard let training = files.first(where: { Self.name($0).contains("train") }) else { continue }
            let others = files.filter { $0 != training && $0.extension == training.extension }
            tasks.append(
                .init(
                    kind: .classification, name: folder.lastComponent?.string ?? "",
                    files: [training] + others.prefix(1)))
        }
        sentenceTasks = tasks
        var words: [WordTask] = []
        for folder in Self.folders(in: directory.appending("word")) {
            let files = Self.files(below: folder)
            guard let training = files.first(where: { Self.name($0).contains("train") }),
                let test = files.first(where: { Self.name($0).contains("test") })
                    ?? files.first(where: { Self.name($0).contains("dev") })
            else { continue }
            let name = folder.lastComponent?.string ?? ""
            if training.extension == "conllu" {
                for kind in [WordKind.partsOfSpeech, .chunks] {
                    words.append(.init(kind: kind, name: name, training: training, test: test))
                }
            } else {
                let labels = try AnnotatedWords(path: training).sentences.prefix(200).joined().map(\.label)
                let kind: WordKind =
                    labels.contains { $0.hasSuffix("-NP") }
                    ? .chunks : labels.contains { $0.hasPrefix("B-") } ? .entities : .partsOfSpeech
                words.append(.init(kind: kind, name: name, training: training, test: test))
            }
        }
        wordTasks = words
        guard !tasks.isEmpty || !words.isEmpty else {
            throw KindredError(
                .invalidData,
                "holds no data set; it should have sts, retrieval, reranking, clustering, pair-classification, classification, "
                    + "summarization or word", at: .init(path: directory.string))
        }
    }

    /// The tasks on which the paper compares the stages (BehnamGhader et al. 2024, appendix), by mteb's names.
    package static let paperTasks: [(kind: Kind, name: String)] = [
        (.retrieval, "ArguAna"), (.retrieval, "NFCorpus"), (.retrieval, "SciFact"),
        (.reranking, "StackOverflowDupQuestions"), (.reranking, "SciDocsRR"),
        (.clustering, "BiorxivClusteringS2S"), (.clustering, "MedrxivClusteringS2S"),
        (.clustering, "TwentyNewsgroupsClustering"), (.pairClassification, "SprintDuplicateQuestions"),
        (.classification, "Banking77Classification"), (.classification, "EmotionClassification"),
        (.classification, "MassiveIntentClassification"), (.similarity, "STS17"), (.similarity, "SICK-R"),
        (.similarity, "STSBenchmark"),
    ]

    /// Those of the paper's tasks that no data set here belongs to, by the letters of their names.
    package var missingPaperTasks: [String] {
        let own = sentenceTasks.map { task in (task.kind, task.name.lowercased().filter(\.isLetterOrDigit)) }
        return Self.paperTasks.filter { paper in
            let short = paper.name.replacingOccurrences(of: "Classification", with: "")
                .replacingOccurrences(of: "Clustering", with: "").lowercased().filter(\.isLetterOrDigit)
            let names = short == "stsbenchmark" ? [short, "stsb"] : [short]
            return !own.contains { task in task.0 == paper.kind && names.contains { task.1.hasPrefix($0) } }
        }.map(\.name)
    }

    private static func name(_ file: FilePath) -> String { file.lastComponent?.string.lowercased() ?? "" }

    private static func folders(in directory: FilePath) -> [FilePath] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: directory.string)) ?? []
        return names.sorted().map { directory.appending($0) }.filter { FileKind($0.string) == .directory }
    }

    /// All files below a directory, in order of their names.
    private static func files(below directory: FilePath) -> [FilePath] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: directory.string)) ?? []
        return names.sorted().flatMap { name -> [FilePath] in
            let path = directory.appending(name)
            return FileKind(path.string) == .directory ? files(below: path) : [path]
        }
    }
}

extension Character {
    fileprivate var isLetterOrDigit: Bool { isLetter || isNumber }
}
