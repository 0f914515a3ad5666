import Foundation
import KindredTestSupport
import Testing

@testable import KindredCommand

@Suite struct DocumentCommandTests {
    @Test func `files are indexed, filtered, counted by facets and removed from the command line`() throws {
        let directory = try TemporaryDirectory()
        let indexes = directory.path.appending("indexes")
        let records =
            #"{"id": 1, "text": "A lamp of brass.", "kind": "light"}"# + "\n"
            + #"{"id": 2, "text": "A lamp of glass.", "kind": "light"}"# + "\n"
            + #"{"id": 3, "text": "A lamp post.", "kind": "street"}"# + "\n"
        let file = try directory.file("lamps.jsonl", Array(records.utf8)).string
        func run(_ arguments: String...) throws -> Run { try Run(arguments, indexes: indexes) }
        func json(_ run: Run) throws -> [String: Any] {
            try #require(try JSONSerialization.jsonObject(with: Data(run.output.utf8)) as? [String: Any])
        }

        let report = try json(run("index", file, "--json", "--quiet"))
        #expect(report["index"] as? String == "lamps" && report["articles_new"] as? Int == 3)
        let answer = try json(
            run("search", "lamp", "-glass", "--where", "kind = light", "--facets", "kind", "--json"))
        let dashed = try json(run("search", "--mode", "keyword", "--json", "--", "-glass", "lamp"))
        #expect(dashed["query"] as? String == "-glass lamp")
        let hits = try #require(answer["hits"] as? [[String: Any]])
        #expect(hits.map { $0["line"] as? Int } == [1])
        let facets = try #require(answer["facets"] as? [String: [[String: Any]]])
        #expect(facets["kind"]?.first?["count"] as? Int == 1)
        #expect(try run("search", "lamp", "--where", "kind =").code == 64)

        #expect(
            try run("remove", "lamps", "--where", "kind = light", "--dry-run").output.contains("2 documents"))
        #expect(
            try json(run("remove", "lamps", "--where", "kind = light", "--json"))["removed"] as? Bool == true)
        #expect(try run("remove", "lamps").code == 64)
        #expect(try run("remove", "lamps", "--yes").code == 0)
        #expect(try run("search", "lamp", "--index", "lamps").code == 66)
        #expect(FileManager.default.fileExists(atPath: file))
    }
}
