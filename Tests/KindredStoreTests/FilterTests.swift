import Foundation
import KindredSystem
import KindredTestSupport
import SystemPackage
import Testing

@testable import KindredStore

private let site = DocumentCollection(name: "Test", identity: "test", base: "", language: "en")

@Suite struct FilterTests {
    private let directory: TemporaryDirectory
    private let catalog: Catalog

    /// Four articles, one passage each: passage ids are article numbers.
    init() throws {
        directory = try TemporaryDirectory()
        catalog = try Catalog(path: directory.path.appending("catalog.sqlite"), access: .create)
        let metadata: [Metadata] = [
            [
                "category": [.text("Physics"), .text("Optics")], "length": [.integer(2500)],
                "date": [.text("2020-05-17T10:00:00Z")],
            ],
            ["category": [.text("Biology")], "length": [.integer(1200)], "date": [.text("2019-12-31")]],
            [
                "category": [.text("physics")], "length": [.real(900.5)], "date": [.text("2021")],
                "first name": [.text("Ada")],
            ],
            ["note": [.text("it's \"quoted\" 100%")], "year": [.integer(2020)]],
        ]
        try catalog.commit(
            site: site,
            articles: metadata.enumerated().map { index, metadata in
                let number = Int64(index + 1)
                var article = NewArticle(
                    sourceID: number, title: ["Light", "Cells", "Lightning", "Notes_100%"][index], url: "",
                    revision: nil,
                    digest: [0], text: Array("text \(number)".utf8),
                    passages: [NewPassage(id: number, sectionPath: [], range: 0..<6)])
                article.metadata = metadata
                article.path = "/home/docs/\(number).txt"
                return article
            }, segment: nil)
    }

    private func found(_ filter: String) throws -> [Int64] {
        let set = try catalog.passages(where: FilterExpression(parsing: filter))
        return (1...4).filter { set.contains($0) }
    }

    @Test(arguments: [
        ("category = 'Physics'", [1, 3]), ("category = Optics", [1]), ("category != 'Physics'", [2, 4]),
        ("category in ('Optics', 'Biology')", [1, 2]), ("category not in ('Optics', 'Biology')", [3, 4]),
        ("category like 'phy%'", [1, 3]), ("category exists", [1, 2, 3]), ("not category exists", [4]),
        ("length > 1000", [1, 2]), ("length <= 1200", [2, 3]), ("length = 900.5", [3]),
        ("length = 1,200", []),
        ("category = 'Physics' and length > 2000 and date >= 2020", [1]),
        ("category = Biology or category = Optics and length < 10", [2]),
        ("(category = Biology or category = Optics) and length < 2000", [2]),
        ("NOT (length > 1000 OR length < 950)", [4]), ("`first name` = 'ada'", [3]),
        ("title = 'light'", [1]), ("title like 'Light%'", [1, 3]), ("path like '/home/docs/4%'", [4]),
        ("note = 'it''s \"quoted\" 100%'", [4]), ("note like '%100\\%'", [4]), ("site = Test", [1, 2, 3, 4]),
        ("length ≥ 1200", [1, 2]), ("category = “Biology”", [2]), ("language = en", [1, 2, 3, 4]),
    ])
    func `a condition finds the documents that meet it`(_ filter: String, _ expected: [Int64]) throws {
        guard filter != "length = 1,200" else {
            // A comma separates values; it belongs to no number here.
            #expect(throws: KindredError.self) { try found(filter) }
            return
        }
        #expect(try found(filter) == expected)
    }

    @Test(arguments: [
        ("date = 2020", [1]), ("date >= 2020", [1, 3]), ("date > 2020", [3]), ("date <= 2020", [1, 2]),
        ("date < 2020", [2]), ("date = 2020-05", [1]), ("date = 2020-05-17", [1]), ("date = 2020-05-18", []),
        ("date <= '2019-12-31'", [2]), ("date > 2019-12-31", [1, 3]), ("date != 2020", [2, 3, 4]),
        ("year = 2020", [4]), ("year >= 2019", [4]), ("date in (2019, 2021)", [2, 3]),
    ])
    func `a date stands for all of its year, month or day`(_ filter: String, _ expected: [Int64]) throws {
        #expect(try found(filter) == expected)
    }

    @Test(arguments: [
        "", "category", "category =", "= 'Physics'", "category = 'Physics", "category = 'a' length > 2",
        "(category = 'a'", "category = 'a')", "category in 'a'", "category in ()", "category like Physics",
        "length > > 2", "and", "category ~ 'a'", "length = 1; DROP TABLE article", "a'b = 2",
        String(repeating: "(", count: 10_000), String(repeating: "not ", count: 10_000) + "title = a",
        Array(repeating: "title = a", count: 5000).joined(separator: " or "),
    ])
    func `what is no condition is refused with its place`(_ filter: String) throws {
        let error = #expect(throws: KindredError.self) { try found(filter) }
        #expect(error?.code == .invalidRequest)
        #expect(error?.message.contains("character") == true)
    }

