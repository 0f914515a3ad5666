import Foundation
import GRDB

/// Documents by their titles.
extension Catalog {
    /// Documents of one title that come first, at most.
    private static let titled = 3

    /// The first passages of the documents that `query` names: those with this title, and those that a redirect with this
    /// title leads to, without regard to case.
    ///
    /// The index of titles knows them as they are written, so the spellings that people type are looked up: as typed, in
    /// lower case, in capitals, and with capital initials. Other spellings are found among `candidates`.
    ///
    /// - Parameter candidates: passages that a search has found.
    /// - Returns: ids; documents with the title itself come before those of redirects.
    package func leadPassages(titled query: String, among candidates: [Int64]) throws -> [Int64] {
        try read { database in
            var leads: [(rank: Int, passage: Int64)] = []
            func add(_ rank: Int, _ passages: [Int64]) {
                for passage in passages where !leads.contains(where: { $0.passage == passage }) {
                    leads.append((rank, passage))
                }
            }
            let lead =
                "SELECT passage.id FROM article JOIN passage ON article_id = article.id AND ordinal = 0"
            let named = try database.cachedStatement(
                sql: "\(lead) WHERE site_id = ? AND title = ? ORDER BY article.id LIMIT \(Self.titled)")
            let redirected = try database.cachedStatement(
                sql: """
                    \(lead) WHERE site_id = ?1 AND title IN (
                        SELECT target FROM redirect WHERE site_id = ?1 AND title = ?2)
                    ORDER BY article.id LIMIT \(Self.titled)
                    """)
            let spellings = Self.spellings(of: query)
            for site in try Int64.fetchAll(database, sql: "SELECT id FROM site ORDER BY id") {
                for spelling in spellings {
                    add(0, try Int64.fetchAll(named, arguments: [site, spelling]))
                    add(1, try Int64.fetchAll(redirected, arguments: [site, spelling]))
                }
            }
            let folded = Self.folded(query)
            let titles = try database.cachedStatement(
                sql: """
                    SELECT title, alternatives, opening.id FROM passage
                    JOIN article ON article.id = passage.article_id
                    JOIN passage AS opening ON opening.article_id = article.id AND opening.ordinal = 0
                    WHERE passage.id = ?
                    """)
            for candidate in candidates {
                guard let row = try Row.fetchOne(titles, arguments: [candidate]) else { continue }
                let (title, others): (String, String) = try (row.value(0), row.value(1))
                if Self.folded(title) == folded {
                    add(0, [try row.value(2)])
                } else if others.split(separator: "\n").contains(where: { Self.folded(String($0)) == folded })
                {
                    add(1, [try row.value(2)])
                }
            }
            // The sort keeps the order of equal ones.
            return leads.sorted { $0.rank < $1.rank }.prefix(Self.titled).map(\.passage)
        }
    }

    private static func folded(_ title: String) -> String {
        title.precomposedStringWithCanonicalMapping.lowercased()
    }

    private static func spellings(of query: String) -> [String] {
        let query = query.precomposedStringWithCanonicalMapping
        let lower = query.lowercased()
        var spellings: [String] = []
        for spelling in [
            query, lower, query.uppercased(), query.prefix(1).uppercased() + query.dropFirst(),
            lower.prefix(1).uppercased() + lower.dropFirst(), lower.capitalized,
        ] where !spellings.contains(spelling) { spellings.append(spelling) }
        return spellings
    }
}
