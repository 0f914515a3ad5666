import Foundation
import Hummingbird
import Kindred
import KindredEncoder
import KindredSystem
import KindredTensors
import NIOCore
import NIOPosix

/// `POST /v1/embeddings` and `GET /v1/models`.
struct EmbeddingsRoutes: Sendable {
    let encoders: ServedEncoders
    let workers: NIOThreadPool
    let limits: ServerSettings.Limits

    func embeddings(_ request: Request, _ context: ServerContext) async throws -> Response {
        let body = try await RequestBodies.collect(request, limits)
        let (asked, queue, inputs) = try await workers.runIfActive {
            let asked = try EmbeddingsRequest(body, limits: limits) {
                try encoders.queue(named: $0).encoder.dimensions
            }
            let queue = try encoders.queue(named: asked.model)
            let prompts = queue.encoder.configuration.prompts
            let instruction =
                switch asked.inputType {
                case .query: prompts.query
                case .document: prompts.document
                case nil: prompts.standard
                }
            return (asked, queue, asked.texts.map { queue.encoder.input(for: $0, instruction: instruction) })
        }
        let vectors = try await queue.encode(inputs)
        let tokens = inputs.reduce(0) { $0 + $1.tokens.count }
        return .json(Self.json(vectors, asked, tokens: tokens))
    }

    /// Written by hand: a vector's numbers pass through no generic coder.
    private static func json(_ vectors: Matrix, _ asked: EmbeddingsRequest, tokens: Int) -> Data {
        var text = "{\"object\":\"list\",\"data\":["
        for row in 0..<vectors.rows {
            if row > 0 { text += "," }
            text += "{\"object\":\"embedding\",\"index\":\(row),\"embedding\":"
            let vector = vectors.row(row)
            switch asked.format {
            case .float:
                text += "["
                for (column, value) in vector.enumerated() {
                    if column > 0 { text += "," }
                    text += "\(value)"
                }
                text += "]"
            case .base64:
                text +=
                    "\"" + Data(littleEndian(vector.map(\.bitPattern))).base64EncodedString()
                    + "\""
            }
            text += "}"
        }
        let model = (try? JSONOutput.bytes(asked.model, pretty: false)) ?? Data()
        text += "],\"model\":" + String(decoding: model, as: UTF8.self)
        text += ",\"usage\":{\"prompt_tokens\":\(tokens),\"total_tokens\":\(tokens)}}"
        return Data(text.utf8)
    }

    private struct Model: Encodable {
        let id: String
        let object = "model"
        let created = 0
        let ownedBy = "kindred"
    }

    private struct Models: Encodable {
        let object = "list"
        let data: [Model]
    }

    func models(_ request: Request, _ context: ServerContext) throws -> Response {
        _ = try QueryParameters(request, known: [])
        return .json(
            try JSONOutput.bytes(Models(data: encoders.names.map { Model(id: $0) }), pretty: false))
    }

    func model(_ request: Request, _ context: ServerContext) throws -> Response {
        _ = try QueryParameters(request, known: [])
        let name = context.parameters.get("model").flatMap { QueryParameters.decoded(Substring($0)) } ?? ""
        guard encoders.names.contains(name) else {
            throw RequestError(
                .notFound, "there is no model \"\(name.prefix(100))\"", parameter: "model",
                code: "model_not_found")
        }
        return .json(try JSONOutput.bytes(Model(id: name), pretty: false))
    }
}

/// Reads bodies within limits.
enum RequestBodies {
    /// Bytes of a body that is too large that are read to the end: 1 GiB.
    private static let mostDropped = 1 << 30

    /// - Throws: `RequestError` for a body that is too large or takes too long.
    static func collect(_ request: Request, _ limits: ServerSettings.Limits) async throws -> Data {
        let length = request.headers[.contentLength].flatMap(Int.init)
        // A body of known length is read on and dropped, so that a client that sends before it reads gets the answer.
        let isEndless = length.map { $0 > mostDropped } ?? true
        let tooLarge = RequestError(
            .contentTooLarge,
            "the body may have \(limits.bodyBytes) bytes; send the texts in several requests",
            code: "body_too_large", closesConnection: isEndless)
        if let length, length > limits.bodyBytes { throw tooLarge }
        let body = request.body
        return try await withThrowingTaskGroup(of: Data.self) { group in
            group.addTask {
                do {
                    return Data(buffer: try await body.collect(upTo: limits.bodyBytes))
                } catch is NIOTooManyBytesError {
                    throw tooLarge
                }
            }
            group.addTask {
                try await Task.sleep(for: limits.bodyTime)
                throw RequestError(
                    .requestTimeout, "the body did not arrive within \(limits.bodyTime)",
                    code: "request_timeout", closesConnection: true)
            }
            defer { group.cancelAll() }
            return try await group.next()!
        }
    }
}
