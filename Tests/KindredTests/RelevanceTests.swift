import KindredEncoder
import KindredTestSupport
import Testing

@testable import Kindred

@Suite(.serialized) struct RelevanceTests {
    private let temporary: TemporaryDirectory
    private let searcher: Searcher

    init() throws {
        temporary = try TemporaryDirectory()
        let directory = try IndexDirectory(root: temporary.path.appending("indexes"), name: "test")
        var pages = [
            (
                1, "Beekeeping",
                "A beekeeper keeps colonies of honey bees in hives and harvests honey and wax."
            ),
            (2, "Lighthouse", "A lighthouse warns ships of rocks by a lamp in a tower at the coast."),
            (3, "Glacier", "A glacier is a body of ice that moves slowly under its own weight."),
        ]
        let long = (1...12).map { number in
            "== Reign \(number) ==\nThe reign of queen number \(number) of Valmer began with a harvest of barley and a war for the crown."
        }
        pages.append((4, "History of Valmer", long.joined(separator: "\n\n")))
        pages.append((5, "Barley", "Barley is a cereal that is harvested in summer."))
        let xml = dump(pages.map { (id: $0.0, title: $0.1, text: $0.2) })
        let redirect =
            "<page><title>Ice stream</title><ns>0</ns><id>9</id><redirect title=\"Glacier\"/><revision><id>1</id><text>#REDIRECT [[Glacier]]</text></revision></page>"
        let text = String(decoding: xml, as: UTF8.self)
            .replacing("</mediawiki>", with: redirect + "</mediawiki>")
        _ = try Indexer(directory).index(dump: temporary.file("a.xml", Array(text.utf8)).string)
        searcher = try Searcher(directory)
    }

    @Test func `the encoder that ships with Kindred has a fitted model`() throws {
        let encoder = try TextEncoder(
            directory: EncoderReference.directory(of: EncoderReference.embeddedModel))
        #expect(RelevanceModel.fitted(to: encoder.fingerprint) != nil)
    }

    @Test func `relevance grows with the cosine and with the words`() {
        let model = RelevanceModel.embedded
        let low = model.probability(cosine: 0.2, wordShare: 0)
        #expect(low > 0 && low < model.threshold)
        #expect(model.probability(cosine: 0.8, wordShare: 0) > low)
        #expect(model.probability(cosine: 0.2, wordShare: 1) > low)
        #expect(model.probability(cosine: 0.9, wordShare: 1) > 0.5)
    }

    @Test func `a passage has the same relevance in every mode`() throws {
        let hits = try SearchMode.allCases.map { mode in
            try #require(
                try searcher.search("how do beekeepers harvest honey", mode: mode).hits.first {
                    $0.title == "Beekeeping"
                })
        }
        for hit in hits {
            let relevance = try #require(hit.relevance)
            #expect(abs(relevance - hits[0].relevance!) < 1e-4 && hit.wordShare == hits[0].wordShare)
            #expect(relevance > 0 && relevance < 1)
        }
    }

    @Test func `words count in any form, the rarer ones more`() throws {
        let hit = try #require(
            try searcher.search("glaciers of Valmer", mode: .semantic).hits.first { $0.title == "Glacier" })
        let share = try #require(hit.wordShare)
        // "Valmer" stands in more passages than "glacier" does.
        #expect(share > 0.5 && share < 1)
    }

    @Test func `a question that nothing answers is told from one that has an answer`() throws {
        #expect(!(try searcher.search("what does a lighthouse warn ships of").nothingRelevant))
        let results = try searcher.search("how much does a subscription to the opera cost")
        #expect(results.nothingRelevant && !results.hits.isEmpty)
    }

    @Test func `passages below the minimum are left out and counted`() throws {
        let query = "how do beekeepers harvest honey"
        let all = try searcher.search(query).hits
        let least = try #require(all[0].relevance)
        let results = try searcher.search(query, minimumRelevance: least)
        #expect(results.hits.map(\.title) == ["Beekeeping"] && results.hits[0].rank == 1)
        #expect(results.omitted == all.count - 1)
        let error = #expect(throws: KindredError.self) { try searcher.search(query, minimumRelevance: 1.5) }
        #expect(error?.code == .invalidRequest)
    }

    @Test(arguments: SearchMode.allCases)
    func `a document whose title is the query comes first with its first passage`(mode: SearchMode) throws {
        for query in ["history of valmer", "HISTORY OF VALMER", "History of Valmer"] {
            let hit = try searcher.search(query, mode: mode).hits[0]
            #expect(hit.title == "History of Valmer" && hit.sectionPath == ["Reign 1"])
        }
        #expect(try searcher.search("ice stream", mode: mode).hits[0].title == "Glacier")
        let filter = SearchFilter(titlePrefix: "Barley")
        #expect(
            try searcher.search("History of Valmer", mode: mode, filter: filter).hits.allSatisfy {
                $0.title == "Barley"
            })
    }

    @Test(arguments: SearchMode.allCases)
    func `grouped by article, each article comes once with its best passages`(mode: SearchMode) throws {
        let query = "barley harvest in the reign of the queen"
        let flat = try searcher.search(query, mode: mode, limit: 5)
        #expect(!flat.isGrouped && flat.hits.allSatisfy { $0.articleRank == nil })
        let grouped = try searcher.search(query, mode: mode, limit: 2, grouping: .article)
        #expect(grouped.isGrouped && grouped.hits.map(\.rank) == Array(1...grouped.hits.count))
        #expect(Set(grouped.hits.map(\.title)).count == 2)
        #expect(grouped.hits.compactMap(\.articleRank) == grouped.hits.compactMap(\.articleRank).sorted())
        #expect(grouped.hits.count { $0.title == "History of Valmer" } == 3)
    }

    @Test func `passages are grouped unasked where one article would fill the list`() throws {
        let query = "the reign of the queen of Valmer"
        #expect(try searcher.search(query, limit: 5, grouping: .automatic).isGrouped)
        #expect(!(try searcher.search("honey", limit: 2, grouping: .automatic).isGrouped))
    }
}
