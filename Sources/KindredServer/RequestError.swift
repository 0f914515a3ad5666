import Foundation
import HTTPTypes
import Hummingbird
import Kindred
import KindredSystem

/// What is wrong with a request, as clients of OpenAI's API expect it:
/// `{"error": {"message", "type", "param", "code"}}` (platform.openai.com/docs/guides/error-codes).
struct RequestError: Error {
    enum Kind: String, Encodable {
        case invalidRequest = "invalid_request_error"
        case authentication = "authentication_error"
        case server = "server_error"
    }

    let status: HTTPResponse.Status
    let kind: Kind
    /// One sentence: what is wrong and what to do.
    let message: String
    /// The parameter that is wrong; nil for none.
    var parameter: String?
    /// For programs: "model_not_found".
    let code: String
    /// Whether the connection is of no use any more: the rest of the request has not been read.
    var closesConnection = false
    /// The methods that the path has, where it does not have the request's.
    var allowed: [HTTPRequest.Method] = []

    init(
        _ status: HTTPResponse.Status, _ message: String, parameter: String? = nil, code: String,
        closesConnection: Bool = false
    ) {
        self.status = status
        kind = status.code >= 500 ? .server : status == .unauthorized ? .authentication : .invalidRequest
        self.message = message
        self.parameter = parameter
        self.code = code
        self.closesConnection = closesConnection
    }

    static func invalid(
        _ message: String, parameter: String? = nil, code: String = "invalid_value"
    ) -> RequestError {
        RequestError(.badRequest, message, parameter: parameter, code: code)
    }

    /// - Parameter parameter: the one that an `invalidRequest` is about.
    init(_ error: KindredError, parameter: String? = nil) {
        let (status, code): (HTTPResponse.Status, String) =
            switch error.code {
            case .invalidRequest: (.badRequest, "invalid_value")
            case .notFound: (.notFound, "not_found")
            case .busy: (.serviceUnavailable, "busy")
            case .invalidData, .incompatible: (.internalServerError, "index_unreadable")
            default: (.internalServerError, "internal_error")
            }
        self.init(status, error.description, parameter: parameter, code: code)
    }

    private struct Body: Encodable {
        struct Details: Encodable {
            let message: String
            let type: Kind
            let param: String?
            let code: String

            enum CodingKeys: CodingKey { case message, type, param, code }

            // A missing parameter is null, not absent.
            func encode(to encoder: any Encoder) throws {
                var container = encoder.container(keyedBy: CodingKeys.self)
                try container.encode(message, forKey: .message)
                try container.encode(type, forKey: .type)
                try container.encode(param, forKey: .param)
                try container.encode(code, forKey: .code)
            }
        }
        let error: Details
    }

    /// The body as JSON.
    var json: Data {
        let body = Body(error: .init(message: message, type: kind, param: parameter, code: code))
        return (try? JSONOutput.bytes(body, pretty: false)) ?? Data()
    }
}

/// Turns every error into JSON, also those of Hummingbird and of libraries.
struct ErrorResponses: RouterMiddleware {
    typealias Context = ServerContext

    func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        do { return try await next(request, context) } catch {
            return Self.response(Self.requestError(error, request), request, context)
        }
    }

    private static func requestError(_ error: any Error, _ request: Request) -> RequestError {
        switch error {
        case let error as RequestError: return error
        case let error as KindredError: return RequestError(error)
        case let error as HTTPError
        where error.status == .notFound && !Server.methods.contains(request.method):
            var refusal = RequestError(
                .methodNotAllowed, "no path has this method", code: "method_not_allowed")
            refusal.allowed = [.get, .head, .post]
            return refusal
        case let error as HTTPError where error.status == .notFound:
            return RequestError(
                .notFound, "there is nothing at this path; /openapi.json lists what there is",
                code: "unknown_path")
        case let error as HTTPError:
            return RequestError(
                error.status, error.body ?? error.status.reasonPhrase, code: "invalid_request")
        default:
            return RequestError(.internalServerError, "\(error)", code: "internal_error")
        }
    }

    private static func response(
        _ error: RequestError, _ request: Request, _ context: Context
    ) -> Response {
        var response = Response.json(error.json, status: error.status)
        switch error.status {
        case .unauthorized: response.headers[.wwwAuthenticate] = "Bearer"
        case .serviceUnavailable, .tooManyRequests: response.headers[.retryAfter] = "1"
        default: break
        }
        if !error.allowed.isEmpty {
            response.headers[.allow] = error.allowed.map(\.rawValue).joined(separator: ", ")
        }
        // An answer to HEAD has no body: the client would take it for the next answer.
        if request.method == .head { response.body = ResponseBody() }
        if error.closesConnection {
            let body = ByteBuffer(bytes: error.json)
            let channel = context.channel
            response.headers[.connection] = "close"
            response.body = ResponseBody(contentLength: body.readableBytes) { writer in
                try await writer.write(body)
                try await writer.finish(nil)
                try? await channel.close()
            }
        }
        return response
    }
}

extension Response {
    static func json(_ bytes: Data, status: HTTPResponse.Status = .ok) -> Response {
        Response(
            status: status, headers: [.contentType: "application/json"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
    }

    static func text(_ bytes: some Sequence<UInt8>, type: String) -> Response {
        Response(
            status: .ok, headers: [.contentType: type],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
    }
}
