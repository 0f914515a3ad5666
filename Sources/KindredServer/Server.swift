import Crypto
import Foundation
import HTTPTypes
import Hummingbird
import Kindred
import KindredSystem
import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle
import Synchronization

/// Answers over HTTP: a page to search and read, the indexes as JSON, and vectors as OpenAI's API gives them.
package struct Server: Sendable {
    private let settings: ServerSettings
    private let metrics = ServerMetrics()
    private let workers: NIOThreadPool
    private let encoders: ServedEncoders
    private let indexes: OpenIndexes

    /// - Throws: `invalidRequest`, `notFound` for what cannot be served.
    package init(_ settings: ServerSettings) throws {
        try settings.check()
        self.settings = settings
        let shared = OpenEncoders()
        encoders = try ServedEncoders(settings, shared: shared, metrics: metrics)
        indexes = OpenIndexes(root: settings.indexes, encoders: shared)
        workers = NIOThreadPool(numberOfThreads: settings.limits.searchThreads)
    }

    /// Serves until a signal comes, then finishes what is in progress.
    ///
    /// - Parameter isListening: called with the port once clients can connect.
    /// - Throws: `cannotCreate` where the address cannot be listened on.
    package func run(isListening: @escaping @Sendable (Int) -> Void) async throws {
        workers.start()
        var logger = Logger(label: "kindred") { _ in SwiftLogNoOpLogHandler() }
        logger.logLevel = .critical
        let application = Application(
            router: router(),
            server: .http1(
                configuration: .init(
                    additionalChannelHandlers: [
                        ConnectionErrors(
                            headTime: .init(settings.limits.headTime),
                            idleTime: .init(settings.limits.idleTime))
                    ],
                    idleTimeout: .init(settings.limits.idleTime),
                    httpDecoderConfiguration: .init(
                        maxHeaderFieldSize: settings.limits.headerBytes,
                        maxHeaderListSize: settings.limits.headerBytes, maxHeaderFieldCount: 200))),
            configuration: .init(
                address: .hostname(settings.host, port: settings.port), serverName: "kindred", backlog: 1024,
                availableConnectionsDelegate: .maximum(settings.limits.connections, logger: logger)),
            onServerRunning: { channel in isListening(channel.localAddress?.port ?? 0) },
            logger: logger)
        var configuration = ServiceGroupConfiguration(
            services: [
                .init(service: application),
                .init(service: StopSignal(), successTerminationBehavior: .gracefullyShutdownGroup),
            ], logger: logger)
        configuration.maximumGracefulShutdownDuration = settings.limits.stopTime
        do {
            try await ServiceGroup(configuration: configuration).run()
        } catch let error as IOError {
            throw KindredError(
                .cannotCreate,
                "cannot listen on \(settings.host), port \(settings.port): \(systemMessage(error.errnoCode)); name another "
                    + "with --port, or 0 for any that is free")
        }
        try await workers.shutdownGracefully()
    }

    // MARK: Routes

    func router() -> Router<ServerContext> {
        let router = Router(context: ServerContext.self, options: [.autoGenerateHeadEndpoints])
        router.middlewares.add(RequestCounts(metrics: metrics))
        router.middlewares.add(ErrorResponses())
        router.middlewares.add(Admission(settings: settings))
        let embeddings = EmbeddingsRoutes(encoders: encoders, workers: workers, limits: settings.limits)
        let search = SearchRoutes(indexes: indexes, encoders: encoders, workers: workers)
        let metrics = metrics
        endpoint(router, .post, "/v1/embeddings", embeddings.embeddings)
        endpoint(router, .get, "/v1/models", embeddings.models)
        endpoint(router, .get, "/v1/models/{model}", embeddings.model)
        endpoint(router, .get, "/search", search.search)
        endpoint(router, .get, "/articles/{id}", search.article)
        endpoint(router, .get, "/indexes", search.list)
        endpoint(router, .get, "/", Self.page)
        endpoint(router, .get, "/openapi.json") { _, _ in
            .text(PackageResources.openapi_json, type: "application/json")
        }
        endpoint(router, .get, "/health") { request, _ in
            _ = try QueryParameters(request, known: [])
            return .json(try JSONOutput.bytes(["status": "ok"], pretty: false))
        }
        endpoint(router, .get, "/metrics") { request, _ in
            _ = try QueryParameters(request, known: [])
            return .text(metrics.exposition.utf8, type: "text/plain; version=0.0.4; charset=utf-8")
        }
        return router
    }

    /// Those that are refused by path where a path does not have them.
    static let methods: [HTTPRequest.Method] = [
        .get, .head, .post, .put, .patch, .delete, .options, .trace, .connect,
    ]

    /// Registers a path, also for the methods that it does not have.
    private func endpoint(
        _ router: Router<ServerContext>, _ method: HTTPRequest.Method, _ path: RouterPath,
        _ answer: @escaping @Sendable (Request, ServerContext) async throws -> Response
    ) {
        router.on(path, method: method, use: answer)
        let allowed: [HTTPRequest.Method] = method == .get ? [.get, .head] : [method]
        for other in Self.methods where !allowed.contains(other) {
            router.on(path, method: other) { _, _ -> Response in
                var error = RequestError(
                    .methodNotAllowed, "this path has \(method.rawValue) alone", code: "method_not_allowed")
                error.allowed = allowed
                throw error
            }
        }
    }

    // MARK: The page

    private static func page(_ request: Request, _ context: ServerContext) -> Response {
        var response = Response.text(PackageResources.page_html, type: "text/html; charset=utf-8")
        response.headers[.contentSecurityPolicy] = pagePolicy
        response.headers[HTTPField.Name("X-Content-Type-Options")!] = "nosniff"
        response.headers[HTTPField.Name("Referrer-Policy")!] = "no-referrer"
        response.headers[.cacheControl] = "no-cache"
        return response
    }

    /// Lets the page run its own script and style and reach this server, and nothing else.
    private static let pagePolicy: String = {
        let page = String(decoding: PackageResources.page_html, as: UTF8.self)
        func source(_ element: String) -> String {
            guard let open = page.range(of: "<\(element)>"),
                let close = page.range(of: "</\(element)>", range: open.upperBound..<page.endIndex)
            else { return "'none'" }
            let digest = SHA256.hash(data: Data(page[open.upperBound..<close.lowerBound].utf8))
            return "'sha256-\(Data(digest).base64EncodedString())'"
        }
        return
            "default-src 'none'; script-src \(source("script")); style-src \(source("style")); connect-src 'self'; "
            + "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    }()
}

/// Ends the services once Ctrl-C or SIGTERM has come.
private struct StopSignal: Service {
    func run() async throws {
        try await cancelWhenGracefulShutdown {
            while !Interrupts.requested { try await Task.sleep(for: .milliseconds(50)) }
        }
    }
}
