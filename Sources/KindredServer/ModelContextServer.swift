import Foundation
import Kindred
import KindredSystem
import SystemPackage

/// Lets assistants search and read: the Model Context Protocol over standard input and output, a JSON-RPC message on each
/// line (modelcontextprotocol.io/specification/2025-06-18).
///
/// Two tools: `search` gives passages, `read` gives an article. Both only read.
package final class ModelContextServer {
    /// Versions that are understood, the newest first.
    private static let versions = ["2025-06-18", "2025-03-26", "2024-11-05"]
    /// Characters of an article that one call gives.
    private static let charactersPerRead = 20_000

    private let indexes: OpenIndexes
    private let version: String

    /// - Parameter version: of Kindred, which clients show.
    package init(indexes root: FilePath, version: String) {
        indexes = OpenIndexes(root: root, encoders: OpenEncoders())
        self.version = version
    }

    /// What a request cannot be answered with (jsonrpc.org/specification, §5.1).
    private struct Failure: Error {
        let code: Int
        let message: String
    }

    /// The answer to a line; nil where none is due.
    package func answer(to line: String) -> String? {
        guard let json = try? JSONSerialization.jsonObject(with: Data(line.utf8)) else {
            return Self.line(["id": NSNull(), "error": Self.error(-32700, "the line is not JSON")])
        }
        guard let message = json as? [String: Any], message["jsonrpc"] as? String == "2.0",
            let method = message["method"] as? String
        else {
            // An answer to a request of ours, which are none, or no message at all.
            if let message = json as? [String: Any], message["result"] != nil || message["error"] != nil {
                return nil
            }
            return Self.line(["id": NSNull(), "error": Self.error(-32600, "this is no JSON-RPC 2.0 request")])
        }
        // Notifications are not answered.
        guard let id = message["id"], id is String || id is NSNumber else { return nil }
        do {
            let parameters = message["params"] as? [String: Any] ?? [:]
            return Self.line(["id": id, "result": try result(of: method, parameters)])
        } catch let failure as Failure {
            return Self.line(["id": id, "error": Self.error(failure.code, failure.message)])
        } catch {
            return Self.line(["id": id, "error": Self.error(-32603, "\(error)")])
        }
    }

    private func result(of method: String, _ parameters: [String: Any]) throws -> [String: Any] {
        switch method {
        case "initialize":
            let asked = parameters["protocolVersion"] as? String
            return [
                "protocolVersion": asked.flatMap { Self.versions.contains($0) ? $0 : nil }
                    ?? Self.versions[0],
                "capabilities": ["tools": [String: Any]()],
                "serverInfo": ["name": "kindred", "title": "Kindred", "version": version],
                "instructions":
                    "Search the person's own documents by meaning, then read the articles that answer. Cite titles and URLs or "
                    + "paths.",
            ]
        case "ping": return [:]
        case "tools/list": return ["tools": Self.tools]
        case "tools/call": return try call(parameters)
        default: throw Failure(code: -32601, message: "there is no method \"\(method.prefix(60))\"")
        }
    }

    private static func property(_ type: String, _ description: String) -> [String: Any] {
        ["type": type, "description": description]
    }

    private static var tools: [[String: Any]] {
        let index = property(
            "string", "The index; needed where there are several. A wrong name gives the list.")
        return [
            [
                "name": "search", "title": "Search documents",
                "description":
                    "Finds the passages of the person's documents that answer a question. Ask in natural language; words in "
                    + "quotation marks must stand so in a passage, -word excludes. 'relevance' is the probability that a passage "
                    + "answers.",
                "inputSchema": [
                    "type": "object", "required": ["query"], "additionalProperties": false,
                    "properties": [
                        "query": property("string", "The question or words."),
                        "index": index,
                        "limit": [
                            "type": "integer", "minimum": 1, "maximum": 50, "default": 8,
                            "description": "Passages, at most.",
                        ],
                        "mode": [
                            "type": "string", "enum": SearchMode.allCases.map(\.rawValue),
                            "default": "hybrid",
                            "description": "By meaning and keywords, or one of them.",
                        ],
                        "where": property("string", "A condition on metadata, such as category = 'Physics'."),
                    ],
                ],
                "annotations": ["readOnlyHint": true, "openWorldHint": false],
            ],
            [
                "name": "read", "title": "Read an article",
                "description":
                    "Gives the text of an article that a search found, \(charactersPerRead) characters at a time.",
                "inputSchema": [
                    "type": "object", "required": ["article_id"], "additionalProperties": false,
                    "properties": [
                        "article_id": property("integer", "As 'search' gives it."),
                        "index": index,
                        "offset": [
                            "type": "integer", "minimum": 0, "default": 0,
                            "description":
                                "Character to begin at; an answer that is cut says where to go on.",
                        ],
                    ],
                ],
                "annotations": ["readOnlyHint": true, "openWorldHint": false],
            ],
        ]
    }

    /// What a tool cannot do is its result, which the model reads; only an unknown tool is an error of the protocol.
    private func call(_ parameters: [String: Any]) throws -> [String: Any] {
        let arguments = parameters["arguments"] as? [String: Any] ?? [:]
        do {
            switch parameters["name"] as? String {
            case "search":
                return try Self.content(
                    search(Arguments(arguments, known: ["query", "index", "limit", "mode", "where"])))
            case "read":
                return try Self.content(read(Arguments(arguments, known: ["article_id", "index", "offset"])))
            default:
                throw Failure(
                    code: -32602, message: "there is no tool of this name; there are search and read")
            }
        } catch let error as KindredError {
            return Self.content(error.description, isError: true)
        } catch let error as RequestError {
            return Self.content(error.message, isError: true)
        }
    }

    private static func content(_ text: String, isError: Bool = false) -> [String: Any] {
        ["content": [["type": "text", "text": text]], "isError": isError]
    }

    /// The arguments of a tool, checked.
    private struct Arguments {
        let values: [String: Any]

        init(_ values: [String: Any], known: Set<String>) throws {
            if let unknown = values.keys.sorted().first(where: { !known.contains($0) }) {
                throw KindredError(.invalidRequest, "there is no argument \"\(unknown.prefix(60))\"")
            }
            self.values = values
        }

        func text(_ name: String) throws -> String? {
            guard let value = values[name], !(value is NSNull) else { return nil }
            guard let text = value as? String else {
                throw KindredError(.invalidRequest, "\"\(name)\" must be a string")
            }
            return text
        }

        func integer(_ name: String, in range: ClosedRange<Int>) throws -> Int? {
            guard let value = values[name], !(value is NSNull) else { return nil }
            guard let number = (value as? NSNumber).flatMap({ Int(exactly: $0.doubleValue) }),
                range.contains(number)
            else {
                throw KindredError(
                    .invalidRequest,
                    "\"\(name)\" must be a whole number from \(range.lowerBound) to \(range.upperBound)")
            }
            return number
        }
    }

    private struct Found: Encodable {
        struct Passage: Encodable {
            let title, section: String
            let source: String
            let relevance: Double?
            let articleID: Int64
            let text: String
        }
        let index: String
        let passages: [Passage]
        let nothingRelevant: Bool?
        let warning: String?
    }

    private func search(_ arguments: Arguments) throws -> String {
        guard let query = try arguments.text("query") else {
            throw KindredError(.invalidRequest, "\"query\" is missing")
        }
        let mode = try arguments.text("mode").map { text in
            guard let mode = SearchMode(rawValue: text) else {
                throw KindredError(.invalidRequest, "\"mode\" must be hybrid, semantic or keyword")
            }
            return mode
        }
        let searcher = try indexes.searcher(arguments.text("index"))
        let results = try searcher.search(
            query, mode: mode ?? .hybrid, limit: arguments.integer("limit", in: 1...50) ?? 8,
            filter: arguments.text("where").map { try SearchFilter(where: $0) })
        let passages = results.hits.map { hit in
            Found.Passage(
                title: hit.title, section: hit.sectionPath.joined(separator: " › "),
                source: hit.path.isEmpty ? hit.url : hit.path + (hit.line.map { ":\($0)" } ?? ""),
                relevance: hit.relevance.map { ($0 * 100).rounded() / 100 }, articleID: hit.articleID,
                text: hit.text)
        }
        let found = Found(
            index: searcher.directory.name, passages: passages,
            nothingRelevant: results.nothingRelevant ? true : nil, warning: results.warning)
        return String(decoding: try JSONOutput.bytes(found, pretty: true), as: UTF8.self)
    }

    private func read(_ arguments: Arguments) throws -> String {
        guard let id = try arguments.integer("article_id", in: 1...Int(Int32.max)) else {
            throw KindredError(.invalidRequest, "\"article_id\" is missing")
        }
        let offset = try arguments.integer("offset", in: 0...Int(Int32.max)) ?? 0
        let article = try indexes.searcher(arguments.text("index")).article(id: Int64(id))
        let bytes = Array(article.text.utf8)
        var text = "# \(article.title)\n\(article.path.isEmpty ? article.url : article.path)\n"
        for section in article.sections {
            if !section.path.isEmpty { text += "\n## \(section.path.joined(separator: " › "))\n" }
            text += "\n" + String(decoding: bytes[section.range], as: UTF8.self).trimmed + "\n"
        }
        let rest = text.dropFirst(offset)
        guard !rest.isEmpty else {
            throw KindredError(
                .invalidRequest, "the article has \(text.count) characters, and \"offset\" is \(offset)")
        }
        let part = rest.prefix(Self.charactersPerRead)
        let next = offset + part.count
        return part.count < rest.count
            ? part + "\n[cut; go on with offset \(next) of \(text.count)]" : String(part)
    }

    private static func error(_ code: Int, _ message: String) -> [String: Any] {
        ["code": code, "message": message]
    }

    private static func line(_ fields: [String: Any]) -> String {
        let message = fields.merging(["jsonrpc": "2.0"]) { own, _ in own }
        let bytes = try? JSONSerialization.data(
            withJSONObject: message, options: [.sortedKeys, .withoutEscapingSlashes])
        return String(decoding: bytes ?? Data(), as: UTF8.self)
    }
}
