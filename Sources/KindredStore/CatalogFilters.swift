import GRDB
import KindredSystem

extension Catalog {
    /// The passages of the articles that meet a filter.
    ///
    /// - Throws: `invalidRequest` where the filter names a field that no document has.
    package func passages(where filter: FilterExpression) throws -> IDSet {
        try read { database in
            let (condition, arguments) = try FilterQuery.sql(filter, database)
            var found = IDSet()
            let ids = try Int64.fetchCursor(
                database,
                sql: "SELECT passage.id FROM article JOIN site ON site.id = site_id "
                    + "JOIN passage ON article_id = article.id WHERE \(condition)", arguments: arguments)
            while let id = try ids.next() { found.insert(id) }
            return found
        }
    }

    /// The ids of the articles that meet a filter, or of all.
    package func articles(where filter: FilterExpression?) throws -> [Int64] {
        try read { database in
            let (condition, arguments) = try filter.map { try FilterQuery.sql($0, database) } ?? ("1", [])
            return try Int64.fetchAll(
                database,
                sql: "SELECT article.id FROM article JOIN site ON site.id = site_id WHERE \(condition) "
                    + "ORDER BY article.id", arguments: arguments)
        }
    }

    /// Names of the metadata that some document has, in alphabetical order.
    package func metadataFields() throws -> [String] {
        try read { database in
            try String.fetchAll(
                database,
                sql: "SELECT name FROM metadata_field WHERE EXISTS "
                    + "(SELECT 1 FROM metadata WHERE field_id = metadata_field.id) ORDER BY name")
        }
    }

    /// How often each value of a field occurs in some articles, the most frequent first.
    ///
    /// - Parameter limit: values, at most.
    /// - Throws: `invalidRequest` where no document has the field.
    package func facet(
        _ field: String, ofArticles articles: [Int64], limit: Int
    ) throws -> [(value: MetadataValue, count: Int)] {
        try read { database in
            let column = try FilterQuery.column(field, database)
            var counts: [MetadataValue: Int] = [:]
            let values = try column.map {
                try database.makeStatement(
                    sql: "SELECT \($0) FROM article JOIN site ON site.id = site_id WHERE article.id = ?")
            }
            let metadata = try database.makeStatement(sql: "SELECT metadata FROM article WHERE id = ?")
            for article in articles {
                if let values {
                    if let value = try MetadataValue.fetchOne(values, arguments: [article]) {
                        counts[value, default: 0] += 1
                    }
                } else if let json = try String.fetchOne(metadata, arguments: [article]) {
                    let held = try CatalogMetadata.parse(json)
                    for (name, values) in held where name.lowercased() == field.lowercased() {
                        for value in values { counts[value, default: 0] += 1 }
                    }
                }
            }
            let sorted = counts.sorted {
                ($1.value, $0.key.description) < ($0.value, $1.key.description)
            }
            return sorted.prefix(limit).map { ($0.key, $0.value) }
        }
    }

    /// The article of each passage that exists.
    package func articles(ofPassages passages: [Int64]) throws -> [Int64: Int64] {
        try read { database in
            let statement = try database.cachedStatement(
                sql: "SELECT article_id FROM passage WHERE id = ?")
            var articles: [Int64: Int64] = [:]
            for passage in passages {
                articles[passage] = try Int64.fetchOne(statement, arguments: [passage])
            }
            return articles
        }
    }
}

extension FilterExpression {
    /// The names of the fields that every document has.
    package static var standardFields: [String] { FilterQuery.columns.keys.sorted() }
}

/// Turns a filter into SQL over `article` and `site`. Every value and name is bound, none becomes part of the text.
enum FilterQuery {
    /// Fields that every article has.
    fileprivate static let columns = [
        "title": "article.title", "url": "article.url", "path": "article.path", "site": "site.name",
        "language": "site.language",
    ]

    /// - Returns: a condition and what is bound to it, in order.
    /// - Throws: `invalidRequest` where no document has a field of the filter.
    static func sql(_ filter: FilterExpression, _ database: Database) throws -> (String, StatementArguments) {
        var arguments: [any DatabaseValueConvertible] = []
        let text = try condition(filter.root, &arguments, database)
        return (text, StatementArguments(arguments))
    }

    /// The column of a field that every article has; nil for one in the metadata.
    /// - Throws: `invalidRequest` where no document has it.
    static func column(_ field: String, _ database: Database) throws -> String? {
        // What documents say of themselves comes before what the index says of all.
        if try CatalogMetadata.id(ofField: field, database) != nil, !isAlwaysColumn(field) { return nil }
        if let column = columns[field.lowercased()] { return column }
        let known = try String.fetchAll(database, sql: "SELECT name FROM metadata_field ORDER BY name")
        let all = (Array(columns.keys).sorted() + known).prefix(30).joined(separator: ", ")
        throw KindredError(
            .invalidRequest, "no document of this index has the field \"\(field)\"; there are: \(all)")
    }

