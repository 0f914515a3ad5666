import KindredTestSupport
import Testing

@testable import Kindred

@Suite(.serialized) struct SearcherQueryTests {
    private let temporary: TemporaryDirectory
    private let searcher: Searcher

    init() throws {
        temporary = try TemporaryDirectory()
        let directory = try IndexDirectory(root: temporary.path.appending("indexes"), name: "test")
        let file = try temporary.file(
            "a.xml",
            dump([
                (1, "Old bridge", "The old stone bridge crosses the river near the lighthouse."),
                (2, "New bridge", "The bridge of stone and glass crosses the river."),
                (3, "Game", "Players build a stone bridge in this video game."),
                (4, "Tunnel", "The tunnel goes below the river."),
            ]))
        _ = try Indexer(directory).index(dump: file.string)
        searcher = try Searcher(directory)
    }

    private func titles(
        _ query: String, _ mode: SearchMode, filter: SearchFilter? = nil
    ) throws -> Set<String> {
        Set(try searcher.search(query, mode: mode, filter: filter).hits.map(\.title))
    }

    @Test(arguments: SearchMode.allCases)
    func `phrases and exclusions hold in every mode, and beside a filter`(mode: SearchMode) throws {
        #expect(try titles("\"stone bridge\" river", mode) == ["Old bridge", "Game"])
        #expect(try titles("\"stone bridge\" -game", mode) == ["Old bridge"])
        #expect(
            try titles("stone bridge -\"video game\" -glass", mode).isDisjoint(with: ["Game", "New bridge"]))
        let filter = SearchFilter(titlePrefix: "New")
        #expect(try titles("bridge -game", mode, filter: filter) == ["New bridge"])
        #expect(try titles("\"stone bridge\"", mode, filter: filter).isEmpty)
        #expect(try titles("\"no such phrase\" bridge", mode).isEmpty)
    }

    @Test(arguments: SearchMode.allCases)
    func `a query of exclusions only is refused`(mode: SearchMode) throws {
        let error = #expect(throws: KindredError.self) { try searcher.search("-game", mode: mode) }
        #expect(error?.code == .invalidRequest)
    }

    @Test func `the encoder sees a query without exclusions and quotation marks`() throws {
        let plain = try searcher.search("stone bridge river", mode: .semantic).hits
        let marked = try searcher.search("\"stone bridge\" river -game", mode: .semantic).hits
        #expect(marked.map(\.title) == ["Old bridge"])
        #expect(plain.first { $0.title == "Old bridge" }?.score == marked[0].score)
    }

    @Test func `corrections are told, and semantic search keeps the person's words`() throws {
        for mode in [SearchMode.keyword, .hybrid] {
            let results = try searcher.search("Lighthoues", mode: mode)
            #expect(results.corrections == [QueryCorrection(word: "Lighthoues", correction: "lighthouse")])
            let hit = try #require(results.hits.first)
            #expect(hit.title == "Old bridge")
            let snippet = Snippet(of: hit, in: results)
            #expect(snippet.pieces.filter(\.isMatch).map(\.text) == ["lighthouse"])
        }
        #expect(try searcher.search("Lighthoues", mode: .semantic).corrections.isEmpty)
        #expect(try searcher.search("lighthouse", mode: .keyword).corrections.isEmpty)
    }
}
