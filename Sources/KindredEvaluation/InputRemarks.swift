import Foundation
import KindredSystem
import SystemPackage

/// What was left out of a data set or read otherwise than it stands there: counted by reason, so that no figure is
/// better or worse for lines that nobody hears of.
package struct InputRemarks: Sendable, Hashable {
    package enum Kind: String, Sendable { case skipped, changed }

    package struct Entry: Sendable, Hashable {
        package let kind: Kind
        /// What the lines have in common: "no three fields".
        package let reason: String
        package fileprivate(set) var count: Int
        /// Where the first is: file name and line.
        package let first: String
    }

    /// In the order in which the reasons came up.
    package private(set) var entries: [Entry] = []

    package init() {}

    mutating func add(_ kind: Kind, _ reason: String, at place: String) {
        if let known = entries.firstIndex(where: { $0.kind == kind && $0.reason == reason }) {
            entries[known].count += 1
        } else {
            entries.append(Entry(kind: kind, reason: reason, count: 1, first: place))
        }
    }

    /// How many were left out, for any reason.
    package var skipped: Int { entries.filter { $0.kind == .skipped }.reduce(0) { $0 + $1.count } }
}

/// Lines of one file, with what is to be said of them.
struct RemarkedFile {
    let path: FilePath
    private(set) var remarks = InputRemarks()
    var name: String { path.lastComponent?.string ?? path.string }

    init(_ path: FilePath, remarks: InputRemarks = InputRemarks()) {
        self.path = path
        self.remarks = remarks
    }

    /// Calls `body` with the JSON object of each line; it gives the reason for which the line is left out, or nil.
    mutating func forEachObject(_ body: ([String: Any]) throws -> String?) throws {
        try forEachLine { line in
            if line.text.allSatisfy(\.isWhitespace) { return "empty line" }
            guard
                let object = try? JSONSerialization.jsonObject(with: Data(line.text.utf8)) as? [String: Any]
            else { return "no JSON object" }
            return try body(object)
        }
    }

    /// What is thrown where no line could be used.
    func nothingRead(wanted: String) -> KindredError {
        KindredError(
            .invalidData,
            "has no line that can be used; lines must be \(wanted)"
                + (remarks.entries.first.map { "; \($0.first): \($0.reason)" } ?? ""),
            at: .init(path: path.string))
    }

    /// Calls `body` with each line; it gives the reason for which the line is left out, or nil.
    mutating func forEachLine(_ body: (TextLines.Line) throws -> String?) throws {
        let name = name
        var found = remarks
        try TextLines.forEach(in: path) { line in
            if let reason = try body(line) {
                found.add(.skipped, reason, at: "\(name), line \(line.number)")
            } else if !line.isUTF8 {
                found.add(
                    .changed, "bytes that are not UTF-8 (read as U+FFFD)", at: "\(name), line \(line.number)")
            }
        }
        remarks = found
    }
}
