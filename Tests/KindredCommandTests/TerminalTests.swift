import Testing

@testable import KindredCommand

@Suite struct TerminalTests {
    @Test func `control characters of a document do not reach the terminal`() {
        #expect(
            Terminal.sanitized("a\u{1B}[31mb\u{7}\u{202E}c\td\n") == "a\u{FFFD}[31mb\u{FFFD}\u{FFFD}c\td\n")
        #expect(Terminal.sanitized("日本 é") == "日本 é")
    }

    @Test func `wide characters take two columns and marks none`() {
        #expect(Terminal.width(of: "abc") == 3)
        #expect(Terminal.width(of: "日本語") == 6)
        #expect(Terminal.width(of: "e\u{301}") == 1)
    }
}
