import KindredSystem

/// How the passages that a search finds are arranged.
public enum SearchGrouping: String, Sendable, CaseIterable {
    /// By their scores alone.
    case none
    /// By article: each once, with its best passages beneath. The limit of a search then counts articles.
    case article
    /// By article where more than half of the passages would be of one, and not otherwise.
    case automatic

    /// Passages of an article, at most.
    static let passagesPerArticle = 3
    /// From this many passages on, `automatic` groups.
    private static let fewest = 3

    /// The passages of the best `limit` articles, those of an article together, articles by their best passage.
    ///
    /// - Parameter articles: of every passage that still exists.
    /// - Returns: each with the number of its article, from 1.
    static func groups(
        _ ranked: [ScoredPassage], of articles: [Int64: Int64], limit: Int
    ) -> [(passage: ScoredPassage, article: Int)] {
        var places: [Int64: Int] = [:]
        var groups: [[ScoredPassage]] = []
        for passage in ranked {
            guard let article = articles[passage.id] else { continue }
            if let place = places[article] {
                if groups[place].count < passagesPerArticle { groups[place].append(passage) }
            } else if groups.count < limit {
                places[article] = groups.count
                groups.append([passage])
            }
        }
        return groups.enumerated().flatMap { index, group in group.map { ($0, index + 1) } }
    }

    /// Whether more than half of some passages are of one article.
    static func isOneSided(_ passages: some Collection<ScoredPassage>, of articles: [Int64: Int64]) -> Bool {
        guard passages.count >= fewest else { return false }
        var counts: [Int64: Int] = [:]
        for passage in passages {
            if let article = articles[passage.id] { counts[article, default: 0] += 1 }
        }
        return (counts.values.max() ?? 0) * 2 > passages.count
    }
}
