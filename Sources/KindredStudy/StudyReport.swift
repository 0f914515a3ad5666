import Foundation
import KindredEncoder
import KindredSystem
import SystemPackage

/// The report of a study: Markdown with drawings beside it, and all figures as JSON.
package struct StudyReport {
    private let study: Study
    private var drawings: [(name: String, svg: String)] = []
    private var text: [String] = []

    package init(_ study: Study) {
        self.study = study
        text = [
            "# Study of \(study.options.stages.first.map { FilePath($0.model).lastComponent?.string ?? $0.model } ?? "")",
            "",
            "Data: `\(study.options.data)`"
                + (study.options.limit.map { "; of each set at most \($0) texts, pairs or documents" } ?? "")
                + (study.options.wordSentences.map { "; words of \($0) sentences" } ?? "")
                + ". Precision: \(study.options.precision?.rawValue ?? "as stored").",
        ]
        stages()
        words()
        sentences()
        echo()
        context()
        layers()
        steps()
        losses()
    }

    /// Writes `report.md`, `report.json` and the drawings into the study's directory.
    /// - Throws: `cannotCreate`, `inputOutput`.
    package func write() throws {
        for drawing in drawings {
            try AtomicFile.replace(
                study.directory.appending(drawing.name + ".svg"), with: Array(drawing.svg.utf8))
        }
        let markdown = text.joined(separator: "\n") + "\n"
        try AtomicFile.replace(study.directory.appending("report.md"), with: Array(markdown.utf8))
        try AtomicFile.replace(study.directory.appending("report.json"), with: json())
    }

    /// What `report.json` holds: the options, and every measured value by its key.
    package func json() throws -> [UInt8] {
        struct Output: Encodable {
            let options: Study.Options
            let missingPaperTasks: [String]
            let results: [String: [Double]]
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        encoder.keyEncodingStrategy = .convertToSnakeCase
        return Array(
            try encoder.encode(
                Output(
                    options: study.options, missingPaperTasks: study.data.missingPaperTasks,
                    results: study.results.all))) + [0x0A]
    }

    // MARK: Values

    private func value(_ subject: Study.Subject, _ pooling: String, _ task: StudyData.SentenceTask) -> Double?
    {
        study.results[Study.key(subject, pooling, task)]?.first
    }

    /// The mean over kinds of the means over their tasks, so that a kind with many sets counts once; nil where a task is
    /// missing.
    private func mean(
        _ subject: Study.Subject, _ pooling: String, of kinds: [StudyData.Kind] = StudyData.Kind.allCases
    ) -> Double? {
        var means: [Double] = []
        for kind in kinds {
            let tasks = study.data.sentenceTasks.filter { $0.kind == kind }
            guard !tasks.isEmpty else { continue }
            let known = tasks.compactMap { value(subject, pooling, $0) }
            guard known.count == tasks.count else { return nil }
            means.append(known.reduce(0, +) / Double(known.count))
        }
        return means.isEmpty ? nil : means.reduce(0, +) / Double(means.count)
    }

    private static func figure(_ value: Double?) -> String { value.map(Chart.label) ?? "–" }

    // MARK: Parts

    private mutating func section(_ title: String, _ lines: [String]) {
        text += ["", "## \(title)", ""] + lines
    }

    private mutating func draw(_ name: String, _ caption: String, _ svg: String) {
        drawings.append((name, svg))
        text += ["", "![\(caption)](\(name).svg)"]
    }

    private func table(_ header: [String], _ rows: [[String]]) -> [String] {
        func line(_ cells: [String]) -> String {
            "| " + cells.map { $0.replacingOccurrences(of: "|", with: "\\|") }.joined(separator: " | ") + " |"
        }
        return [line(header), line(header.map { _ in "---" })] + rows.map(line)
    }

    private mutating func stages() {
        let stages = study.options.stages
        let poolings = Study.poolings.map(\.rawValue)
        let values = stages.map { stage in poolings.map { mean(stage, $0) } }
        guard values.joined().contains(where: { $0 != nil }) else { return }
        let similarity = stages.map { stage in poolings.map { mean(stage, $0, of: [.similarity]) } }
        section(
            "Stages and pooling",
            ["The mean over the kinds of tasks (each the mean of its sets); in parentheses STS alone.", ""]
                + table(
                    ["stage"] + poolings,
                    zip(stages, zip(values, similarity)).map { stage, pair in
                        [stage.name]
                            + zip(pair.0, pair.1).map { "\(Self.figure($0)) (\(Self.figure($1)))" }
                    }))
        draw(
            "stages", "Stages by pooling",
            Chart.bars(
                title: "Sentence tasks by stage and pooling", groups: stages.map(\.name), series: poolings,
                values: values))
    }

    private mutating func words() {
        let subjects = study.wordSubjects
        let tasks = study.data.wordTasks
        let values = subjects.map { subject in
            tasks.map { study.results[Study.key(subject, $0)] }
        }
        guard values.joined().contains(where: { $0 != nil }) else { return }
        section(
            "Words",
            [
                "Accuracy of a linear probe on frozen states; in parentheses F1 of whole stretches. A word is the mean of its "
                    + "tokens' states, for stages trained by MNTP of those one token to the left unless it says \"own states\".",
                "",
            ]
                + table(
                    ["encoder"] + tasks.map { "\($0.kind.rawValue), \($0.name)" },
                    zip(subjects, values).map { subject, row in
                        [subject.name]
                            + row.map { found in
                                guard let found else { return "–" }
                                return Self.figure(found.first)
                                    + (found.count > 1 ? " (\(Self.figure(found[1])))" : "")
                            }
                    }))
        draw(
            "words", "Words by stage",
            Chart.bars(
                title: "Words: accuracy of a linear probe", groups: tasks.map(\.kind.rawValue),
                series: subjects.map(\.name),
                values: tasks.indices.map { task in values.map { $0[task]?.first } }))
    }

    private mutating func sentences() {
        let stages = study.options.stages.map { ($0, "mean") }
        let rivals = study.options.rivals.map { ($0, "own") }
        let bm25 = (Study.keywordSearch, "own")
        let subjects = (stages + rivals + [bm25]).filter { subject, pooling in
            study.data.sentenceTasks.contains { value(subject, pooling, $0) != nil }
        }
        guard !subjects.isEmpty else { return }
        var rows = study.data.sentenceTasks.map { task in
            ["\(task.kind.rawValue): \(task.name)", task.kind.measure]
                + subjects.map { Self.figure(value($0.0, $0.1, task)) }
        }
        rows.append(["mean over kinds", ""] + subjects.map { Self.figure(mean($0.0, $0.1)) })
        let missing = study.data.missingPaperTasks
        section(
            "Sentences",
            table(["task", "measure"] + subjects.map(\.0.name), rows)
                + (missing.isEmpty
                    ? []
                    : [
                        "",
                        "Of the paper's 15 tasks these have no data here: \(missing.joined(separator: ", ")).",
                    ]))
    }

    private mutating func echo() {
        guard let layers = study.results["echo/layers"]?.first else { return }
        let subjects = study.echoSubjects(layers: Int(layers))
        let costs = [1.0, 2, 0.5, 1]
        section(
            "Echo",
            [
                "Causal attention, mean pooling. Compute is in units of the plain decoder, for texts far longer than the words "
                    + "around the copies.", "",
            ]
                + table(
                    ["encoding", "compute", "mean over kinds", "STS"],
                    zip(subjects, costs).map { subject, cost in
                        [
                            subject.name, String(format: "%g", cost), Self.figure(mean(subject, "mean")),
                            Self.figure(mean(subject, "mean", of: [.similarity])),
                        ]
                    }))
    }

    private mutating func context() {
        let stages = study.options.stages
        let values = stages.map { stage in
            Study.contextKeys(stage).map { study.results[$0] ?? [] }
        }
        guard values.joined().contains(where: { !$0.isEmpty }) else { return }
        section(
            "What follows a sentence",
            [
                "Sentences A B, A C and A D, where B and C mean the same and D does not: the cosine of A's pooled states before "
                    + "B and before C (s⁺), and before B and before D (s⁻). Under causal attention both are 1.",
                "",
            ]
                + table(
                    ["stage", "s⁺: median", "quartiles", "s⁻: median", "quartiles", "difference of means"],
                    zip(stages, values).map { stage, pair in
                        [stage.name]
                            + pair.flatMap { sample -> [String] in
                                let sorted = sample.sorted()
                                guard !sorted.isEmpty else { return ["–", "–"] }
                                let q = [0.5, 0.25, 0.75].map { Self.figure(Chart.quantile(sorted, $0)) }
                                return [q[0], "\(q[1]) to \(q[2])"]
                            } + [Self.figure(Self.difference(pair))]
                    }))
        draw(
            "context", "s⁺ and s⁻ by stage",
            Chart.boxes(
                title: "Cosine of A's states before like and unlike sentences", groups: stages.map(\.name),
                series: ["s⁺", "s⁻"], values: values))
    }

    private static func difference(_ pair: [[Double]]) -> Double? {
        let means = pair.map { $0.isEmpty ? nil : $0.reduce(0, +) / Double($0.count) }
        guard let plus = means[0], let minus = means[1] else { return nil }
        return plus - minus
    }

    private mutating func layers() {
        let stages = study.layerStages.filter { study.results[Study.key($0, layer: 0)] != nil }
        guard !stages.isEmpty else { return }
        func values(_ stage: Study.Subject) -> [[Double]] {
            var rows: [[Double]] = []
            while let row = study.results[Study.key(stage, layer: rows.count)] { rows.append(row) }
            return rows
        }
        let all = stages.map(values)
        let count = all.map(\.count).max() ?? 0
        let shown = Array(
            Set(stride(from: 0, to: count, by: max(1, count / 8)).map { $0 } + [count - 2, count - 1])
        ).sorted()
            .filter { $0 >= 0 }
        section(
            "Causal and bidirectional states",
            [
                "The cosine of a token's states under either attention, over passages of \(Study.positions) tokens: mean over "
                    + "positions (the first excepted), in parentheses the first position. Layer 0 is before the first block; the last "
                    + "is after the final norm.", "",
            ]
                + table(
                    ["layer"] + stages.map(\.name),
                    shown.map { layer in
                        [String(layer)]
                            + all.map { rows in
                                guard rows.indices.contains(layer), rows[layer].count > 1 else { return "–" }
                                let rest = rows[layer].dropFirst()
                                return
                                    "\(Self.figure(rest.reduce(0, +) / Double(rest.count))) (\(Self.figure(rows[layer][0])))"
                            }
                    }))
        for (stage, rows) in zip(stages, all) {
            let name =
                "layers-"
                + stage.name.lowercased().filter { $0.isLetter || $0 == " " }
                .split(separator: " ").joined(separator: "-")
            draw(
                name, "Causal and bidirectional states: \(stage.name)",
                Chart.heatMap(
                    title: "\(stage.name): cosine of causal and bidirectional states", rows: "layer",
                    columns: "position",
                    values: rows))
        }
    }

    /// The loss curves of runs whose adapters are measured.
    private mutating func losses() {
        var lines: [String] = []
        for (index, stage) in study.options.stages.enumerated() {
            let curve = FilePath(stage.model).removingLastComponent().appending("loss.svg")
            guard Adapter.isAdapter(FilePath(stage.model)),
                let svg = FileManager.default.contents(atPath: curve.string)
            else { continue }
            drawings.append(("loss-\(index)", String(decoding: svg, as: UTF8.self)))
            lines += [
                "![Loss: \(stage.name)](loss-\(index).svg)", "", "The loss of \(stage.name) by step.", "",
            ]
        }
        if !lines.isEmpty { section("Training", lines.dropLast()) }
    }

    private mutating func steps() {
        let checkpoints = study.options.checkpoints
        let words = study.data.wordTasks.first { $0.kind == .partsOfSpeech }
        func accuracy(_ subject: Study.Subject) -> Double? {
            words.flatMap { study.results[Study.key(subject, $0)]?.first }
        }
        let start = study.options.stages.dropFirst().first
        let rows =
            ([start].compactMap { $0 }.map { (0.0, $0) })
            + checkpoints.compactMap { subject in
                Double(subject.name.prefix { $0 != " " }).map { ($0, subject) }
            }
        let known = rows.filter { mean($0.1, "mean", of: [.similarity]) != nil }
        guard known.count > 1 else { return }
        section(
            "Steps of MNTP",
            table(
                ["steps", "STS, mean pooling", "parts of speech"],
                known.map {
                    [
                        String(Int($0.0)), Self.figure(mean($0.1, "mean", of: [.similarity])),
                        Self.figure(accuracy($0.1)),
                    ]
                }))
        draw(
            "steps", "Steps of MNTP",
            Chart.lines(
                title: "How many steps the repair takes", x: "steps of MNTP",
                series: [
                    ("STS, mean pooling", known.map { ($0.0, mean($0.1, "mean", of: [.similarity]) ?? 0) }),
                    ("parts of speech", known.compactMap { row in accuracy(row.1).map { (row.0, $0) } }),
                ].filter { !$0.1.isEmpty }))
    }
}