    private static func isAlwaysColumn(_ field: String) -> Bool {
        ["title", "url", "path"].contains(field.lowercased())
    }

    private static func condition(
        _ node: FilterExpression.Node, _ arguments: inout [any DatabaseValueConvertible], _ database: Database
    ) throws -> String {
        switch node {
        case .and(let first, let second):
            let left = try condition(first, &arguments, database)
            return "(\(left) AND \(try condition(second, &arguments, database)))"
        case .or(let first, let second):
            let left = try condition(first, &arguments, database)
            return "(\(left) OR \(try condition(second, &arguments, database)))"
        case .not(let inner): return "NOT \(try condition(inner, &arguments, database))"
        case .compare(let field, .unequal, let value):
            return "NOT \(try condition(.compare(field: field, .equal, value), &arguments, database))"
        case .compare(let field, let comparison, let value):
            return try test(field, &arguments, database) { compare($0, comparison, value, &$1) }
        case .isIn(let field, let values):
            return try test(field, &arguments, database) { column, arguments in
                let tests = values.map { compare(column, .equal, $0, &arguments) }
                return "(\(tests.joined(separator: " OR ")))"
            }
        case .like(let field, let pattern):
            return try test(field, &arguments, database) { column, arguments in
                arguments.append(pattern)
                return "\(column) LIKE ? ESCAPE '\\'"
            }
        case .exists(let field):
            return try test(field, &arguments, database) { column, _ in "\(column) <> ''" }
        }
    }

    /// A condition that one of a field's values meets `body`'s.
    private static func test(
        _ field: String, _ arguments: inout [any DatabaseValueConvertible], _ database: Database,
        _ body: (String, inout [any DatabaseValueConvertible]) -> String
    ) throws -> String {
        if let column = try column(field, database) { return "(\(body(column, &arguments)))" }
        arguments.append(try CatalogMetadata.id(ofField: field, database))
        let condition = body("value", &arguments)
        return "article.id IN (SELECT article_id FROM metadata WHERE field_id = ? AND \(condition))"
    }

    private static func compare(
        _ column: String, _ comparison: FilterExpression.Comparison, _ value: MetadataValue,
        _ arguments: inout [any DatabaseValueConvertible]
    ) -> String {
        let sign = comparison.rawValue
        guard let date = date(value) else {
            arguments.append(value)
            // SQLite sorts all numbers before all texts; here a number is compared with numbers only.
            let type = if case .text = value { "= 'text'" } else { "<> 'text'" }
            return comparison == .equal
                ? "\(column) COLLATE NOCASE = ?"
                : "(\(column) COLLATE NOCASE \(sign) ? AND typeof(\(column)) \(type))"
        }
        // A date with more parts goes on with "-", one with a time with "T": "-" is followed by ".", "T" by "U".
        let isDay = date.utf8.count == 10
        let (first, last) = (date + (isDay ? "T" : "-"), date + (isDay ? "U" : "."))
        let isDate = "(\(column) GLOB '\(year)' OR \(column) GLOB '\(year)-[0-9][0-9]*')"
        let text: String
        switch comparison {
        case .equal:
            arguments += [date, first, last]
            text = "(\(column) = ? OR (\(column) >= ? AND \(column) < ?))"
        case .less, .atLeast:
            arguments.append(date)
            text = "(\(column) \(sign) ? AND \(isDate))"
        case .atMost:
            arguments.append(last)
            text = "(\(column) < ? AND \(isDate))"
        case .greater, .unequal:
            arguments.append(last)
            text = "(\(column) >= ? AND \(isDate))"
        }
        let isText = "(typeof(\(column)) = 'text' AND \(text))"
        // "2020" is a year and a number.
        guard case .integer = value else { return isText }
        arguments.append(value)
        return "(\(isText) OR (\(column) \(sign) ? AND typeof(\(column)) <> 'text'))"
    }

    private static let year = "[0-9][0-9][0-9][0-9]"

    /// What a value is as a date or a part of one; nil where it is none.
    private static func date(_ value: MetadataValue) -> String? {
        switch value {
        case .integer(let year) where (1000...9999).contains(year): String(year)
        case .text(let text)
        where text.wholeMatch(of: /[0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?/) != nil: text
        default: nil
        }
    }
}
