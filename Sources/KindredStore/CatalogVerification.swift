import Foundation
import GRDB
import KindredSystem

extension Catalog {
    /// Checks every page and index of the database, every foreign key, every stored text against its checksum,
    /// every passage against its article, and that the full-text index holds exactly the passages.
    /// - Returns: what is wrong, a line each; nothing where all is well.
    package func problems() throws -> [String] {
        try read { database in
            var problems: [String] = []
            for line in try String.fetchAll(database, sql: "PRAGMA integrity_check(20)") where line != "ok" {
                problems.append("catalog.sqlite: \(line)")
            }
            for row in try Row.fetchAll(database, sql: "PRAGMA foreign_key_check") {
                problems.append("catalog.sqlite: a row of \(row[0] as String) refers to a missing row")
            }
            let articles = try Row.fetchCursor(
                database, sql: "SELECT id, title, text, text_size, text_crc FROM article ORDER BY id")
            while let row = try articles.next() {
                let id: Int64 = row[0]
                let name = "article \(id) (\(row[1] as String))"
                guard let text = try? LZ4.decompress([UInt8](row[2] as Data), size: row[3]),
                    Int64(CRC32C(text).value) == row[4] as Int64
                else {
                    problems.append("\(name): the stored text does not match its checksum")
                    continue
                }
                problems += try Self.passageProblems(of: id, name: name, text: text, database)
            }
            let unmatched = """
                SELECT count(*) FROM (SELECT id FROM passage EXCEPT SELECT id FROM passage_text_docsize)
                """
            let surplus = """
                SELECT count(*) FROM (SELECT id FROM passage_text_docsize EXCEPT SELECT id FROM passage)
                """
            let missing = try Int.fetchOne(database, sql: unmatched) ?? 0
            if missing > 0 { problems.append("full-text index: \(missing) passages are missing") }
            let extra = try Int.fetchOne(database, sql: surplus) ?? 0
            if extra > 0 { problems.append("full-text index: \(extra) entries have no passage") }
            return problems
        }
    }

    /// Every passage's id, and every deleted one that a segment may still hold.
    package func passageAndDeletionIDs() throws -> (passages: Set<Int64>, deletions: Set<Int64>) {
        try read { database in
            (
                try Set(Int64.fetchAll(database, sql: "SELECT id FROM passage")),
                try Set(Int64.fetchAll(database, sql: "SELECT passage_id FROM deletion"))
            )
        }
    }

    private static func passageProblems(
        of article: Int64, name: String, text: [UInt8], _ database: Database
    ) throws -> [String] {
        var problems: [String] = []
        let rows = try Row.fetchAll(
            database, sql: "SELECT ordinal, start, end FROM passage WHERE article_id = ? ORDER BY ordinal",
            arguments: [article])
        for (expected, row) in rows.enumerated() {
            let (ordinal, start, end): (Int, Int, Int) = (row[0], row[1], row[2])
            if ordinal != expected { problems.append("\(name): passage \(expected) is missing") }
            let inside = start >= 0 && start < end && end <= text.count
            if !inside || text[start] & 0xC0 == 0x80 || (end < text.count && text[end] & 0xC0 == 0x80) {
                problems.append("\(name): passage \(ordinal) is no range of its text")
            }
        }
        return problems
    }
}
