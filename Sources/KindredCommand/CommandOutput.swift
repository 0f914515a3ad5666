import Foundation
import Kindred
import KindredSystem

/// What the command prints: results to standard output, everything else to standard error.
enum CommandOutput {
    /// Prints a line of results. Ends the process quietly when nobody reads it any more (`| head`).
    static func line(_ text: String = "") { write(text + "\n", to: FileHandle.standardOutput) }

    static func errorLine(_ text: String) { write(text + "\n", to: FileHandle.standardError) }

    static func printError(_ error: KindredError) {
        let style = Style(for: .standardError)
        errorLine(style.red("error:") + " " + Terminal.sanitized(error.description))
    }

    /// One JSON object, its keys in snake case and in alphabetical order.
    static func json(_ value: some Encodable, pretty: Bool = true) throws {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting =
            pretty
            ? [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes] : [.sortedKeys, .withoutEscapingSlashes]
        line(String(decoding: try encoder.encode(value), as: UTF8.self))
    }

    private static func write(_ text: String, to handle: FileHandle) {
        do { try handle.write(contentsOf: Data(text.utf8)) } catch { exit(74) }
    }
}
