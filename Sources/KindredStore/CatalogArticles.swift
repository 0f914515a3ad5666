import Foundation
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

    /// The documents of a file, or of the files below a directory, with the collection that each is in.
    ///
    /// - Parameter path: absolute, without a slash at its end.
    package func articles(below path: String) throws -> [(
        id: Int64, sourceID: Int64, collection: String, path: String
    )] {
        try read { database in
            // "0" follows "/" in ASCII.
            try Row.fetchAll(
                database,
                sql: """
                    SELECT article.id, source_id, wiki, path FROM article JOIN site ON site.id = site_id
                    WHERE path <> '' AND path = ?
                    UNION ALL SELECT article.id, source_id, wiki, path FROM article JOIN site ON site.id = site_id
                    WHERE path <> '' AND path >= ? AND path < ?
                    """, arguments: [path, path + "/", path + "0"]
            ).map { (try $0.value(0), try $0.value(1), try $0.value(2), try $0.value(3)) }
        }
    }

    /// The links of an article to others that the index has, also by the title of a redirect.
    ///
    /// - Returns: the words of each link, and the article that it leads to, in the order of the text.
    package func anchors(ofArticle id: Int64) throws -> [(text: String, article: Int64, title: String)] {
        try read { database in
            guard
                let row = try Row.fetchOne(
                    database, sql: "SELECT anchors, anchors_size, site_id FROM article WHERE id = ?",
                    arguments: [id]),
                let block = try row.decode(Data?.self, atIndex: 0)
            else { return [] }
            let site: Int64 = try row.value(2)
            let text = try LZ4.decompress([UInt8](block), size: row.value(1))
            let find = try database.makeStatement(
                sql: """
                    SELECT id, title FROM article WHERE site_id = ?1 AND title = ?2
                    UNION ALL SELECT article.id, article.title FROM redirect
                        JOIN article ON article.site_id = ?1 AND article.title = target
                        WHERE redirect.site_id = ?1 AND redirect.title = ?2
                    LIMIT 1
                    """)
            return try String(decoding: text, as: UTF8.self).split(separator: "\n").compactMap { line in
                let parts = line.split(separator: "\t", maxSplits: 1).map(String.init)
                guard parts.count == 2,
                    let article = try Row.fetchOne(find, arguments: [site, parts[1]])
                else { return nil }
                return (parts[0], try article.value(0), try article.value(1))
            }
        }
    }

    /// Takes articles out in one transaction; their passages become deletions. Every source counts as read in part then:
    /// reading it again brings back what it holds.
    package func remove(articles ids: [Int64]) throws {
        try write { database in
            try database.execute(sql: "UPDATE source SET complete = 0")
            for id in ids { try Self.remove(article: id, database, path) }
        }
    }
}
