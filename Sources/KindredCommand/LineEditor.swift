import CLibEdit
import KindredSystem
import SystemPackage

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Reads lines from a person, with editing and history (libedit), or from a pipe, as they come.
@safe
final class LineEditor {
    enum Line: Hashable, Sendable {
        /// Without its line break; bytes that are no UTF-8 become U+FFFD.
        case line(String)
        /// Ctrl-C: what was typed is given up.
        case interrupted
        /// Ctrl-D, or the end of the input.
        case end
    }

    private static let historySize: CInt = 1000
    private let isInteractive: Bool
    private let historyPath: FilePath?
    private var history: OpaquePointer?
    private var editor: OpaquePointer?
    private let prompt: String

    /// libedit asks for the prompt by a C function, which can capture nothing; there is one terminal, so one prompt.
    nonisolated(unsafe) private static var promptText: UnsafeMutablePointer<CChar>?

    /// - Parameters:
    ///   - prompt: shown where a person types.
    ///   - history: the file that keeps the lines of earlier sessions; nil for none.
    init(prompt: String, history historyPath: FilePath?) {
        self.prompt = prompt
        self.historyPath = historyPath
        isInteractive = Terminal.isTerminal(.standardInput) && Terminal.isTerminal(.standardOutput)
        guard isInteractive else { return }
        // libedit decodes what is typed by the locale; without one that knows UTF-8 it would take bytes.
        if unsafe setlocale(LC_CTYPE, "") == nil || !Self.isUTF8Locale {
            unsafe setlocale(LC_CTYPE, "C.UTF-8")
        }
        unsafe free(Self.promptText)
        unsafe Self.promptText = unsafe strdup(prompt)
        unsafe history = unsafe kindred_history_start(Self.historySize)
        if let historyPath { _ = unsafe kindred_history_load(history, historyPath.string) }
        unsafe editor = unsafe kindred_edit_start("kindred", history) { _ in
            unsafe UnsafePointer(LineEditor.promptText)
        }
    }

    deinit {
        if let editor = unsafe editor { unsafe el_end(editor) }
        if let history = unsafe history { unsafe history_end(history) }
    }

    private static var isUTF8Locale: Bool {
        guard let codeset = unsafe nl_langinfo(CInt(CODESET)) else { return false }
        return unsafe String(cString: codeset) == "UTF-8"
    }

    /// The next line.
    func next() -> Line {
        if !Interrupts.isTerminated { Interrupts.clear() }
        guard isInteractive, let editor = unsafe editor else { return nextFromPipe() }
        var count: CInt = 0
        guard let bytes = unsafe el_gets(editor, &count), count > 0 else {
            if Interrupts.isTerminated { return .end }
            if Interrupts.requested {
                Interrupts.clear()
                unsafe kindred_edit_reset(editor)
                print("^C")
                return .interrupted
            }
            return .end
        }
        return unsafe .line(Self.text(bytes, Int(count)))
    }

    /// Keeps a line in the history, in memory and on disk.
    func remember(_ line: String) {
        guard let history = unsafe history, !line.isEmpty else { return }
        unsafe kindred_history_add(history, line)
        guard let historyPath else { return }
        let mask = umask(0o077)
        _ = unsafe kindred_history_save(history, historyPath.string)
        umask(mask)
    }

    private static func text(_ bytes: UnsafePointer<CChar>, _ count: Int) -> String {
        var line = unsafe String(decoding: UnsafeRawBufferPointer(start: bytes, count: count), as: UTF8.self)
        while line.last?.isNewline == true { line.removeLast() }
        return line
    }

    private func nextFromPipe() -> Line {
        guard let line = readLine(strippingNewline: true) else { return .end }
        return .line(line)
    }
}
