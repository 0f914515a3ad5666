import Foundation
import KindredEvaluation
import KindredSystem
import SystemPackage

/// Texts of a file, one on each line, so that rows of vectors and lines agree.
enum TextInput {
    /// Calls `body` with each text.
    ///
    /// - Parameter jsonLines: each line is a JSON string, or an object with "text" and, if there is one, "title", which is
    ///   put before the text as a line of its own.
    /// - Parameter allowsBlank: whether a line without a text is an empty one, rather than an error.
    /// - Throws: `notFound`, `inputOutput`; `invalidData` with the line that is not a text, or for a file without any.
    static func forEach(
        in file: String, jsonLines: Bool, allowsBlank: Bool = false, _ body: (String) throws -> Void
    ) throws {
        var count = 0
        try TextLines.forEach(in: FilePath(file)) { line in
            func invalid(_ message: String) -> KindredError {
                KindredError(.invalidData, message, at: .init(path: file, line: line.number))
            }
            guard line.isUTF8 else { throw invalid("is not UTF-8; convert it, for example with iconv") }
            var text = line.text
            if jsonLines, !text.allSatisfy(\.isWhitespace) {
                guard let held = Self.text(json: text) else {
                    throw invalid("is neither a JSON string nor an object with \"text\"")
                }
                text = held
            }
            if text.allSatisfy(\.isWhitespace) {
                guard allowsBlank else {
                    throw invalid("is empty; every line is a text, so that rows and lines agree: take it out")
                }
                text = ""
            } else {
                count += 1
            }
            try body(text)
        }
        guard count > 0 else {
            throw KindredError(.invalidData, "has no text", at: .init(path: file))
        }
    }

    private static func text(json line: String) -> String? {
        let value = try? JSONSerialization.jsonObject(with: Data(line.utf8), options: .fragmentsAllowed)
        if let text = value as? String { return text }
        guard let object = value as? [String: Any], let text = object["text"] as? String else { return nil }
        let title = object["title"] as? String ?? ""
        return title.isEmpty ? text : title + "\n" + text
    }
}
