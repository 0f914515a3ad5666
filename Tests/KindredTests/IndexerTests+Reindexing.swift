import Foundation
import KindredIndex
import KindredStore
import KindredSystem
import KindredTestSupport
import SystemPackage
import Testing

@testable import Kindred

extension IndexerTests {
    @Test func `a reindex answers by the old encoder until it switches to the new one`() throws {
        try Indexer(directory).index(dump: file("a.xml", dump(pages(600))))
        let model = try otherModel()
        let searcher = try Searcher(directory)
        let before = try searcher.search("people near the river", mode: .semantic).hits.map(\.score)

        // Stopped after the first commit: the old encoder answers, and nothing is damaged.
        var commits = 0
        let stopped = try Reindexer(directory, model: model).reindex(
            shouldStop: { commits > 0 }, progress: { _ in commits += 1 })
        #expect(stopped.stopped && stopped.passages == 1024)
        #expect(try searcher.search("people near the river", mode: .semantic).hits.map(\.score) == before)
        #expect(try IndexVerification(directory).problems.isEmpty)
        #expect(try IndexStatus(directory).reindexedPassages == 1024)

        let report = try Reindexer(directory, model: model).reindex()
        #expect((report.resumed, report.passages) == (1024, 176))
        #expect(try IndexVerification(directory).problems.isEmpty)
        let status = try IndexStatus(directory)
        #expect(
            status.fingerprint == report.fingerprint && status.reindexedPassages == nil
                && status.passages == 1200)
        // The searcher that was open switches too, and gives what a new one gives.
        let after = try searcher.search("people near the river", mode: .semantic).hits
        #expect(after.map(\.score) != before && after.count == 10)
        let fresh = try Searcher(directory).search("people near the river", mode: .semantic).hits
        #expect(fresh.map(\.passageID) == after.map(\.passageID))
        #expect(try Reindexer(directory, model: model).reindex().nothingToDo)
        // Indexing goes on with the new encoder.
        #expect(try Indexer(directory).index(dump: file("b.xml", dump(pages(601)))).added == 1)
        #expect(try IndexVerification(directory).problems.isEmpty)
    }

    @Test func `what changes while a reindex is interrupted is right after it`() throws {
        try Indexer(directory).index(dump: file("a.xml", dump(pages(600))))
        let model = try otherModel()
        var commits = 0
        try Reindexer(directory, model: model).reindex(
            shouldStop: { commits > 0 }, progress: { _ in commits += 1 })
        var changed = pages(601)
        changed[4].text = "Stone number 5 is really a meteorite of iron."
        try Indexer(directory).index(dump: file("b.xml", dump(changed)))
        try Reindexer(directory, model: model).reindex()
        #expect(try IndexVerification(directory).problems.isEmpty)
        let hits = try Searcher(directory).search("meteorite", mode: .semantic, limit: 1000).hits
        #expect(hits.count == 1000 && hits.filter { $0.title == "Stone 5" }.count == 1)
    }

    @Test func `an index names its model by the path from itself, and finds it again where reindex says`()
        throws
    {
        try Indexer(directory).index(dump: file("a.xml", dump(pages(3))))
        func named() throws -> String {
            struct File: Decodable { let model: String }
            let data = try Data(contentsOf: URL(fileURLWithPath: directory.encoder.string))
            return try JSONDecoder().decode(File.self, from: data).model
        }
        #expect(try named() == "embedded")
        let model = try otherModel()
        try Reindexer(directory, model: model).reindex()
        #expect(try named().hasPrefix("../"))
        let hits = try Searcher(directory).search("stone", mode: .semantic).hits.map(\.score)
        #expect(try IndexStatus(directory).model == model)

        let moved = FilePath(model).removingLastComponent().appending("elsewhere").string
        try FileManager.default.moveItem(atPath: model, toPath: moved)
        let error = #expect(throws: KindredError.self) {
            try Searcher(directory).search("stone", mode: .semantic)
        }
        #expect(error?.code == .notFound && error?.message.contains("kindred reindex") == true)
        #expect(try Reindexer(directory, model: moved).reindex().nothingToDo)
        #expect(try Searcher(directory).search("stone", mode: .semantic).hits.map(\.score) == hits)
    }

    /// The embedded model with another pooling: another encoder.
    func otherModel() throws -> String {
        let path = temporary.path.appending("model").string
        try FileManager.default.copyItem(atPath: Resources.embeddedModel().string, toPath: path)
        try Data("{\"pooling_mode\": \"weighted_mean\", \"attention\": \"causal\"}".utf8)
            .write(to: URL(fileURLWithPath: path + "/llm2vec_config.json"))
        return path
    }
}
