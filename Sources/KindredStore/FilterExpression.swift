import KindredSystem

/// A condition on a document's metadata, as a person types it:
///
///     category = 'Physics' and length > 2000 and date >= 2020
///
/// | part | is |
/// |---|---|
/// | expression | conditions joined by `and` and `or`; `and` binds more strongly; parentheses; `not` before a condition |
/// | condition | `field = value`, `!=`, `<`, `<=`, `>`, `>=`; `field in (value, …)`; `field like 'text%'`; `field exists` |
/// | field | a name of letters, digits, `_`, `.` and `-`; any other name in backquotes |
/// | value | text in quotation marks (`'it''s'`), a number, a date (`2020`, `2020-05`, `2020-05-17`), `true`, `false`, or a bare word |
///
/// Words are compared without the case of ASCII letters. A field with several values meets a condition if one of them
/// does, and `!=` if none is equal. A date stands for all of its year, month or day: `date <= 2020` includes December
/// 2020.
package struct FilterExpression: Sendable, Hashable {
    package enum Comparison: String, Sendable {
        case equal = "="
        case unequal = "!="
        case less = "<"
        case atMost = "<="
        case greater = ">"
        case atLeast = ">="
    }

    indirect enum Node: Sendable, Hashable {
        case and(Node, Node)
        case or(Node, Node)
        case not(Node)
        case compare(field: String, Comparison, MetadataValue)
        case isIn(field: String, [MetadataValue])
        case like(field: String, pattern: String)
        case exists(field: String)
    }

    let root: Node

    /// - Throws: `invalidRequest` with the character where the text is no expression.
    package init(parsing text: String) throws {
        var parser = FilterParser(text)
        root = try parser.parse()
    }

    /// Articles whose title begins with a text, without the case of ASCII letters.
    package init(titlePrefix: String) {
        let escaped = titlePrefix.map { "%_\\".contains($0) ? "\\\($0)" : String($0) }.joined()
        root = .like(field: "title", pattern: escaped + "%")
    }

    private init(root: Node) { self.root = root }

    package func and(_ other: FilterExpression) -> FilterExpression {
        FilterExpression(root: .and(root, other.root))
    }

    /// The names of the fields, in the order of the text, some perhaps twice.
    package var fields: [String] { Self.fields(root) }

    private static func fields(_ node: Node) -> [String] {
        switch node {
        case .and(let first, let second), .or(let first, let second): fields(first) + fields(second)
        case .not(let inner): fields(inner)
        case .compare(let field, _, _), .isIn(let field, _), .like(let field, _), .exists(let field): [field]
        }
    }
}

/// Reads an expression by recursive descent.
private struct FilterParser {
    private enum Token: Equatable {
        case word(String)
        case name(String)
        case text(String)
        case symbol(String)
        case end

        var shown: String {
            switch self {
            case .word(let text), .symbol(let text): "\"\(text)\""
            case .name(let text): "`\(text)`"
            case .text(let text): "'\(text)'"
            case .end: "the end"
            }
        }
    }

    private let characters: [Character]
    private var position = 0
    private var token = Token.end
    /// Where `token` starts, from 0.
    private var start = 0
    private var depth = 0
    /// More parentheses and `not`s than a person nests; each takes a frame of the stack, here and in SQLite.
    private static let deepest = 64
    /// More conditions than a person writes, and fewer than SQLite's limit of 32,766 variables and 1,000 levels.
    private static let most = 200
    private var conditions = 0

    init(_ text: String) { characters = Array(text) }

    mutating func parse() throws -> FilterExpression.Node {
        try advance()
        let node = try expression()
        guard token == .end else { throw unexpected("\"and\", \"or\" or the end") }
        return node
    }

    private mutating func expression() throws -> FilterExpression.Node {
        var node = try conjunction()
        while try takeWord("or") { node = .or(node, try conjunction()) }
        return node
    }

    private mutating func conjunction() throws -> FilterExpression.Node {
        var node = try negation()
        while try takeWord("and") { node = .and(node, try negation()) }
        return node
    }

    private mutating func negation() throws -> FilterExpression.Node {
        depth += 1
        defer { depth -= 1 }
        guard depth <= Self.deepest else { throw failure("nests more than \(Self.deepest) deep") }
        if try takeWord("not") { return .not(try negation()) }
        if try takeSymbol("(") {
            let node = try expression()
            guard try takeSymbol(")") else { throw unexpected("\")\"") }
            return node
        }
        return try condition()
    }

