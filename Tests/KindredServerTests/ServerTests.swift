import Foundation
import Kindred
import KindredEncoder
import KindredTestSupport
import Testing

@testable import KindredServer

@Suite(.serialized) struct ServerTests {
    private let temporary: TemporaryDirectory

    init() throws { temporary = try TemporaryDirectory() }

    @Test func `a search answers as the command line does, with marks in code points`() async throws {
        try await RunningServer.with(temporary) { server in
            let answer = try await server.get("/search?q=%C3%A9crite+%22Paris%22&k=1&mode=keyword")
            #expect(answer.status == 200)
            let json = try answer.json()
            #expect(json["index"] as? String == "test")
            let hit = try #require((json["hits"] as? [[String: Any]])?.first)
            #expect(hit["title"] as? String == "<script>alert(1)</script>")
            let text = Array(try #require(hit["text"] as? String).unicodeScalars)
            let marks = try #require(hit["marks"] as? [[Int]]).map { range in
                String(String.UnicodeScalarView(text[range[0]..<range[1]]))
            }
            #expect(marks == ["écrite", "Paris"])
            #expect(hit["sentence"] == nil)
        }
    }

    @Test func `the sentence nearest to the query is told on demand`() async throws {
        try await RunningServer.with(temporary) { server in
            let answer = try await server.get(
                "/search?q=guarded+at+night&k=1&sentences=true")
            let hit = try #require((try answer.json()["hits"] as? [[String: Any]])?.first)
            let text = Array(try #require(hit["text"] as? String).unicodeScalars)
            let range = try #require(hit["sentence"] as? [Int])
            #expect(
                String(String.UnicodeScalarView(text[range[0]..<range[1]])) == "It is guarded at night.")
        }
    }

    @Test func `an article has its sections, passages and links to others`() async throws {
        try await RunningServer.with(temporary) { server in
            let bridge = try await server.get("/articles/1?index=test").json()
            let links = try #require(bridge["links"] as? [[String: Any]])
            #expect(links.map { $0["title"] as? String } == ["Lighthouse"])
            #expect(links.map { $0["article_id"] as? Int } == [2])
            let lighthouse = try await server.get("/articles/2").json()
            let sections = try #require(lighthouse["sections"] as? [[String: Any]])
            #expect(sections.map { $0["path"] as? [String] } == [[], ["Lamp"]])
            let text = try #require(lighthouse["text"] as? String)
            #expect(sections.last?["end"] as? Int == text.unicodeScalars.count)
        }
    }

