import Foundation
import KindredSystem
import KindredWikipedia
import SystemPackage

/// Queries, documents, and which documents answer which query, in BEIR's layout (Thakur et al. 2021):
///
/// - `corpus.jsonl`: `{"_id", "title", "text"}` a line; the title may be missing
/// - `queries.jsonl`: `{"_id", "text"}` a line
/// - `qrels/SPLIT.tsv`, or `qrels.tsv`: a header line, then `query id TAB document id TAB judgment`
package struct RetrievalSet: Sendable {
    package struct Document: Sendable, Hashable {
        package let id: String
        package let title: String
        package let text: String

        /// What the encoder sees: as the indexer has it for a passage.
        package var encodedText: String {
            title.isEmpty ? text : Passage.encodedText(title: title, sectionPath: [], body: text)
        }
    }

    package struct Query: Sendable, Hashable {
        package let id: String
        package let text: String
        /// By document id.
        package let judgments: [String: Int]
    }

    package let directory: FilePath
    /// "test"; nil where `qrels.tsv` is the only one.
    package let split: String?
    /// As they stand in the file.
    package let documents: [Document]
    /// Those of the split with at least one relevant document, as they stand in the file.
    package let queries: [Query]
    package let remarks: InputRemarks

    package var name: String { directory.lastComponent?.string ?? directory.string }

    /// - Parameter split: which judgments; nil for the only ones.
    /// - Throws: `notFound` for a missing file or split; `invalidRequest` where there are several splits and none is
    ///   chosen; `invalidData` where no query or no document is left.
    package init(directory: FilePath, split: String? = nil) throws {
        self.directory = directory
        guard FileManager.default.fileExists(atPath: directory.string) else {
            throw KindredError(
                .notFound, "no such data set; name a directory with corpus.jsonl, queries.jsonl and qrels",
                at: .init(path: directory.string))
        }
        let (judgmentsPath, chosen) = try Self.judgments(of: directory, split: split)
        self.split = chosen
        var remarks = InputRemarks()
        let judgments = try Self.readJudgments(judgmentsPath, &remarks)
        documents = try Self.readDocuments(directory.appending("corpus.jsonl"), &remarks)
        queries = try Self.readQueries(directory.appending("queries.jsonl"), judgments, &remarks)
        self.remarks = remarks
        guard !documents.isEmpty else {
            throw KindredError(
                .invalidData, "has no document", at: .init(path: directory.appending("corpus.jsonl").string))
        }
        guard !queries.isEmpty else {
            throw KindredError(
                .invalidData, "judges no document relevant to any query of queries.jsonl",
                at: .init(path: judgmentsPath.string))
        }
    }

    /// A part of the set: some queries, their relevant documents, and others up to a number.
    package func sampled(queries: Int, documents: Int, seed: UInt64) -> RetrievalSet {
        var random = SplitMix64(seed: seed)
        let chosen =
            queries < self.queries.count
            ? random.split(self.queries.count, testing: queries).testing.map { self.queries[$0] }
            : self.queries
        let relevant = Set(chosen.flatMap { $0.judgments.filter { $0.value > 0 }.keys })
        var kept = Set(self.documents.indices.filter { relevant.contains(self.documents[$0].id) })
        for index in self.documents.indices.shuffled(using: &random) where kept.count < documents {
            kept.insert(index)
        }
        return RetrievalSet(of: self, queries: chosen, documents: kept.sorted().map { self.documents[$0] })
    }

    private init(of set: RetrievalSet, queries: [Query], documents: [Document]) {
        directory = set.directory
        split = set.split
        remarks = set.remarks
        self.queries = queries
        self.documents = documents
    }

    private static func judgments(of directory: FilePath, split: String?) throws -> (FilePath, String?) {
        let qrels = directory.appending("qrels")
        let files = (try? FileManager.default.contentsOfDirectory(atPath: qrels.string)) ?? []
        let splits = files.filter { $0.hasSuffix(".tsv") }.map { String($0.dropLast(4)) }.sorted()
        let single = directory.appending("qrels.tsv")
        if let split {
            guard splits.contains(split) else {
                let known =
                    splits.isEmpty ? "it has no named splits" : "it has \(splits.joined(separator: ", "))"
                throw KindredError(
                    .notFound, "has no split \"\(split)\"; \(known)", at: .init(path: directory.string))
            }
            return (qrels.appending(split + ".tsv"), split)
        }
        if splits.count == 1 { return (qrels.appending(splits[0] + ".tsv"), splits[0]) }
        guard splits.isEmpty else {
            throw KindredError(
                .invalidRequest, "has the splits \(splits.joined(separator: ", ")); choose one with --split",
                at: .init(path: directory.string))
        }
        guard FileManager.default.fileExists(atPath: single.string) else {
            throw KindredError(
                .notFound, "has neither qrels/*.tsv nor qrels.tsv", at: .init(path: directory.string))
        }
        return (single, nil)
    }

    private static func readJudgments(
        _ path: FilePath, _ remarks: inout InputRemarks
    ) throws -> [String: [String: Int]] {
        var judgments: [String: [String: Int]] = [:]
        var file = RemarkedFile(path, remarks: remarks)
        try file.forEachLine { line in
            if line.text.allSatisfy(\.isWhitespace) { return "empty line" }
            let fields = line.text.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
            guard fields.count == 3 else { return "a judgment without three fields" }
            guard let judgment = Int(fields[2].trimmed) else {
                // The header.
                return line.number == 1 ? nil : "a judgment that is not a whole number"
            }
            judgments[fields[0], default: [:]][fields[1]] = judgment
            return nil
        }
        remarks = file.remarks
        return judgments
    }

    private static func readDocuments(
        _ path: FilePath, _ remarks: inout InputRemarks
    ) throws -> [Document] {
        var documents: [Document] = []
        _ = try forEachEntry(path, "document", &remarks) {
            documents.append(Document(id: $0.id, title: $0.title, text: $0.text))
            return nil
        }
        return documents
    }

    private static func readQueries(
        _ path: FilePath, _ judgments: [String: [String: Int]], _ remarks: inout InputRemarks
    ) throws -> [Query] {
        var queries: [Query] = []
        let seen = try forEachEntry(path, "query", &remarks) { entry in
            // Queries of other splits are no loss.
            guard let found = judgments[entry.id] else { return nil }
            guard found.values.contains(where: { $0 > 0 }) else {
                return "a query without a relevant document"
            }
            queries.append(Query(id: entry.id, text: entry.text.trimmed, judgments: found))
            return nil
        }
        for id in judgments.keys.sorted() where !seen.contains(id) {
            remarks.add(
                .skipped, "a judged query that is not in queries.jsonl", at: "query \(id)")
        }
        return queries
    }

    /// Calls `take` with each entry of a file whose id is new; what it returns is remarked, as are lines that are none.
    /// - Returns: the ids.
    private static func forEachEntry(
        _ path: FilePath, _ kind: String, _ remarks: inout InputRemarks, _ take: (Entry) -> String?
    ) throws -> Set<String> {
        var seen: Set<String> = []
        var file = RemarkedFile(path, remarks: remarks)
        try file.forEachLine { line in
            if line.text.allSatisfy(\.isWhitespace) { return "empty line" }
            guard let entry = Entry(line.text) else {
                return "a \(kind) that is not a JSON object with \"_id\" and \"text\""
            }
            guard seen.insert(entry.id).inserted else { return "a \(kind)'s id occurs again" }
            return take(entry)
        }
        remarks = file.remarks
        return seen
    }
}

/// A line of `corpus.jsonl` or `queries.jsonl`.
private struct Entry {
    let id: String
    let title: String
    let text: String

    init?(_ line: String) {
        guard let object = try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any],
            let text = object["text"] as? String
        else { return nil }
        // Some sets have numbers as ids.
        switch object["_id"] {
        case let id as String: self.id = id
        case let id as Int: self.id = String(id)
        default: return nil
        }
        title = (object["title"] as? String ?? "").trimmed
        self.text = text
    }
}