    private mutating func condition() throws -> FilterExpression.Node {
        conditions += 1
        guard conditions <= Self.most else { throw failure("has more than \(Self.most) conditions") }
        let field: String
        switch token {
        case .word(let name), .name(let name): field = name
        default: throw unexpected("the name of a field")
        }
        try advance()
        if try takeWord("exists") { return .exists(field: field) }
        if try takeWord("like") {
            guard case .text(let pattern) = token else {
                throw unexpected("a pattern in quotation marks, such as 'Phys%'")
            }
            try advance()
            return .like(field: field, pattern: pattern)
        }
        if try takeWord("not") {
            guard try takeWord("in") else { throw unexpected("\"in\"") }
            return .not(.isIn(field: field, try list()))
        }
        if try takeWord("in") { return .isIn(field: field, try list()) }
        guard case .symbol(let sign) = token, let comparison = Self.comparisons[sign] else {
            throw unexpected("one of =, !=, <, <=, >, >=, in, like, exists")
        }
        try advance()
        return .compare(field: field, comparison, try value())
    }

    private static let comparisons: [String: FilterExpression.Comparison] = [
        "=": .equal, "==": .equal, "!=": .unequal, "<>": .unequal, "<": .less, "<=": .atMost, ">": .greater,
        ">=": .atLeast, "≠": .unequal, "≤": .atMost, "≥": .atLeast,
    ]

    private mutating func list() throws -> [MetadataValue] {
        guard try takeSymbol("(") else { throw unexpected("\"(\"") }
        var values = [try value()]
        while try takeSymbol(",") {
            guard values.count < Self.most else { throw failure("lists more than \(Self.most) values") }
            values.append(try value())
        }
        guard try takeSymbol(")") else { throw unexpected("\",\" or \")\"") }
        return values
    }

    private mutating func value() throws -> MetadataValue {
        defer { _ = () }
        switch token {
        case .text(let text):
            try advance()
            return .text(text)
        case .word(let text):
            try advance()
            switch text.lowercased() {
            case "true": return .integer(1)
            case "false": return .integer(0)
            default: return MetadataValue(parsing: text)
            }
        default: throw unexpected("a value")
        }
    }

    // MARK: Tokens

    private mutating func takeWord(_ word: String) throws -> Bool {
        guard case .word(let found) = token, found.lowercased() == word else { return false }
        try advance()
        return true
    }

    private mutating func takeSymbol(_ symbol: String) throws -> Bool {
        guard token == .symbol(symbol) else { return false }
        try advance()
        return true
    }

    private static let symbols = Set<Character>("()=,<>!≠≤≥")
    /// The marks that begin a text, and those that end it.
    private static let quotes: [Character: Set<Character>] = [
        "'": ["'"], "\"": ["\""], "‘": ["’"], "’": ["’"], "“": ["”", "“"], "”": ["”"], "„": ["“", "”"],
        "«": ["»"],
    ]

    private mutating func advance() throws {
        while position < characters.count, characters[position].isWhitespace { position += 1 }
        start = position
        guard position < characters.count else {
            token = .end
            return
        }
        let first = characters[position]
        if let ends = Self.quotes[first] {
            token = .text(try quoted(until: ends))
            return
        }
        if first == "`" {
            token = .name(try quoted(until: ["`"]))
            return
        }
        if Self.symbols.contains(first) {
            position += 1
            var symbol = String(first)
            if "<>!=".contains(first), position < characters.count,
                Self.comparisons[symbol + String(characters[position])] != nil
            {
                symbol.append(characters[position])
                position += 1
            }
            token = .symbol(symbol)
            return
        }
        var word = ""
        while position < characters.count {
            let character = characters[position]
            if character.isWhitespace || Self.symbols.contains(character) || Self.quotes[character] != nil
                || character == "`"
            {
                break
            }
            word.append(character)
            position += 1
        }
        token = .word(word)
    }

    /// Text to the closing mark, which stands for itself when it is doubled.
    private mutating func quoted(until ends: Set<Character>) throws -> String {
        position += 1
        var text = ""
        while position < characters.count {
            let character = characters[position]
            position += 1
            guard ends.contains(character) else {
                text.append(character)
                continue
            }
            guard position < characters.count, characters[position] == character else { return text }
            text.append(character)
            position += 1
        }
        throw failure("has a quotation mark that nothing closes")
    }

    private func unexpected(_ wanted: String) -> KindredError {
        failure("has \(token.shown) where \(wanted) belongs")
    }

    private func failure(_ message: String) -> KindredError {
        KindredError(
            .invalidRequest,
            "the filter \(message) (character \(start + 1)); write for example: category = 'Physics' and length > 2000"
        )
    }
}
