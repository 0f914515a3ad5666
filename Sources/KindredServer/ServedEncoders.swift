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
    /// By fingerprint, those of `opened` among them. One that nobody has used for a while closes: a reindexed index's former
    /// encoder goes with it.
    private let queues = Mutex<[Fingerprint: (queue: EncodingQueue, used: ContinuousClock.Instant)]>([:])
    private let shared: OpenEncoders
    private let limits: ServerSettings.Limits
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
        limits = settings.limits
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
            let now = ContinuousClock.now
            queues = queues.filter { now - $0.value.used < limits.queueTime }
            let queue =
                queues[encoder.fingerprint]?.queue
                ?? EncodingQueue(encoder, limit: limits.waitingTexts, metrics: metrics)
            queues[encoder.fingerprint] = (queue, now)
            return queue
        }
    }
}
