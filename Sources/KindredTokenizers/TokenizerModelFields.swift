import Foundation
import KindredSystem
import SystemPackage

/// The "model" of a `tokenizer.json` that is made of other files. Its tokens are bytes: as keys of a dictionary of strings
/// those that are canonically equivalent would fall together.
package struct TokenizerModelFields {
    private let fields: [String: Any]
    private let tokens: [[UInt8]]
    private let merges: [(left: [UInt8], right: [UInt8])]

    /// - Parameters:
    ///   - fields: what the model holds beside its vocabulary and merges, or with a vocabulary that is a list.
    ///   - tokens: by id; none for a vocabulary that is a list.
    ///   - merges: in the order of their ranks.
    package init(
        _ fields: [String: Any], tokens: [[UInt8]] = [], merges: [(left: [UInt8], right: [UInt8])] = []
    ) {
        self.fields = fields
        self.tokens = tokens
        self.merges = merges
    }

    /// The whole file.
    ///
    /// - Parameter rest: what it holds beside the model.
    /// - Throws: `invalidData`.
    package func tokenizer(_ rest: [String: Any], path: FilePath) throws -> [UInt8] {
        func object(_ json: [String: Any]) throws -> [(key: [UInt8], value: JSONBytes)] {
            let data = try JSONSerialization.data(withJSONObject: json, options: [.sortedKeys])
            guard case .object(let members) = try JSONBytes(parsing: [UInt8](data), path: path.string) else {
                return []
            }
            return members
        }
        var model = try object(fields)
        if !tokens.isEmpty {
            model.append(
                (
                    Array("vocab".utf8),
                    .object(tokens.enumerated().map { (key: $1, value: .number(Double($0))) })
                ))
        }
        if !merges.isEmpty {
            model.append(
                (Array("merges".utf8), .array(merges.map { .array([.string($0.left), .string($0.right)]) })))
        }
        return JSONBytes.object(try object(rest) + [(Array("model".utf8), .object(model))]).serialized
    }

    /// Merges of a vocabulary that has scores in their place: each token is a merge of every pair of tokens that make it,
    /// those of the highest score first (transformers, convert_slow_tokenizer.py, `generate_merges`).
    package static func merges(
        _ tokens: [[UInt8]], scores: [Double]
    ) -> [(left: [UInt8], right: [UInt8])] {
        let ids = Dictionary(tokens.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
        var merges: [(left: Int, right: Int, score: Double)] = []
        for (id, token) in tokens.enumerated() where token.count > 1 && ids[token] == id {
            var own: [(left: Int, right: Int)] = []
            // A cut within a character leaves no tokens.
            for cut in 1..<token.count where token[cut] & 0xC0 != 0x80 {
                if let left = ids[Array(token[..<cut])], let right = ids[Array(token[cut...])] {
                    own.append((left, right))
                }
            }
            own.sort { $0 < $1 }
            merges += own.map { ($0.left, $0.right, scores[id]) }
        }
        // A stable sort: equals stay in the order of their tokens.
        let order = merges.indices.sorted { (-merges[$0].score, $0) < (-merges[$1].score, $1) }
        return order.map { (tokens[merges[$0].left], tokens[merges[$0].right]) }
    }

    /// A "TemplateProcessing" that puts a token before and one after a text.
    /// - Returns: `NSNull` where there is neither.
    package static func template(start: (token: String, id: Int)?, end: (token: String, id: Int)?) -> Any {
        guard start != nil || end != nil else { return NSNull() }
        func special(_ token: String) -> [String: Any] { ["SpecialToken": ["id": token, "type_id": 0]] }
        let text: [String: Any] = ["Sequence": ["id": "A", "type_id": 0]]
        var names: [String: Any] = [:]
        for (token, id) in [start, end].compactMap({ $0 }) {
            names[token] = ["id": token, "ids": [id], "tokens": [token]]
        }
        return [
            "type": "TemplateProcessing",
            "single": [start.map { special($0.token) }, text, end.map { special($0.token) }].compactMap {
                $0
            },
            "pair": [text, ["Sequence": ["id": "B", "type_id": 1]]], "special_tokens": names,
        ]
    }
}
