import KindredSystem

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// What is known of the terminal that a person sits at.
enum Terminal {
    enum Stream: Sendable {
        case standardInput, standardOutput, standardError

        var descriptor: CInt {
            switch self {
            case .standardInput: 0
            case .standardOutput: 1
            case .standardError: 2
            }
        }
    }

    static func isTerminal(_ stream: Stream) -> Bool { isatty(stream.descriptor) == 1 }

    /// Whether to colour: on a terminal that can, unless NO_COLOR is set to anything (no-color.org).
    static func usesColor(_ stream: Stream) -> Bool {
        guard isTerminal(stream) else { return false }
        if let value = systemEnvironment("NO_COLOR"), !value.isEmpty { return false }
        guard let term = systemEnvironment("TERM") else { return false }
        return term != "dumb"
    }

    /// Columns of standard output; 80 where nothing tells.
    static var columns: Int {
        if let window = window(.standardOutput) { return window.columns }
        if let value = systemEnvironment("COLUMNS"), let columns = Int(value), columns > 0 { return columns }
        return 80
    }

    /// Lines of the window that standard output goes to; nil where it goes elsewhere or nobody knows.
    static var rows: Int? { window(.standardOutput).flatMap { $0.rows > 0 ? $0.rows : nil } }

    /// Text without control characters, which a document could use to take over the terminal.
    static func sanitized(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: isControl) else { return text }
        var result = String.UnicodeScalarView()
        for scalar in text.unicodeScalars { result.append(isControl(scalar) ? "\u{FFFD}" : scalar) }
        return String(result)
    }

    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        if scalar == "\n" || scalar == "\t" { return false }
        // C0, C1, and the marks that turn the direction of what follows.
        return scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
            || (0x202A...0x202E).contains(scalar.value)
            || (0x2066...0x2069).contains(scalar.value)
    }

    /// Columns that a text takes: two for wide characters (Unicode Standard Annex 11), none for combining marks.
    static func width(of text: String) -> Int { text.reduce(0) { $0 + width(of: $1) } }

    private static func width(of character: Character) -> Int {
        guard let scalar = character.unicodeScalars.first else { return 0 }
        switch scalar.properties.generalCategory {
        case .nonspacingMark, .enclosingMark, .format, .control: return 0
        default: break
        }
        let wide: [ClosedRange<UInt32>] = [
            0x1100...0x115F, 0x2E80...0x303E, 0x3041...0x33FF, 0x3400...0x4DBF, 0x4E00...0x9FFF,
            0xA000...0xA4CF,
            0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F, 0xFF00...0xFF60, 0xFFE0...0xFFE6,
            0x1F300...0x1F64F,
            0x1F680...0x1F6FF, 0x1F900...0x1F9FF, 0x20000...0x3FFFD,
        ]
        return wide.contains { $0.contains(scalar.value) } ? 2 : 1
    }
}
