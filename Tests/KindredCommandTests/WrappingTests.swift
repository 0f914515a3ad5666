import Testing

@testable import KindredCommand

@Suite struct WrappingTests {
    private func texts(_ spans: [Span], width: Int, indent: Int = 0) -> [String] {
        Wrapping.lines(spans, width: width, indent: indent).map { $0.map(\.text).joined() }
    }

    @Test func `text is broken at words, and no line is wider than asked for`() {
        let text = "one two three four five six seven eight nine ten eleven twelve"
        let lines = Wrapping.lines(text, width: 24)
        #expect(lines.count > 2 && lines.allSatisfy { Terminal.width(of: $0) <= 24 })
        #expect(lines.joined(separator: " ") == text)
    }

    @Test func `later lines leave room for the indent`() {
        let lines = Wrapping.lines("aaaa bbbb cccc dddd eeee ffff gggg hhhh iiii", width: 30, indent: 10)
        #expect(lines[0].count > 20 && lines.dropFirst().allSatisfy { $0.count <= 20 })
    }

    @Test func `a word that is wider than a line is broken within, by display width`() {
        let lines = Wrapping.lines("see " + String(repeating: "x", count: 50) + " end", width: 20)
        #expect(lines.joined().filter { $0 == "x" }.count == 50)
        #expect(lines.allSatisfy { $0.count <= 20 })
        let wide = Wrapping.lines(String(repeating: "日本", count: 15), width: 21)
        #expect(wide.map(Terminal.width) == [20, 20, 20])
    }

    @Test func `a word of several looks stays together`() {
        let spans = [Span(text: "aaaaaaaaaaaaaaa run"), Span(text: "ner", look: .match), Span(text: "s go")]
        #expect(texts(spans, width: 20) == ["aaaaaaaaaaaaaaa", "runners go"])
        #expect(Wrapping.lines(spans, width: 20)[1].map(\.look) == [.plain, .match, .plain])
    }

    @Test func `line breaks of a text stay`() {
        #expect(Wrapping.lines("a\n\nb", width: 30) == ["a", "", "b"])
    }
}
