import Foundation
import KindredSystem
import SystemPackage

/// Texts with a class each. The name's end tells the format:
///
/// - `.csv`: a header with a column `text` and one of `label_text`, `label` or `category` (RFC 4180)
/// - `.tsv`: `label TAB text`
/// - `.jsonl`: `{"text", "label"}`, or `label_text`
/// - `.label`: `label text`, as TREC's question types have it (Li and Roth 2002)
package struct LabelledTexts: Sendable {
    package struct Example: Sendable, Hashable {
        package let text: String
        package let label: String

        package init(text: String, label: String) {
            self.text = text
            self.label = label
        }
    }

    package let path: FilePath
    package let examples: [Example]
    package let remarks: InputRemarks

    /// - Parameter fine: whole labels where they have parts, "LOC:city"; else what stands before the colon. For `.label`.
    /// - Throws: `notFound`, `inputOutput`; `invalidRequest` for an unknown format; `invalidData` for a header without
    ///   the columns, or a file without examples.
    package init(path: FilePath, fine: Bool = false) throws {
        var file = RemarkedFile(path)
        var examples: [Example] = []
        func take(_ text: String, _ label: String) -> String? {
            guard !text.trimmed.isEmpty else { return "the text is empty" }
            guard !label.isEmpty else { return "the label is empty" }
            examples.append(Example(text: text.trimmed, label: label))
            return nil
        }
        switch path.extension {
        case "csv": try Self.readCSV(&file, take)
        case "tsv":
            try file.forEachLine { line in
                if line.text.allSatisfy(\.isWhitespace) { return "empty line" }
                let fields = line.text.split(separator: "\t", omittingEmptySubsequences: false)
                guard fields.count == 2 else { return "no two fields" }
                return take(String(fields[1]), String(fields[0]).trimmed)
            }
        case "jsonl":
            try file.forEachLine { line in
                if line.text.allSatisfy(\.isWhitespace) { return "empty line" }
                let object = try? JSONSerialization.jsonObject(with: Data(line.text.utf8))
                guard let fields = object as? [String: Any], let text = fields["text"] as? String else {
                    return "no JSON object with \"text\""
                }
                switch fields["label_text"] ?? fields["label"] {
                case let label as String: return take(text, label)
                case let label as Int: return take(text, String(label))
                default: return "no \"label\""
                }
            }
        case "label":
            try file.forEachLine { line in
                if line.text.allSatisfy(\.isWhitespace) { return "empty line" }
                let parts = line.text.trimmed.split(separator: " ", maxSplits: 1).map(String.init)
                guard parts.count == 2 else { return "no label and text" }
                let label = fine ? parts[0] : parts[0].split(separator: ":").first.map(String.init) ?? ""
                return take(parts[1], label)
            }
        default:
            throw KindredError(
                .invalidRequest, "is of no known format; name a .csv, .tsv, .jsonl or .label file",
                at: .init(path: path.string))
        }
        guard !examples.isEmpty else {
            throw KindredError(
                .invalidData,
                "has no example that can be read"
                    + (file.remarks.entries.first.map { "; \($0.first): \($0.reason)" } ?? ""),
                at: .init(path: path.string))
        }
        self.path = path
        self.examples = examples
        remarks = file.remarks
    }

    private static func readCSV(_ file: inout RemarkedFile, _ take: (String, String) -> String?) throws {
        let path = file.path.string
        var columns: (text: Int, label: Int)?
        var record = ""
        try file.forEachLine { line in
            // A quoted field may go on in the next line.
            record = record.isEmpty ? line.text : record + "\n" + line.text
            guard record.utf8.count(where: { $0 == UInt8(ascii: "\"") }) % 2 == 0 else { return nil }
            let fields = Self.fields(record)
            record = ""
            guard let columns else {
                let names = fields.map { $0.trimmed.lowercased() }
                let label = ["label_text", "label", "category"].compactMap(names.firstIndex).first
                guard let text = names.firstIndex(of: "text"), let label else {
                    throw KindredError(
                        .invalidData,
                        "the header must name a column text and one of label_text, label and category",
                        at: .init(path: path, line: line.number))
                }
                columns = (text, label)
                return nil
            }
            if fields == [""] { return "empty line" }
            guard fields.count > max(columns.text, columns.label) else { return "too few fields" }
            return take(fields[columns.text], fields[columns.label].trimmed)
        }
        if !record.isEmpty {
            throw KindredError(
                .invalidData, "ends inside a quoted field; a quotation mark is missing", at: .init(path: path)
            )
        }
    }

    /// The fields of a record whose quotation marks are even.
    static func fields(_ record: String) -> [String] {
        var fields: [[UInt8]] = [[]]
        var isQuoted = false
        var previousWasQuote = false
        for byte in record.utf8 {
            defer { previousWasQuote = byte == UInt8(ascii: "\"") && !isQuoted }
            if byte == UInt8(ascii: "\"") {
                // Two in a row inside a quoted field are one.
                if !isQuoted, previousWasQuote { fields[fields.count - 1].append(byte) }
                isQuoted.toggle()
            } else if byte == UInt8(ascii: ","), !isQuoted {
                fields.append([])
            } else {
                fields[fields.count - 1].append(byte)
            }
        }
        return fields.map { String(decoding: $0, as: UTF8.self) }
    }
}
