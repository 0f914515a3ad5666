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

    /// Gives the words that may stand where the cursor is, from the text before it; the part that each of them replaces
    /// is the last one without a space. As the prompt, there is one.
    nonisolated(unsafe) private static var completions: (String) -> [String] = { _ in [] }

    /// - Parameters:
    ///   - prompt: shown where a person types.
    ///   - history: the file that keeps the lines of earlier sessions; nil for none.
    ///   - completions: gets the text before the cursor and gives the words that its last word may become.
    init(
        prompt: String, history historyPath: FilePath?,
        completions: @escaping (String) -> [String] = { _ in [] }
    ) {
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
        unsafe Self.completions = completions
        guard let editor = unsafe editor else { return }
        unsafe kindred_edit_bind(
            editor, { editor, _ in unsafe LineEditor.complete(editor) },
            { editor, _ in unsafe LineEditor.paste(editor) })
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
        // The terminal marks what is pasted, so that its line breaks do not end the line.
        Self.send("\u{1B}[?2004h")
        defer { Self.send("\u{1B}[?2004l") }
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

    private static func send(_ sequence: String) {
        print(sequence, terminator: "")
        fflush(nil)
    }

    /// Completes the word before the cursor as far as all completions agree, and lists them where it cannot.
    private static func complete(_ editor: OpaquePointer?) -> UInt8 {
        guard let editor = unsafe editor, let line = unsafe el_line(editor) else {
            return kindred_edit_error()
        }
        let count = unsafe line.pointee.cursor - line.pointee.buffer
        let before = unsafe text(line.pointee.buffer, count)
        let word = String(before.split(separator: " ", omittingEmptySubsequences: false).last ?? "")
        let found = unsafe completions(before).filter { $0.hasPrefix(word) }
        guard var common = found.first else { return kindred_edit_error() }
        for other in found { common = common.commonPrefix(with: other) }
        let rest = String(common.dropFirst(word.count)) + (found.count == 1 ? " " : "")
        if !rest.isEmpty {
            return unsafe el_insertstr(editor, rest) == 0 ? kindred_edit_refresh() : kindred_edit_error()
        }
        send("\n" + found.joined(separator: "  ") + "\n")
        return kindred_edit_redisplay()
    }

    /// The end of a paste, and more characters than a query may have.
    private static let (pasteEnd, longestPaste) = ("\u{1B}[201~", 100_000)

    /// Takes what is pasted in as one line: line breaks and tabs become spaces, other control characters go.
    private static func paste(_ editor: OpaquePointer?) -> UInt8 {
        guard let editor = unsafe editor else { return kindred_edit_error() }
        var pasted = String.UnicodeScalarView()
        var end = pasteEnd.unicodeScalars.map(\.self)[...]
        var character: wchar_t = 0
        while !end.isEmpty, unsafe el_wgetc(editor, &character) == 1 {
            guard let scalar = Unicode.Scalar(UInt32(bitPattern: character)) else { continue }
            if scalar == end.first {
                end.removeFirst()
                continue
            }
            // Not the end after all: what looked like it is text, but for the control character.
            end = pasteEnd.unicodeScalars.map(\.self)[...]
            if scalar == end.first {
                end.removeFirst()
            } else if scalar.value >= 0x20, scalar.value != 0x7F, pasted.count < longestPaste {
                pasted.append(scalar)
            } else if scalar == "\n" || scalar == "\r" || scalar == "\t" {
                pasted.append(" ")
            }
        }
        let text = String(pasted).split(separator: " ").joined(separator: " ")
        if text.isEmpty { return kindred_edit_refresh() }
        return unsafe el_insertstr(editor, text) == 0 ? kindred_edit_refresh() : kindred_edit_error()
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
