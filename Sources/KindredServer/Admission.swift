import Hummingbird
import KindredSystem

/// Who may ask: with a token, who has it; without one, programs and pages of this machine alone.
struct Admission: RouterMiddleware {
    typealias Context = ServerContext
    let settings: ServerSettings
    /// Paths that tell nothing of the indexes.
    private static let open: Set<String> = ["/", "/health", "/openapi.json"]

    func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        if let token = settings.token {
            if !Self.open.contains(request.uri.path) {
                guard let sent = request.headers[.authorization], Self.isSame(sent, "Bearer \(token)") else {
                    throw RequestError(
                        .unauthorized,
                        "this server asks for a token: send the header 'Authorization: Bearer TOKEN'",
                        code: "invalid_api_key")
                }
            }
        } else if settings.isLoopback, let host = request.head.authority, !isThisMachine(host) {
            // A page of another site may have let its name point here (DNS rebinding).
            throw RequestError(
                .misdirectedRequest,
                "the request is for \"\(host.prefix(100))\", and this server answers for localhost alone",
                code: "unknown_host")
        }
        return try await next(request, context)
    }

    private func isThisMachine(_ authority: String) -> Bool {
        var name = Substring(authority.lowercased())
        if name.hasPrefix("[") {
            name = name.dropFirst().prefix { $0 != "]" }
        } else {
            name = name.prefix { $0 != ":" }
        }
        return name == "localhost" || name == "::1" || name.hasPrefix("127.") || name == settings.host
    }

    /// Compares in a time that does not tell where two texts differ.
    private static func isSame(_ a: String, _ b: String) -> Bool {
        let (a, b) = (Array(a.utf8), Array(b.utf8))
        guard a.count == b.count else { return false }
        return zip(a, b).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
    }
}
