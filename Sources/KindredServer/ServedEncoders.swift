import Kindred
import KindredEncoder
import KindredSystem
import Synchronization
import SystemPackage

/// The encoders that clients may name, each with its queue.
///
/// The embedded one is called "embedded", every other one by the last part of its directory's path.
final class ServedEncoders: Sendable {
    private struct Named {
        let name: String
        let open: @Sendable () throws -> TextEncoder
    }

    private let named: [Named]
    private let opened = Mutex<[String: EncodingQueue]>([:])
    /// By fingerprint, those of `opened` among them. One stays open for as long as the server runs.
    private let queues = Mutex<[Fingerprint: EncodingQueue]>([:])
    private let shared: OpenEncoders
    private let limit: Int
    private let metrics: ServerMetrics

    /// - Throws: `invalidRequest` for two encoders of one name; `notFound` for a directory that is not there.
    init(_ settings: ServerSettings, shared: OpenEncoders, metrics: ServerMetrics) throws {
        var named = [
            Named(name: "embedded") { try TextEncoder(directory: Resources.embeddedModel()) }
        ]
        for directory in settings.encoders {
            guard let name = directory.lastComponent?.string, !named.contains(where: { $0.name == name })
            else {
                throw KindredError(
                    .invalidRequest, "there are two encoders of this name; give one directory another name",
                    at: .init(path: directory.string))
            }
            guard FileKind(directory.string) != .missing else {
                throw KindredError(.notFound, "is not there", at: .init(path: directory.string))
            }
            named.append(Named(name: name) { try TextEncoder(directory: directory) })
        }
        self.named = named
        self.shared = shared
        self.limit = settings.limits.waitingTexts
        self.metrics = metrics
    }

    var names: [String] { named.map(\.name) }

    /// The queue of an encoder that a client names; it is opened when it is first named.
    /// - Throws: `RequestError` for a name that is not known.
    func queue(named name: String) throws -> EncodingQueue {
        guard let found = named.first(where: { $0.name == name }) else {
            throw RequestError(
                .notFound,
                "there is no model \"\(name.prefix(100))\"; there are: \(names.joined(separator: ", "))",
                parameter: "model", code: "model_not_found")
        }
        // A second request for a model that is being opened waits here.
        return try opened.withLock { opened in
            if let queue = opened[name] { return queue }
            let encoder = try found.open()
            let queue = self.queue(of: shared.encoder(encoder.fingerprint) { encoder })
            opened[name] = queue
            return queue
        }
    }

    /// The queue of an open encoder.
    func queue(of encoder: TextEncoder) -> EncodingQueue {
        queues.withLock { queues in
            if let queue = queues[encoder.fingerprint] { return queue }
            let queue = EncodingQueue(encoder, limit: limit, metrics: metrics)
            queues[encoder.fingerprint] = queue
            return queue
        }
    }
}
