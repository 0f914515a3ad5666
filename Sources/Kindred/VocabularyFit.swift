/// Whether an encoder's vocabulary fits the texts that are indexed.
///
/// A tokenizer cuts words of a language that it was not made for into scraps, down to single bytes, and an encoder has
/// learned little of what these mean. Bytes per token tell: the embedded encoder has 4.3 in English, 2.2 to 2.9 in other
/// languages with Latin letters, 1.1 to 3.1 in other scripts (Documentation/languages.md has the table).
struct VocabularyFit {
    /// Below this the vocabulary does not fit.
    static let leastBytesPerToken = 3.2
    /// Bytes that tell something: a few short texts may be lists of names.
    static let leastBytes = 20_000

    private(set) var bytes = 0
    private(set) var tokens = 0

    mutating func add(bytes: Int, tokens: Int) {
        self.bytes += bytes
        self.tokens += tokens
    }

    var bytesPerToken: Double { tokens == 0 ? 0 : Double(bytes) / Double(tokens) }

    /// What to tell the user; nil where the vocabulary fits or too little text tells.
    var warning: String? {
        guard bytes >= Self.leastBytes, bytesPerToken < Self.leastBytesPerToken else { return nil }
        let measured = (bytesPerToken * 10).rounded() / 10
        return
            "the encoder's vocabulary does not fit these texts: \(measured) bytes a token, where texts of its own "
            + "language have more than 4. Semantic search will find less; keyword search does not depend on it. An "
            + "encoder for the language helps: --encoder, or 'kindred reindex'"
    }
}
