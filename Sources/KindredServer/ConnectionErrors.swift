import Foundation
import HTTPTypes
import NIOCore
import NIOHTTP1
import NIOHTTPTypes

/// Closes connections that send no request in time, and answers what is no HTTP, or has more header lines than are read,
/// with an error as JSON. Tells a client that waits before it sends its body to send it (RFC 9110, §10.1.1).
final class ConnectionErrors: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPRequestPart
    typealias OutboundIn = HTTPResponsePart
    typealias OutboundOut = HTTPResponsePart

    private let headTime: TimeAmount
    private let idleTime: TimeAmount
    /// Closes the connection; cancelled when a request begins.
    private var deadline: Scheduled<Void>?

    /// - Parameters:
    ///   - headTime: how long the lines before the first body may take, from the connection's start.
    ///   - idleTime: how long those of a further request may take, from the end of the answer before.
    init(headTime: TimeAmount, idleTime: TimeAmount) {
        self.headTime = headTime
        self.idleTime = idleTime
    }

    func handlerAdded(context: ChannelHandlerContext) {
        let pipeline = context.pipeline.syncOperations
        if let decoder = try? pipeline.handler(type: ByteToMessageHandler<HTTPRequestDecoder>.self) {
            try? pipeline.addHandler(RequestLines(), position: .after(decoder))
        }
        if context.channel.isActive { close(context, in: headTime) }
    }

    func channelActive(context: ChannelHandlerContext) {
        close(context, in: headTime)
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        deadline?.cancel()
        context.fireChannelInactive()
    }

    private func close(_ context: ChannelHandlerContext, in time: TimeAmount) {
        deadline?.cancel()
        let channel = context.channel
        deadline = context.eventLoop.scheduleTask(in: time) { channel.close(promise: nil) }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if case .head(let head) = unwrapInboundIn(data) {
            deadline?.cancel()
            if head.headerFields[.expect]?.lowercased() == "100-continue" {
                context.writeAndFlush(
                    wrapOutboundOut(.head(HTTPResponse(status: .continue))), promise: nil)
            }
        }
        context.fireChannelRead(data)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if case .end = unwrapOutboundIn(data) { close(context, in: idleTime) }
        context.write(data, promise: promise)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        let answer: RequestError
        switch error {
        case HTTPParserError.headerOverflow:
            answer = RequestError(
                .requestHeaderFieldsTooLarge, "the header lines are too long; send fewer or shorter ones",
                code: "header_too_large", closesConnection: true)
        case is HTTPParserError:
            answer = RequestError(.badRequest, "this is no HTTP/1.1 request", code: "malformed_request")
        case is SeveralHosts:
            answer = RequestError(
                .badRequest, "the request has several lines 'Host'; send one", code: "malformed_request")
        default: return context.fireErrorCaught(error)
        }
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

/// A request with more than one line `Host`.
private struct SeveralHosts: Error {}

/// Sees to what the types above HTTP/1 no longer tell: the version, and lines of the same name.
private final class RequestLines: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart

    private var isRefused = false

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isRefused else { return }
        guard case .head(var head) = unwrapInboundIn(data) else { return context.fireChannelRead(data) }
        // Two programs in a row could each take another one for the host (RFC 9112, §3.2).
        guard head.headers["Host"].count <= 1 else {
            isRefused = true
            return context.fireErrorCaught(SeveralHosts())
        }
        // A client of HTTP/1.0 takes the end of the connection for the end of the answer (RFC 9112, §9.3).
        if (head.version.major, head.version.minor) < (1, 1) {
            head.headers.replaceOrAdd(name: "Connection", value: "close")
        }
        context.fireChannelRead(wrapInboundOut(.head(head)))
    }
}
