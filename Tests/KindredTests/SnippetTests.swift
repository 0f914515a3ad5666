import Testing

@testable import Kindred

@Suite struct SnippetTests {
    @Test func `words of the query are marked in their other forms too`() {
        let snippet = Snippet(of: "The runners were running to the cities.", query: "run city")
        #expect(snippet.pieces.filter(\.isMatch).map(\.text) == ["running", "cities"])
        #expect(snippet.pieces.map(\.text).joined() == "The runners were running to the cities.")
    }

    @Test func `a long passage is shown where the words are`() {
        let filler = String(repeating: "lorem ipsum dolor ", count: 40)
        let snippet = Snippet(of: filler + "the marble quarry " + filler, query: "marble quarry", length: 100)
        #expect(snippet.pieces.filter(\.isMatch).map(\.text) == ["marble", "quarry"])
        #expect(snippet.isCutBefore && snippet.isCutAfter)
        #expect(snippet.pieces.reduce(0) { $0 + $1.text.count } <= 100)
    }

    @Test(arguments: ["", "x", "日本語のテキスト", "\n\n", "a\u{301}b"])
    func `any text gives a snippet`(text: String) {
        _ = Snippet(of: text, query: "x")
        #expect(Snippet(of: text, query: "").pieces.allSatisfy { !$0.isMatch })
    }

    private func marked(_ text: String, _ query: String) -> [String] {
        Snippet(of: text, query: query).pieces.filter(\.isMatch).map(\.text)
    }

    @Test func `words are marked by the stems of the text's language`() {
        #expect(marked("Die alten Häuser sind aus dem Stein der Berge", "haus Berg") == ["Häuser", "Berge"])
        #expect(marked("Мосты через реки", "мост река") == ["Мосты", "реки"])
        #expect(marked("Generous winds and news", "new wind") == ["winds"])
    }

    @Test func `words are marked in any spelling, and parts of text without spaces`() {
        #expect(marked("O’Brien saw a naïve ﬁsh", "obrien NAIVE fish") == ["O’Brien", "naïve", "ﬁsh"])
        #expect(marked("古い東京湾の灯台。", "東京湾") == ["東京湾"])
        #expect(marked("湾と灯台", "湾") == ["湾"])
        #expect(marked("서울에는 한강이 흐른다", "한강") == ["한강"])
    }

    @Test func `phrases are marked and exclusions are not`() {
        #expect(marked("A stone bridge, no game", "\"stone bridge\" -game") == ["stone", "bridge"])
        #expect(marked("A game", "-game").isEmpty)
    }
}
