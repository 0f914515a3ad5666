/// How passages are found.
public enum SearchMode: String, CaseIterable, Sendable {
    /// Semantic and keyword results joined by their scores.
    case hybrid
    /// By the cosine of the query's and the passage's vectors.
    case semantic
    /// By BM25 over the words.
    case keyword
}
