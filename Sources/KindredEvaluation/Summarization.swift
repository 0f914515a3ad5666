import Foundation
import KindredSystem
import KindredTensors
import SystemPackage

/// Summaries by machines, with people's scores and summaries by people, in mteb's layout of SummEval:
/// `{"human_summaries", "machine_summaries", "relevance"}` a line.
package struct SummarizationSet: Sendable {
    package struct Document: Sendable, Hashable {
        package let references: [String]
        package let summaries: [String]
        package let scores: [Double]
    }

    package let name: String
    package let documents: [Document]
    package let remarks: InputRemarks

    /// - Parameter count: documents to read, at most; nil: all.
    /// - Throws: `notFound`, `inputOutput`; `invalidData` where no line can be read.
    package init(path: FilePath, documents count: Int? = nil) throws {
        var file = RemarkedFile(path)
        var documents: [Document] = []
        try file.forEachObject { fields in
            guard let references = fields["human_summaries"] as? [String], !references.isEmpty,
                let summaries = fields["machine_summaries"] as? [String],
                let scores = fields["relevance"] as? [Double], scores.count == summaries.count
            else { return "no \"human_summaries\" and \"machine_summaries\" with \"relevance\"" }
            documents.append(Document(references: references, summaries: summaries, scores: scores))
            return nil
        }
        guard !documents.isEmpty else {
            throw file.nothingRead(wanted: "{\"human_summaries\", \"machine_summaries\", \"relevance\"}")
        }
        name = path.stem ?? path.string
        self.documents = Array(documents.prefix(count ?? documents.count))
        remarks = file.remarks
    }
}

/// Whether the similarity of a machine's summary to people's follows its score: Spearman's correlation for each document,
/// and the mean of these (mteb, `SummarizationEvaluator`, `cosine_spearman`).
package struct SummarizationEvaluation: Sendable, Hashable {
    /// nil where no document's scores and similarities both vary.
    package let spearman: Double?

    /// - Parameters:
    ///   - references: unit vectors of all summaries by people, in order.
    ///   - summaries: unit vectors of all summaries by machines, in order.
    package init(_ set: SummarizationSet, references: Matrix, summaries: Matrix) {
        var (known, judged) = (0, 0)
        var correlations: [Double] = []
        for document in set.documents {
            let similarities = document.summaries.indices.map { summary in
                document.references.indices.map { references.cosine(known + $0, summaries, judged + summary) }
                    .max()!
            }
            if let value = Correlation.spearman(similarities, document.scores) { correlations.append(value) }
            known += document.references.count
            judged += document.summaries.count
        }
        spearman = correlations.isEmpty ? nil : correlations.reduce(0, +) / Double(correlations.count)
    }
}
