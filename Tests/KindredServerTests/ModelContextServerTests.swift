import Foundation
import Kindred
import KindredServer
import KindredTestSupport
import Testing

@Suite(.serialized) struct ModelContextServerTests {
    private let temporary: TemporaryDirectory
    private let server: ModelContextServer

    init() throws {
        temporary = try TemporaryDirectory()
        let root = temporary.path.appending("indexes")
        let file = try temporary.file(
            "bees.txt", Array("Bees dance to tell where flowers are.\n\nThey see ultraviolet light.".utf8))
        _ = try Indexer(IndexDirectory(root: root, name: "test")).index([file.string])
        server = ModelContextServer(indexes: root, version: "1")
    }

    private func ask(_ method: String, _ parameters: String = "{}") throws -> [String: Any] {
        let line = #"{"jsonrpc": "2.0", "id": 7, "method": "\#(method)", "params": \#(parameters)}"#
        let answer = try #require(server.answer(to: line))
        #expect(!answer.contains("\n"))
        let json = try JSONSerialization.jsonObject(with: Data(answer.utf8)) as? [String: Any]
        #expect(json?["id"] as? Int == 7)
        return try #require(json)
    }

    private func tool(_ name: String, _ arguments: String) throws -> (text: String, isError: Bool) {
        let answer = try ask("tools/call", #"{"name": "\#(name)", "arguments": \#(arguments)}"#)
        let result = try #require(answer["result"] as? [String: Any])
        let content = try #require((result["content"] as? [[String: Any]])?.first)
        return (content["text"] as? String ?? "", result["isError"] as? Bool ?? true)
    }

    @Test func `a session begins with the client's version, where it is understood`() throws {
        for (asked, given) in [("2024-11-05", "2024-11-05"), ("1999-01-01", "2025-06-18")] {
            let result =
                try ask("initialize", #"{"protocolVersion": "\#(asked)"}"#)["result"] as? [String: Any]
            #expect(result?["protocolVersion"] as? String == given)
        }
        #expect(server.answer(to: #"{"jsonrpc": "2.0", "method": "notifications/initialized"}"#) == nil)
    }

    @Test func `what a search finds can be read`() throws {
        let found = try tool("search", #"{"query": "how do bees tell where flowers are"}"#)
        #expect(!found.isError && found.text.contains("Bees dance"))
        let json = try JSONSerialization.jsonObject(with: Data(found.text.utf8)) as? [String: Any]
        let passage = try #require((json?["passages"] as? [[String: Any]])?.first)
        let id = try #require(passage["article_id"] as? Int)
        let read = try tool("read", #"{"article_id": \#(id)}"#)
        #expect(!read.isError && read.text.contains("ultraviolet"))
        let rest = try tool("read", #"{"article_id": \#(id), "offset": 30}"#)
        #expect(rest.text.count == read.text.count - 30)
    }

    @Test func `mistakes of the model come back as results, those of the client as errors`() throws {
        #expect(try tool("search", #"{"query": ""}"#).isError)
        #expect(try tool("search", #"{"query": "a", "index": "none"}"#).text.contains("there are: test"))
        #expect(try tool("search", #"{"question": "a"}"#).isError)
        #expect(try tool("read", #"{"article_id": 99}"#).isError)
        #expect(
            (try ask("tools/call", #"{"name": "write"}"#)["error"] as? [String: Any])?["code"] as? Int
                == -32602)
        #expect((try ask("resources/list")["error"] as? [String: Any])?["code"] as? Int == -32601)
        #expect(try #require(server.answer(to: "{")).contains("-32700"))
    }
}
