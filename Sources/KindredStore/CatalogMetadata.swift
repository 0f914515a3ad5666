import Foundation
import GRDB
import KindredSystem

/// The table `metadata`, by which filters find articles, and the column of the same name, which shows them.
///
/// The table is a function of the column: it holds every value of at most `longestFiltered` bytes.
enum CatalogMetadata {
    /// Bytes of a text that a filter finds, at most. Longer ones are shown and not compared.
    static let longestFiltered = 256

    static let tables = """
        CREATE TABLE metadata_field (
            id INTEGER PRIMARY KEY,
            name TEXT NOT NULL COLLATE NOCASE UNIQUE
        ) STRICT;
        CREATE TABLE metadata (
            field_id INTEGER NOT NULL REFERENCES metadata_field(id),
            value ANY NOT NULL COLLATE NOCASE,
            article_id INTEGER NOT NULL,
            PRIMARY KEY (field_id, value, article_id)
        ) STRICT, WITHOUT ROWID;
        """

    static func json(_ metadata: Metadata) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(metadata), as: UTF8.self)
    }

    static func parse(_ json: String) throws -> Metadata {
        json == "{}" ? [:] : try JSONDecoder().decode(Metadata.self, from: Data(json.utf8))
    }

    static func add(_ metadata: Metadata, article: Int64, _ database: Database) throws {
        for (name, value) in rows(metadata) {
            // Values that differ in case alone are one.
            try database.execute(
                sql: "INSERT OR IGNORE INTO metadata (field_id, value, article_id) VALUES (?, ?, ?)",
                arguments: [try field(name, database), value, article])
        }
    }

    static func remove(_ metadata: Metadata, article: Int64, _ database: Database) throws {
        for (name, value) in rows(metadata) {
            try database.execute(
                sql: "DELETE FROM metadata WHERE field_id = ? AND value = ? AND article_id = ?",
                arguments: [try field(name, database), value, article])
        }
    }

    private static func rows(_ metadata: Metadata) -> [(name: String, value: MetadataValue)] {
        metadata.flatMap { name, values in values.filter(isFiltered).map { (name, $0) } }
    }

    private static func isFiltered(_ value: MetadataValue) -> Bool {
        if case .text(let text) = value { text.utf8.count <= longestFiltered } else { true }
    }

    private static func field(_ name: String, _ database: Database) throws -> Int64 {
        if let known = try id(ofField: name, database) { return known }
        try database.execute(sql: "INSERT INTO metadata_field (name) VALUES (?)", arguments: [name])
        return database.lastInsertedRowID
    }

    static func id(ofField name: String, _ database: Database) throws -> Int64? {
        try Int64.fetchOne(
            database.cachedStatement(sql: "SELECT id FROM metadata_field WHERE name = ?"), arguments: [name])
    }

    /// What is wrong between the table and the column, a line each.
    static func problems(_ database: Database) throws -> [String] {
        var problems: [String] = []
        var expected = 0
        let articles = try Row.fetchCursor(database, sql: "SELECT id, metadata FROM article")
        let find = try database.makeStatement(
            sql: """
                SELECT 1 FROM metadata JOIN metadata_field ON metadata_field.id = field_id
                WHERE name = ? AND value = ? AND article_id = ?
                """)
        while let row = try articles.next() {
            let id: Int64 = try row.value(0)
            guard let held = try? parse(try row.value(1)) else {
                problems.append("article \(id): its metadata are damaged")
                continue
            }
            var seen: Set<String> = []
            for (name, value) in rows(held) {
                guard seen.insert(folded(name) + "\u{0}" + folded(value)).inserted else { continue }
                expected += 1
                if try Int.fetchOne(find, arguments: [name, value, id]) == nil {
                    problems.append("article \(id): the value of \"\(name)\" cannot be found")
                }
            }
        }
        let count = try Int.fetchOne(database, sql: "SELECT count(*) FROM metadata") ?? 0
        if problems.isEmpty, count != expected {
            problems.append("metadata: \(count) values where the articles have \(expected)")
        }
        return problems
    }

    private static func folded(_ text: String) -> String {
        String(decoding: text.utf8.map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }, as: UTF8.self)
    }

    /// As SQLite's NOCASE has it: the letters of ASCII in one case. Numbers are equal whatever their type.
    private static func folded(_ value: MetadataValue) -> String {
        switch value {
        case .text(let text): folded(text)
        case .integer(let number): "#\(Double(number)) \(number)"
        case .real(let number):
            Int64(exactly: number).map { "#\(number) \($0)" } ?? "#\(number)"
        }
    }
}

extension MetadataValue: DatabaseValueConvertible {
    public var databaseValue: DatabaseValue {
        switch self {
        case .text(let text): text.databaseValue
        case .integer(let number): number.databaseValue
        case .real(let number): number.databaseValue
        }
    }

    public static func fromDatabaseValue(_ value: DatabaseValue) -> MetadataValue? {
        switch value.storage {
        case .string(let text): .text(text)
        case .int64(let number): .integer(number)
        case .double(let number): .real(number)
        default: nil
        }
    }
}
