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
}