    @Test func `vectors over HTTP are those of the encoder, as numbers and as base64`() async throws {
        let encoder = try TextEncoder(directory: Resources.embeddedModel())
        let expected = try encoder.encode(["stone bridge", "a lamp"]).row(1)
        try await RunningServer.with(temporary) { server in
            let body = #"{"model": "embedded", "input": ["stone bridge", "a lamp"]"#
            let floats = try await server.post("/v1/embeddings", body + "}").json()
            let data = try #require(floats["data"] as? [[String: Any]])
            #expect(data.map { $0["index"] as? Int } == [0, 1])
            let found = try #require(data[1]["embedding"] as? [Double]).map(Float.init)
            #expect(zip(found, expected).allSatisfy { abs($0 - $1) < 1e-6 } && found.count == expected.count)
            let usage = try #require(floats["usage"] as? [String: Int])
            #expect(usage["prompt_tokens"] == usage["total_tokens"] && (usage["total_tokens"] ?? 0) > 4)

            let coded = try await server.post("/v1/embeddings", body + #", "encoding_format": "base64"}"#)
                .json()
            let text = try #require((coded["data"] as? [[String: Any]])?[1]["embedding"] as? String)
            let bytes = try #require(Data(base64Encoded: text))
            #expect(bytes.count == 4 * expected.count)
            let first = bytes.prefix(4).reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
            #expect(Float(bitPattern: first) == found[0])
        }
    }

    private static let wrongBodies: [(body: String, status: Int, parameter: String?, code: String)] = [
        (#"{"model": "embedded"}"#, 400, "input", "missing_parameter"),
        (#"{"model": "embedded", "input": []}"#, 400, "input", "invalid_value"),
        (#"{"model": "embedded", "input": [1, 2]}"#, 400, "input", "invalid_type"),
        (#"{"model": "embedded", "input": ["a", " "]}"#, 400, "input", "invalid_value"),
        (#"{"model": "gpt", "input": "a"}"#, 404, "model", "model_not_found"),
        (#"{"input": "a"}"#, 400, "model", "missing_parameter"),
        (#"{"model": "embedded", "input": "a", "dimensions": 64}"#, 400, "dimensions", "unsupported_value"),
        (
            #"{"model": "embedded", "input": "a", "encoding_format": "f16"}"#, 400, "encoding_format",
            "invalid_value"
        ),
        (#"{"model": "embedded", "input": "a", "size": 3}"#, 400, "size", "unknown_parameter"),
        ("[", 400, nil, "invalid_json"),
    ]

    @Test func `a wrong request for vectors is refused by name`() async throws {
        try await RunningServer.with(temporary) { server in
            for wrong in Self.wrongBodies {
                let answer = try await server.post("/v1/embeddings", wrong.body)
                #expect(answer.status == wrong.status, "\(wrong.body)")
                let error = try answer.error()
                #expect(error["param"] as? String == wrong.parameter, "\(wrong.body)")
                #expect(error["code"] as? String == wrong.code, "\(wrong.body)")
                #expect(error["type"] as? String == "invalid_request_error")
                #expect((error["message"] as? String)?.isEmpty == false)
            }
        }
    }

    @Test func `a wrong search is refused by name`() async throws {
        try await RunningServer.with(temporary) { server in
            for (path, status, parameter) in [
                ("/search", 400, "q"), ("/search?q=", 400, "q"), ("/search?q=a&k=0", 400, "k"),
                ("/search?q=a&limt=3", 400, "limt"), ("/search?q=a&q=b", 400, "q"),
                ("/search?q=%FF", 400, "q"),
                ("/search?q=a&mode=best", 400, "mode"), ("/search?q=a&where=(", 400, "where"),
                ("/search?q=a&where=nofield%3D1", 400, "where"),
                ("/search?q=a&facets=nofield", 400, "facets"),
                ("/search?q=a&index=none", 404, "index"), ("/search?q=a&index=..%2Fx", 400, "index"),
                ("/articles/999", 404, "id"), ("/articles/x", 400, "id"),
            ] {
                let answer = try await server.get(path)
                #expect(answer.status == status, "\(path)")
                #expect(try answer.error()["param"] as? String == parameter, "\(path)")
            }
            let missing = try await server.get("/nothing/here")
            #expect(missing.status == 404)
            #expect(try missing.error()["code"] as? String == "unknown_path")
            let wrong = try await server.get("/search?q=a", method: "DELETE")
            #expect(wrong.status == 405 && wrong.headers["allow"] == "GET, HEAD")
        }
    }

    @Test func `a token is asked for, but not for the page`() async throws {
        let token = "0123456789abcdef"
        let asksForToken = { (settings: inout ServerSettings) in settings.token = token }
        try await RunningServer.with(temporary, change: asksForToken) { server in
            for headers in [[:], ["Authorization": "Bearer wrong"], ["Authorization": token]] {
                let answer = try await server.get("/search?q=bridge", headers: headers)
                #expect(answer.status == 401)
                #expect(try answer.error()["type"] as? String == "authentication_error")
            }
            #expect(
                try await server.get("/search?q=bridge", headers: ["Authorization": "Bearer \(token)"]).status
                    == 200)
            #expect(try await server.get("/").status == 200)
        }
    }

    @Test func `a name that only begins like this machine's is of another one`() {
        for host in ["localhost", "LOCALHOST:7700", "127.0.0.1", "127.8.9.10:80", "[::1]", "[::1]:7700"] {
            #expect(Admission.isThisMachine(host), "\(host)")
        }
        for host in [
            "127.evil.example", "127.0.0.1.evil.example", "[::1].evil.example", "evil.example",
            "localhost.evil.example",
            "127.0.0.256", "127.0.0.1:x", "user@localhost", "",
        ] { #expect(!Admission.isThisMachine(host), "\(host)") }
    }

    @Test func `an error that answers HEAD has no body, and the connection stays usable`() async throws {
        try await RunningServer.with(temporary) { server in
            for path in ["/nothing", "/v1/embeddings", "/search"] {
                let answer = try await server.get(path, method: "HEAD")
                #expect([400, 404, 405].contains(answer.status) && answer.body.isEmpty, "\(path)")
                #expect(try await server.get("/health").status == 200)
            }
            #expect(try await server.get("/search?q=a&k=%2B5").status == 400)
            #expect(try await server.get("/search?q=a&min_score=0x1p-1").status == 400)
        }
    }

    @Test func `a client of HTTP 1.0 gets the end of the connection, one with two hosts a refusal`()
        async throws
    {
        try await RunningServer.with(temporary) { server in
            let old = try await server.raw("GET /health HTTP/1.0\r\nHost: localhost\r\n\r\n")
            #expect(old.contains(" 200 ") && old.contains("{\"status\":\"ok\"}"))
            let two = try await server.raw(
                "GET /health HTTP/1.1\r\nHost: localhost\r\nHost: example.org\r\n\r\n")
            #expect(two.hasPrefix("HTTP/1.1 400") && two.contains("several lines 'Host'"))
        }
    }

    @Test func `a connection that sends no whole request in time is closed`() async throws {
        let short: (inout ServerSettings) -> Void = {
            $0.limits.headTime = .milliseconds(200)
            $0.limits.idleTime = .milliseconds(200)
        }
        try await RunningServer.with(temporary, change: short) { server in
            let begun = try await server.raw("GET /health HTTP/1.1\r\nHost: localhost\r\n")
            #expect(begun.isEmpty)
            let request = "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
            let answered = try await server.raw(request + "GET /hea")
            #expect(answered.components(separatedBy: "HTTP/1.1").count == 2)
        }
    }

    @Test func `other machines are served with a token alone`() throws {
        var settings = ServerSettings(indexes: temporary.path)
        settings.host = "0.0.0.0"
        #expect(throws: KindredError.self) { try settings.check() }
        settings.token = "short"
        #expect(throws: KindredError.self) { try settings.check() }
        settings.token = "0123456789abcdef"
        try settings.check()
    }

    @Test func `the page may reach this server alone`() async throws {
        try await RunningServer.with(temporary) { server in
            let page = try await server.get("/")
            let policy = try #require(page.headers["content-security-policy"])
            #expect(policy.contains("default-src 'none'") && policy.contains("script-src 'sha256-"))
            #expect(!policy.contains("unsafe"))
        }
    }

    @Test func `a body beyond the limit is refused before it is read`() async throws {
        let takesLittle = { (settings: inout ServerSettings) in settings.limits.bodyBytes = 1000 }
        try await RunningServer.with(temporary, change: takesLittle) { server in
            let answer = try await server.post("/v1/embeddings", String(repeating: "a", count: 2000))
            #expect(answer.status == 413)
            #expect(try answer.error()["code"] as? String == "body_too_large")
            #expect(try await server.get("/health").status == 200)
        }
    }

    @Test func `requests at the same time get their own vectors, and a full queue says so`() async throws {
        let encoder = try TextEncoder(directory: Resources.embeddedModel())
        let texts = (0..<24).map { "text number \($0) of \($0 % 5) bridges" }
        let queue = EncodingQueue(encoder, limit: 100, metrics: ServerMetrics())
        let found = try await withThrowingTaskGroup(of: (Int, [Float]).self) { group in
            for (index, text) in texts.enumerated() {
                group.addTask { (index, try await queue.encode([encoder.input(for: text)]).row(0)) }
            }
            return try await group.reduce(into: [Int: [Float]]()) { $0[$1.0] = $1.1 }
        }
        let alone = try encoder.encode(texts)
        for index in texts.indices {
            let vector = try #require(found[index])
            #expect(zip(vector, alone.row(index)).reduce(0) { $0 + $1.0 * $1.1 } > 0.999)
        }
        let full = EncodingQueue(encoder, threads: 0, limit: 1, metrics: ServerMetrics())
        let waiting = Task { try await full.encode([encoder.input(for: "a")]) }
        try await Task.sleep(for: .milliseconds(50))
        await #expect(throws: RequestError.self) { try await full.encode([encoder.input(for: "b")]) }
        _ = waiting
    }

    @Test func `what is written while the server runs is found`() async throws {
        try await RunningServer.with(temporary) { server in
            #expect(try await server.get("/search?q=zeppelin&mode=keyword").json()["hits"] as? [Any] != nil)
            let file = try temporary.file("zeppelin.txt", Array("A zeppelin is a large airship.".utf8))
            _ = try Indexer(IndexDirectory(root: server.indexes, name: "test")).index([file.string])
            let hits = try await server.get("/search?q=zeppelin&k=1").json()["hits"] as? [[String: Any]]
            #expect((hits?.first?["text"] as? String)?.contains("airship") == true)
        }
    }

    @Test func `metrics count requests by route and never by what clients send`() async throws {
        try await RunningServer.with(temporary) { server in
            _ = try await server.get("/articles/1")
            _ = try await server.get("/secret-\(UUID())")
            let text = String(decoding: try await server.get("/metrics").body, as: UTF8.self)
            #expect(
                text.contains(
                    "kindred_request_duration_seconds_count{route=\"/articles/{id}\",status=\"200\"} 1"))
            #expect(!text.contains("secret"))
        }
    }
}
