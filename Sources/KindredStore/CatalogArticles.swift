import GRDB

extension Catalog {
    /// The articles of a wiki whose ids there are within a range.
    package func articles(
        wiki: String, sourceIDs: ClosedRange<Int64>
    ) throws -> [(id: Int64, sourceID: Int64)] {
        try read { database in
            try Row.fetchAll(
                database,
                sql: """
                    SELECT article.id, source_id FROM article JOIN site ON site.id = site_id
                    WHERE wiki = ? AND source_id BETWEEN ? AND ? ORDER BY source_id
                    """, arguments: [wiki, sourceIDs.lowerBound, sourceIDs.upperBound]
            ).map { (try $0.value(0), try $0.value(1)) }
        }
    }

    /// The ids of all articles of a wiki, there.
    package func sourceIDs(wiki: String) throws -> [Int64] {
        try read { database in
            try Int64.fetchAll(
                database,
                sql: "SELECT source_id FROM article WHERE site_id = (SELECT id FROM site WHERE wiki = ?)",
                arguments: [wiki])
        }
    }
}
