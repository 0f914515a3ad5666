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
        } else if settings.isLoopback {
            guard let host = request.head.authority else {
                throw RequestError.invalid("the header 'Host' is missing", code: "missing_host")
            }
            // A page of another site may have let its name point here (DNS rebinding).
            guard Self.isThisMachine(host) || Self.name(of: host) == settings.host else {
                throw RequestError(
                    .misdirectedRequest,
                    "the request is for \"\(host.prefix(100))\", and this server answers for localhost alone",
                    code: "unknown_host")
            }
        }
        return try await next(request, context)
    }

    /// Whether an authority, with or without a port, is this machine.
    static func isThisMachine(_ authority: String) -> Bool {
        name(of: authority).map(ServerSettings.isLoopback) ?? false
    }

    /// The host of an authority, without port and brackets (RFC 3986, §3.2); nil for what is none.
    private static func name(of authority: String) -> String? {
        let match = authority.lowercased().wholeMatch(
            of: /(?:\[([0-9a-f:.]+)\]|([^\[\]:@\/]+))(?::[0-9]{1,5})?/)
        return match.flatMap { ($0.1 ?? $0.2).map(String.init) }
    }

    /// Compares in a time that does not tell where two texts differ.
    private static func isSame(_ a: String, _ b: String) -> Bool {
        let (a, b) = (Array(a.utf8), Array(b.utf8))
        guard a.count == b.count else { return false }
        return zip(a, b).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
    }
}
