import KindredTokenizers

/// Tokens that are to be predicted, each from the hidden state of the token before it.
package struct PredictionExample: Sendable {
    package let tokens: [Int32]
    /// Positions of the predicted tokens, from 1 on, and what stood there.
    package let positions: [Int]
    package let targets: [Int32]

    package init(tokens: [Int32], positions: [Int], targets: [Int32]) {
        self.tokens = tokens
        self.positions = positions
        self.targets = targets
    }

    /// Every token from those before it.
    package init(causal tokens: [Int32]) {
        self.tokens = tokens
        positions = Array(1..<max(1, tokens.count))
        targets = Array(tokens.dropFirst())
    }
}

/// How tokens are masked for masked next token prediction (BehnamGhader et al. 2024, §2.2; Devlin et al. 2019;
/// transformers, `DataCollatorForLanguageModeling`).
package struct Masking: Sendable, Hashable {
    /// Share of tokens that are chosen.
    package var share: Double
    /// Whether every chosen token is masked; else 80 % are, 10 % become random, 10 % stay.
    package var masksAll: Bool
    package var maskToken: Int32
    package var vocabularySize: Int

    package init(share: Double, masksAll: Bool, maskToken: Int32, vocabularySize: Int) {
        self.share = share
        self.masksAll = masksAll
        self.maskToken = maskToken
        self.vocabularySize = vocabularySize
    }

    /// A block with tokens masked. The first token may be masked, but nothing comes before it to predict it.
    func apply(to block: [Int32], _ random: inout TrainingRandom) -> PredictionExample {
        var tokens = block
        var positions: [Int] = []
        for position in block.indices where random.uniform() < share {
            if position > 0 { positions.append(position) }
            let fate = masksAll ? 0 : random.uniform()
            if fate < 0.8 {
                tokens[position] = maskToken
            } else if fate < 0.9 {
                tokens[position] = Int32(random.next() % UInt64(vocabularySize))
            }
        }
        return PredictionExample(tokens: tokens, positions: positions, targets: positions.map { block[$0] })
    }
}
