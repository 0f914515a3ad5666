import Foundation
import HTTPTypes
import NIOCore
import NIOHTTP1
import NIOHTTPTypes

/// Answers what is no HTTP, or has more header lines than are read, with an error as JSON, and closes the connection. Tells
/// a client that waits before it sends its body to send it (RFC 9110, §10.1.1).
final class ConnectionErrors: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias OutboundOut = HTTPResponsePart

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if case .head(let head) = unwrapInboundIn(data),
            head.headerFields[.expect]?.lowercased() == "100-continue"
        {
            context.writeAndFlush(wrapOutboundOut(.head(HTTPResponse(status: .continue))), promise: nil)
        }
        context.fireChannelRead(data)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard let error = error as? HTTPParserError else { return context.fireErrorCaught(error) }
        let answer =
            error == .headerOverflow
            ? RequestError(
                .requestHeaderFieldsTooLarge, "the header lines are too long; send fewer or shorter ones",
                code: "header_too_large", closesConnection: true)
            : RequestError(.badRequest, "this is no HTTP/1.1 request", code: "malformed_request")
        let bytes = answer.json
        let head = HTTPResponse(
            status: answer.status,
            headerFields: [
                .contentType: "application/json", .contentLength: String(bytes.count), .connection: "close",
            ])
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.write(wrapOutboundOut(.body(ByteBuffer(bytes: bytes))), promise: nil)
        let channel = context.channel
        context.writeAndFlush(wrapOutboundOut(.end(nil))).whenComplete { _ in channel.close(promise: nil) }
    }
}
