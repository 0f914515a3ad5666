import CPageChecksums
import Foundation
import GRDB
import KindredSystem
import SystemPackage

extension Catalog {
    /// Problems of one kind that are listed; more would tell no more.
    private static let mostListed = 20

    /// Checks every page of the file against its checksum, also those that hold nothing; and where all are whole, every
    /// index of the database, every foreign key, every stored text against its checksum, every passage against its
    /// article, and every word of the full-text index against the passages.
    /// - Returns: what is wrong, a line each; nothing where all is well.
    package func problems() throws -> [String] {
        // A commit that was interrupted is undone before the pages are looked at.
        try read { _ in }
        let pages = try pageProblems()
        guard pages.isEmpty else { return pages }
        return try inspect { database in
            var problems: [String] = []
            for line in try String.fetchAll(database, sql: "PRAGMA integrity_check(\(Self.mostListed))")
            where line != "ok" {
                problems.append("catalog.sqlite: \(line)")
            }
            for row in try Row.fetchAll(database, sql: "PRAGMA foreign_key_check") {
                problems.append(
                    "catalog.sqlite: a row of \(try row.value(0) as String) refers to a missing row")
            }
            for id in try Int64.fetchAll(database, sql: "SELECT id FROM article ORDER BY id") {
                problems += try Self.problems(ofArticle: id, database, path)
            }
            problems += try CatalogMetadata.problems(database).prefix(Self.mostListed)
            // The passages must be readable for the comparison.
            guard problems.isEmpty else { return problems }
            return try FullTextComparison.problems(database, path)
        }
    }

    /// The pages that do not match their checksums, and whether there are as many as the first one says.
    private func pageProblems() throws -> [String] {
        let file = try ReadableFile(path)
        let size = Int(KINDRED_PAGE_SIZE)
        var problems: [String] = []
        for start in stride(from: 0, to: file.count, by: size) {
            let page = try file.bytes(start..<min(start + size, file.count))
            guard page.count == size else {
                problems.append("catalog.sqlite, byte \(start): the last page is cut off")
                break
            }
            let number = start / size + 1
            if !Self.isSound(page, number: number) {
                problems.append("catalog.sqlite, byte \(start): the checksum of page \(number) is wrong")
            }
            if start == 0 {
                let pages = page[28..<32].reduce(0) { $0 << 8 | Int($1) }
                if pages * size != file.count {
                    problems.append(
                        "catalog.sqlite: has \(file.count) bytes instead of \(pages) pages of \(size): it is cut off "
                            + "or has grown")
                }
            }
        }
        let more = problems.count - Self.mostListed
        return more > 0
            ? problems.prefix(Self.mostListed) + ["catalog.sqlite: \(more) more problems like these"]
            : problems
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

    private static func problems(ofArticle id: Int64, _ database: Database, _ path: FilePath) throws
        -> [String]
    {
        let text: [UInt8]
        do {
            text = try self.text(ofArticle: id, database, path)
        } catch let error as KindredError where error.code == .invalidData {
            return ["catalog.sqlite: \(error.message)"]
        }
        var problems: [String] = []
        let rows = try Row.fetchAll(
            database, sql: "SELECT ordinal, start, end FROM passage WHERE article_id = ? ORDER BY ordinal",
            arguments: [id])
        for (expected, row) in rows.enumerated() {
            let (ordinal, start, end): (Int, Int, Int) = try (row.value(0), row.value(1), row.value(2))
            if ordinal != expected { problems.append("article \(id): passage \(expected) is missing") }
            let inside = start >= 0 && start < end && end <= text.count
            if !inside || text[start] & 0xC0 == 0x80 || (end < text.count && text[end] & 0xC0 == 0x80) {
                problems.append("article \(id): passage \(ordinal) is not a range of its text")
            }
        }
        return problems
    }
}

/// Compares the full-text index with the passages: passages are indexed again, some at a time, in a table in memory, and
/// what that holds must in sum be what the index holds.
private struct FullTextComparison {
    private static let articlesAtATime = 64

    /// Words at places, counted, and the sum of their hashes, which does not depend on the order.
    private struct Words: Equatable {
        var count = 0
        var sum: UInt64 = 0
    }

    static func problems(_ database: Database, _ path: FilePath) throws -> [String] {
        let differing = """
            SELECT count(*) FROM (SELECT id FROM passage EXCEPT SELECT id FROM passage_text_docsize)
            UNION ALL SELECT count(*) FROM (SELECT id FROM passage_text_docsize EXCEPT SELECT id FROM passage)
            """
        let counts = try Int.fetchAll(database, sql: differing)
        var problems: [String] = []
        if counts[0] > 0 { problems.append("full-text index: \(counts[0]) passages are missing") }
        if counts[1] > 0 { problems.append("full-text index: \(counts[1]) entries have no passage") }
        let (expected, languages) = try words(ofPassagesIn: database, path)
        let held = try words(of: "passage_text", in: "main", database)
        if held != expected {
            problems.append(
                "full-text index: holds \(held.count) words where the passages have \(expected.count), or others"
            )
        }
        if try KeywordIndex.languages(database) != languages {
            problems.append("full-text index: its list of languages is not that of the passages")
        }
        return problems
    }

    /// The words of the passages, and how many passages there are in each language.
    private static func words(
        ofPassagesIn database: Database, _ path: FilePath
    ) throws -> (Words, languages: [String: Int]) {
        // The table that compares has the index's own tokenizer.
        let declaration = try String.fetchOne(
            database, sql: "SELECT sql FROM sqlite_schema WHERE name = 'passage_text'")
        guard let declaration, let using = declaration.range(of: "USING") else { return (Words(), [:]) }
        let copy = try DatabaseQueue()
        try copy.write { try $0.execute(sql: KeywordIndex.languageTable) }
        let ids = try Int64.fetchAll(database, sql: "SELECT id FROM article ORDER BY id")
        var words = Words()
        for start in stride(from: 0, to: ids.count, by: articlesAtATime) {
            let passages = try ids[start..<min(start + articlesAtATime, ids.count)].flatMap {
                try Catalog.keywordRows(ofArticle: $0, database, path)
            }
            let part = try copy.write { copy in
                try copy.execute(
                    sql: "DROP TABLE IF EXISTS passage_text; DROP TABLE IF EXISTS word;"
                        + "CREATE VIRTUAL TABLE passage_text \(declaration[using.lowerBound...])")
                for passage in passages { try KeywordIndex.add(passage, copy) }
                return try Self.words(of: "passage_text", in: "main", copy)
            }
            words.count += part.count
            words.sum &+= part.sum
        }
        return (words, try copy.read(KeywordIndex.languages))
    }

    private static func words(of table: String, in schema: String, _ database: Database) throws -> Words {
        // A temporary table is made also where the database may only be read.
        try database.execute(
            sql: "CREATE VIRTUAL TABLE IF NOT EXISTS temp.word USING fts5vocab(\(schema), \(table), instance)"
        )
        var words = Words()
        let rows = try Row.fetchCursor(database, sql: "SELECT term, doc, col, offset FROM temp.word")
        while let row = try rows.next() {
            var hash = CRC32C(Array((try row.value(0) as String).utf8))
            let place =
                "\(try row.value(1) as Int64) \(try row.value(2) as String) \(try row.value(3) as Int)"
            let first = UInt64(hash.value)
            hash.update(Array(place.utf8))
            words.count += 1
            words.sum &+= first << 32 | UInt64(hash.value)
        }
        return words
    }
}
