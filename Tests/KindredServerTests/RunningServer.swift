import Foundation
import Kindred
import KindredServer
import KindredSystem
import KindredTestSupport
import NIOCore
import NIOPosix
import SystemPackage

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// A server on a free port with an index of three documents, for one test.
final class RunningServer: Sendable {
    struct Answer {
        let status: Int
        let headers: [String: String]
        let body: Data

        func json() throws -> [String: Any] {
            try JSONSerialization.jsonObject(with: body) as? [String: Any] ?? [:]
        }

        /// The fields of the error that the body tells.
        func error() throws -> [String: Any] { try json()["error"] as? [String: Any] ?? [:] }
    }

    let port: Int
    private let task: Task<Void, any Error>
    let indexes: FilePath

    /// Starts a server, lets `body` ask it, and stops it.
    static func with(
        _ temporary: TemporaryDirectory, change: (inout ServerSettings) -> Void = { _ in },
        _ body: (RunningServer) async throws -> Void
    ) async throws {
        let root = temporary.path.appending("indexes")
        let page =
            "<page><title>%@</title><ns>0</ns><id>%@</id><revision><id>1</id><text>%@</text></revision></page>"
        let texts = [
            (
                "Old bridge",
                "The old stone bridge crosses the river. See the [[Lighthouse|tower of light]]. It is guarded at night."
            ),
            (
                "Lighthouse",
                "The lighthouse shows ships the way.\n\n== Lamp ==\nIts lamp burns oil from whales."
            ),
            ("&lt;script&gt;alert(1)&lt;/script&gt;", "A page with a hostile title, écrite à Paris."),
        ]
        var dump =
            "<mediawiki><siteinfo><sitename>T</sitename><dbname>t</dbname><base>https://t.example/wiki/M</base></siteinfo>"
        for (id, text) in texts.enumerated() { dump += String(format: page, text.0, "\(id + 1)", text.1) }
        let file = try temporary.file("dump.xml", Array((dump + "</mediawiki>").utf8))
        _ = try Indexer(IndexDirectory(root: root, name: "test")).index(dump: file.string)
        var settings = ServerSettings(indexes: root)
        settings.port = 0
        change(&settings)
        let server = try await RunningServer(settings)
        defer { server.task.cancel() }
        try await body(server)
    }

    private init(_ settings: ServerSettings) async throws {
        let (ports, listening) = AsyncStream.makeStream(of: Int.self)
        let server = try Server(settings)
        let task = Task {
            defer { listening.finish() }
            try await server.run { listening.yield($0) }
        }
        guard let port = await ports.first(where: { _ in true }) else {
            try await task.value
            throw KindredError(.unavailable, "the server ended before it listened")
        }
        self.port = port
        self.task = task
        indexes = settings.indexes
    }

    func get(_ path: String, headers: [String: String] = [:], method: String = "GET") async throws -> Answer {
        try await ask(path, method: method, headers: headers, body: nil)
    }

    func post(_ path: String, _ body: String, headers: [String: String] = [:]) async throws -> Answer {
        try await ask(path, method: "POST", headers: headers, body: Data(body.utf8))
    }

    /// Everything that the server answers to some bytes until it closes the connection.
    func raw(_ request: String) async throws -> String {
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connect(host: "127.0.0.1", port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                }
            }
        return try await channel.executeThenClose { inbound, outbound in
            try await outbound.write(ByteBuffer(string: request))
            var answer = ""
            for try await bytes in inbound { answer += String(buffer: bytes) }
            return answer
        }
    }

    private func ask(
        _ path: String, method: String, headers: [String: String], body: Data?
    ) async throws -> Answer {
        var request = URLRequest(url: URL(string: "http://127.0.0.1:\(port)\(path)")!)
        request.httpMethod = method
        request.httpBody = body
        for (name, value) in headers { request.setValue(value, forHTTPHeaderField: name) }
        let (data, response) = try await URLSession.shared.data(for: request)
        let http = response as! HTTPURLResponse
        let fields = http.allHeaderFields.map { ("\($0.key)".lowercased(), "\($0.value)") }
        return Answer(
            status: http.statusCode, headers: Dictionary(fields, uniquingKeysWith: { $1 }), body: data)
    }
}