    @Test func `a field that no document has is refused by name, with those that there are`() throws {
        let error = #expect(throws: KindredError.self) { try found("categry = 'Physics'") }
        #expect(error?.code == .invalidRequest)
        #expect(error?.message.contains("\"categry\"") == true && error?.message.contains("category") == true)
    }

    @Test(arguments: ["'; DROP TABLE article; --", "\" OR 1=1 --", "x' OR '1'='1"])
    func `values are never SQL`(_ value: String) throws {
        let quoted = value.replacingOccurrences(of: "'", with: "''")
        #expect(try found("category = '\(quoted)'") == [])
        #expect(try catalog.counts().articles == 4)
    }

    @Test func `a title's prefix is taken as it stands`() throws {
        func found(_ prefix: String) throws -> Int {
            try catalog.passages(where: FilterExpression(titlePrefix: prefix)).count
        }
        #expect(
            try (found("light"), found("Notes_1"), found("Notes%"), found("L_ght"), found("")) == (
                2, 1, 0, 0, 4
            ))
    }

    @Test func `facets count each value once for each article`() throws {
        let counts = try catalog.facet("category", ofArticles: [1, 2, 3, 4], limit: 10)
        #expect(counts.map(\.value.description) == ["Biology", "Optics", "Physics", "physics"])
        #expect(try catalog.facet("title", ofArticles: [1, 2], limit: 1).map(\.value) == [.text("Cells")])
        #expect(throws: KindredError.self) { try catalog.facet("none", ofArticles: [1], limit: 1) }
    }

    @Test func `metadata go with their article, and change with it`() throws {
        try catalog.remove(articles: [1])
        #expect(try found("category = 'Optics'") == [])
        let old = try #require(try catalog.article(wiki: "test", sourceID: 3))
        var article = NewArticle(
            sourceID: 3, title: "Lightning", url: "", revision: nil, digest: [1], text: Array("text 3".utf8),
            passages: [NewPassage(id: 3, sectionPath: [], range: 0..<6, line: 7)])
        article.metadata = ["category": [.text("Weather")]]
        try catalog.commit(site: site, articles: [], refreshed: [(old.id, article)], segment: nil)
        #expect(try found("category = 'Physics'") == [] && found("category = 'weather'") == [3])
        #expect(try catalog.passages([3])[3]?.line == 7)
        #expect(try catalog.problems().isEmpty)
    }
}

@Suite struct RedirectTests {
    @Test func `an article is found by the titles that lead to it, until they no longer do`() throws {
        let directory = try TemporaryDirectory()
        let catalog = try Catalog(path: directory.path.appending("catalog.sqlite"), access: .create)
        let text = Array("A country in Asia. It has rivers.".utf8)
        let article = NewArticle(
            sourceID: 1, title: "Myanmar", url: "", revision: nil, digest: [0], text: text,
            passages: [
                NewPassage(id: 1, sectionPath: [], range: 0..<18),
                NewPassage(id: 2, sectionPath: [], range: 19..<33),
            ])
        try catalog.commit(
            site: site, articles: [article],
            redirects: [
                RedirectRecord(sourceID: 2, title: "Burma", target: "Myanmar"),
                RedirectRecord(sourceID: 3, title: "burma", target: "Myanmar"),
                RedirectRecord(sourceID: 4, title: "Ceylon", target: "Sri Lanka"),
            ], segment: nil)
        #expect(try catalog.keywordSearch("Burma", limit: 9).isEmpty)
        try catalog.settleRedirects()
        #expect(try catalog.keywordSearch("Burma", limit: 9).map(\.id) == [1])
        #expect(try catalog.keywordSearch("Ceylon", limit: 9).isEmpty)
        #expect(try catalog.problems().isEmpty)

        try catalog.removeRedirects(wiki: "test", sourceIDs: [2, 3])
        try catalog.settleRedirects()
        #expect(try catalog.keywordSearch("Burma", limit: 9).isEmpty)
        #expect(try catalog.keywordSearch("Asia", limit: 9).map(\.id) == [1])
        #expect(try catalog.problems().isEmpty)
    }

    @Test func `titles that add no word are left out`() {
        let titles = ["BURMA", "Burma", "Burma (country)", "Mýanmar", "Union of Burma"]
        #expect(Catalog.telling(titles, beside: "Myanmar") == ["BURMA", "Burma (country)", "Union of Burma"])
    }
}
