import KindredEncoder
import KindredEvaluation
import KindredSystem
import KindredTensors

/// What attention both ways does to hidden states (BehnamGhader et al. 2024, §5).
extension Study {
    private static let triples = 100
    private static let passages = 16
    /// Tokens of a passage whose states are compared.
    package static let positions = 48

    // MARK: What follows a sentence

    /// Sentences A, B, C and D: B and C mean the same, D something else.
    private struct Triple {
        let a, b, c, d: String
    }

    /// B and C from pairs that people find as alike as can be, A and D from other pairs, drawn by a seed.
    private func triples() throws -> [Triple] {
        var alike: [(String, String)] = []
        var others: [String] = []
        for task in data.sentenceTasks where task.kind == .similarity {
            let pairs = try SentencePairs(path: task.files[0]).pairs
            let highest = pairs.map(\.score).max() ?? 0
            for pair in pairs {
                if pair.score >= 0.9 * highest, pair.first != pair.second {
                    alike.append((pair.first, pair.second))
                } else {
                    others.append(pair.first)
                }
            }
        }
        guard others.count >= 2 else { return [] }
        var random = SplitMix64(seed: 29)
        return alike.shuffled(using: &random).prefix(Self.triples).map { b, c in
            Triple(
                a: others.randomElement(using: &random)!, b: b, c: c, d: others.randomElement(using: &random)!
            )
        }
    }

    /// For each stage the cosine of A's pooled states before B and before C (s⁺), and before B and before D (s⁻).
    func measureContext() throws {
        let triples = try triples()
        guard !triples.isEmpty else { return }
        for stage in options.stages {
            let keys = Self.contextKeys(stage)
            guard keys.contains(where: { results[$0] == nil }) else { continue }
            try announce("\(stage.name), sentences before others")
            let encoder = try open(stage)
            var (plus, minus) = ([Double](), [Double]())
            for triple in triples {
                try Interrupts.check()
                let states = try [triple.b, triple.c, triple.d].map {
                    try pooledStart(triple.a, before: $0, encoder)
                }
                plus.append(cosine(states[0], states[1]))
                minus.append(cosine(states[0], states[2]))
            }
            _ = try results.values(keys[0]) { plus }
            _ = try results.values(keys[1]) { minus }
        }
    }

    private func pooledStart(_ first: String, before second: String, _ encoder: TextEncoder) throws
        -> [Double]
    {
        let (tokens, ranges) = encoder.input(forWords: [first, " " + second])
        let states = try encoder.hiddenStates([tokens])[0]
        let own = (ranges[0] ?? 0..<states.rows).clamped(to: 0..<states.rows)
        return (0..<states.columns).map { column in
            own.reduce(0) { $0 + Double(states[$1, column]) } / Double(max(1, own.count))
        }
    }

    private func cosine(_ a: [Double], _ b: [Double]) -> Double {
        func product(_ x: [Double], _ y: [Double]) -> Double { zip(x, y).reduce(0) { $0 + $1.0 * $1.1 } }
        return product(a, b) / max((product(a, a) * product(b, b)).squareRoot(), 1e-30)
    }

    // MARK: Layer by layer

    /// Texts of some length: documents, or sentences joined.
    private func passages(_ encoder: TextEncoder) throws -> [[Int32]] {
        var texts: [String] = []
        for task in data.sentenceTasks where task.kind == .retrieval {
            texts += try RetrievalSet(directory: task.files[0]).documents.prefix(400).map(\.encodedText)
        }
        for task in data.sentenceTasks where task.kind == .similarity {
            let sentences = try SentencePairs(path: task.files[0]).pairs.prefix(400).map(\.first)
            texts += stride(from: 0, to: sentences.count, by: 10).map { start in
                sentences[start..<min(start + 10, sentences.count)].joined(separator: " ")
            }
        }
        var random = SplitMix64(seed: 31)
        return texts.shuffled(using: &random).lazy
            .map { encoder.input(for: $0).tokens }
            .filter { $0.count >= Self.positions }
            .prefix(Self.passages).map { Array($0.prefix(Self.positions)) }
    }

    /// For the first stages of a model with and without MNTP: the cosine of causal and bidirectional states, by layer and
    /// position, over passages.
    func measureLayers() throws {
        for stage in layerStages {
            guard results[Self.key(stage, layer: 0)] == nil else { continue }
            try announce("\(stage.name), states by layer")
            let encoder = try open(stage)
            guard !encoder.decoderConfiguration.isEncoder else { continue }
            let passages = try passages(encoder)
            guard !passages.isEmpty else { continue }
            var sums: [[Double]] = []
            for tokens in passages {
                try Interrupts.check()
                let causal = try encoder.statesByLayer(tokens, attention: .causal)
                let both = try encoder.statesByLayer(tokens, attention: .bidirectional)
                if sums.isEmpty {
                    sums = Array(repeating: Array(repeating: 0, count: Self.positions), count: causal.count)
                }
                for layer in causal.indices {
                    for position in 0..<Self.positions {
                        sums[layer][position] += cosine(
                            causal[layer].row(position).map(Double.init),
                            both[layer].row(position).map(Double.init))
                    }
                }
            }
            // The first layer comes last: it says that all are there.
            for layer in sums.indices.reversed() {
                _ = try results.values(Self.key(stage, layer: layer)) {
                    sums[layer].map { $0 / Double(passages.count) }
                }
            }
        }
    }

    /// The decoder as it was, and after each stage of training.
    package var layerStages: [Subject] { Array(options.stages.dropFirst()) }
}
