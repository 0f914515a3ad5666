import ArgumentParser
import Foundation
import KindredServer
import KindredSystem
import SystemPackage

struct ServeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve", abstract: "Serve a page to search and read, and an API, to this machine.",
        discussion: """
            The page is at http://127.0.0.1:7700. Programs find GET /search, /articles/ID and /indexes, and vectors at POST \
            /v1/embeddings as OpenAI's clients ask for them; /openapi.json describes all. Ctrl-C finishes what is in progress \
            and stops; a second one stops at once.

              kindred serve
              KINDRED_TOKEN=$(openssl rand -hex 16) kindred serve --host 0.0.0.0
            """)

    @Option(help: ArgumentHelp("The name or address to listen on.", valueName: "name"))
    var host = "127.0.0.1"

    @Option(help: ArgumentHelp("The port to listen on; 0: any that is free.", valueName: "number"))
    var port = 7700

    @Option(
        help: ArgumentHelp(
            "What clients must send as 'Authorization: Bearer TOKEN' (default: $KINDRED_TOKEN). Other users of this machine "
                + "see the arguments of a process, but not its environment.", valueName: "token"))
    var token: String?

    @Option(
        name: .customLong("encoder"),
        help: ArgumentHelp(
            "A further encoder for /v1/embeddings, called by the last part of its path; can be repeated.",
            valueName: "directory"), completion: .directory)
    var encoders: [String] = []

    @OptionGroup var indexes: IndexOptions

    func validate() throws {
        guard (0...65_535).contains(port) else {
            throw ValidationError("--port must be 0 to 65535, not \(port)")
        }
    }

    func run() throws {
        var settings = ServerSettings(indexes: indexes.root)
        settings.host = host
        settings.port = port
        settings.encoders = encoders.map { FilePath($0) }
        let environment = ProcessInfo.processInfo.environment["KINDRED_TOKEN"]
        settings.token = token ?? environment.flatMap { $0.isEmpty ? nil : $0 }
        let server = try Server(settings)
        let name = host.contains(":") ? "[\(host)]" : host
        // The first Ctrl-C ends the server in order.
        Interrupts.hold()
        try Self.waiting {
            try await server.run { port in
                CommandOutput.line("Serving on http://\(name):\(port); Ctrl-C stops.")
            }
        }
    }

    /// Runs asynchronous work and waits for it.
    private static func waiting(_ body: @escaping @Sendable () async throws -> Void) throws {
        let done = DispatchSemaphore(value: 0)
        let failure = Failure()
        Task {
            do { try await body() } catch { failure.error = error }
            done.signal()
        }
        done.wait()
        if let error = failure.error { throw error }
    }

    /// Written before the semaphore is signalled and read after.
    private final class Failure: @unchecked Sendable {
        var error: (any Error)?
    }
}
