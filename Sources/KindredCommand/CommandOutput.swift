import Foundation
import Kindred
import KindredSystem
import Synchronization

/// What the command prints: results to standard output, everything else to standard error.
enum CommandOutput {
    /// Set, before anything is printed, by a command whose file goes to standard output.
    static let reportsToStandardError = Atomic(false)

    /// Prints a line of results. Ends the process where it cannot be written: quietly when nobody reads it any more
    /// (`| head`), else with an error.
    static func line(_ text: String = "") {
        if reportsToStandardError.load(ordering: .relaxed) { return errorLine(text) }
        do {
            try FileHandle.standardOutput.write(contentsOf: Data((text + "\n").utf8))
        } catch {
            guard let failure = KindredError.output(error) else { exit(0) }
            printError(failure)
            exit(74)
        }
    }

    /// Writes bytes of results while other threads may be at work. Ends the process where that fails, as `line` does.
    static func write(_ bytes: [UInt8]) {
        do {
            try FileHandle.standardOutput.write(contentsOf: Data(bytes))
        } catch {
            // Nothing is cleaned up under threads that still run.
            guard let failure = KindredError.output(error) else { _exit(0) }
            printError(failure)
            _exit(74)
        }
    }

    static func lines(_ lines: [String]) { for text in lines { line(text) } }

    static func errorLine(_ text: String) { error(text + "\n") }

    /// What cannot be written to standard error is lost: there is no other place to say so, and the exit code stays that
    /// of the failure.
    static func error(_ text: String) {
        try? FileHandle.standardError.write(contentsOf: Data(text.utf8))
    }

    static func printError(_ error: KindredError) {
        let style = Style(for: .standardError)
        message(style.red("error:"), error.description)
    }

    static func warning(_ text: String) {
        let style = Style(for: .standardError)
        message(style.red("warning:"), text)
    }

    /// A message in one line, or wrapped on a terminal.
    private static func message(_ label: String, _ text: String) {
        let text = Terminal.sanitized(text)
        guard let window = Terminal.window(.standardError) else { return errorLine(label + " " + text) }
        // The label stands on the first line.
        let lines = Wrapping.lines("warning: " + text, width: window.columns, indent: 2)
        errorLine(label + lines[0].dropFirst("warning:".count))
        for line in lines.dropFirst() { errorLine("  " + line) }
    }

    /// One JSON object, its keys in snake case and in alphabetical order.
    static func json(_ value: some Encodable, pretty: Bool = true) throws {
        line(String(decoding: try JSONOutput.bytes(value, pretty: pretty), as: UTF8.self))
    }
}

extension KindredError {
    /// Why standard output cannot be written; nil where its reader has gone.
    fileprivate static func output(_ error: any Error) -> KindredError? {
        let underlying = (error as NSError).userInfo[NSUnderlyingErrorKey] as? NSError
        let codes = [(error as? POSIXError)?.code.rawValue, underlying.map { Int32($0.code) }].compactMap {
            $0
        }
        guard !codes.contains(POSIXErrorCode.EPIPE.rawValue) else { return nil }
        let reason = codes.first.map { systemMessage($0) } ?? error.localizedDescription
        return KindredError(
            .inputOutput, "cannot write: \(reason); check where the output goes",
            at: .init(path: "standard output"))
    }
}
