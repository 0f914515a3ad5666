import Foundation
import HTTPTypes
import Hummingbird
import KindredSystem
import Synchronization

/// What the server counts, as Prometheus reads it (prometheus.io/docs/instrumenting/exposition_formats).
final class ServerMetrics: Sendable {
    private struct Requests {
        var count = 0
        var seconds = 0.0
        /// By upper bound, each with those below it.
        var buckets = [Int](repeating: 0, count: ServerMetrics.bounds.count)
    }

    private struct Key: Hashable, Comparable {
        let route, status: String

        static func < (a: Key, b: Key) -> Bool { (a.route, a.status) < (b.route, b.status) }
    }

    private struct State {
        var requests: [Key: Requests] = [:]
        var inProgress = 0
        var texts = 0
        var tokens = 0
        var packs = 0
        var encodingSeconds = 0.0
    }

    /// Upper bounds of durations, in seconds.
    private static let bounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]
    private let state = Mutex(State())

    func began() { state.withLock { $0.inProgress += 1 } }

    /// - Parameter route: as it was registered, without what a client can choose.
    func ended(route: String, status: Int, in duration: Duration) {
        let seconds = duration / .seconds(1)
        state.withLock { state in
            state.inProgress -= 1
            let key = Key(route: route, status: String(status))
            var requests = state.requests[key] ?? Requests()
            requests.count += 1
            requests.seconds += seconds
            for (index, bound) in Self.bounds.enumerated() where seconds <= bound {
                requests.buckets[index] += 1
            }
            state.requests[key] = requests
        }
    }

    /// Texts were encoded together.
    func encoded(texts: Int, tokens: Int, in duration: Duration) {
        state.withLock { state in
            state.texts += texts
            state.tokens += tokens
            state.packs += 1
            state.encodingSeconds += duration / .seconds(1)
        }
    }

    /// The counters as lines of text.
    var exposition: String {
        let state = state.withLock { $0 }
        var lines: [String] = []
        func family(_ name: String, _ type: String, _ help: String) {
            lines += ["# HELP kindred_\(name) \(help)", "# TYPE kindred_\(name) \(type)"]
        }
        family("request_duration_seconds", "histogram", "Time from a request's first line to its answer.")
        for (key, requests) in state.requests.sorted(by: { $0.key < $1.key }) {
            let labels = "route=\"\(key.route)\",status=\"\(key.status)\""
            for (bound, count) in zip(Self.bounds, requests.buckets) {
                lines.append("kindred_request_duration_seconds_bucket{\(labels),le=\"\(bound)\"} \(count)")
            }
            lines += [
                "kindred_request_duration_seconds_bucket{\(labels),le=\"+Inf\"} \(requests.count)",
                "kindred_request_duration_seconds_sum{\(labels)} \(requests.seconds)",
                "kindred_request_duration_seconds_count{\(labels)} \(requests.count)",
            ]
        }
        let values: [(String, String, String, String)] = [
            ("requests_in_progress", "gauge", "Requests that are being answered.", "\(state.inProgress)"),
            ("encoded_texts_total", "counter", "Texts encoded, queries among them.", "\(state.texts)"),
            ("encoded_tokens_total", "counter", "Tokens encoded.", "\(state.tokens)"),
            (
                "encoded_packs_total", "counter", "Packs of texts that were encoded together.",
                "\(state.packs)"
            ),
            (
                "encoding_seconds_total", "counter", "Time the encoder's threads worked.",
                "\(state.encodingSeconds)"
            ),
        ]
        for (name, type, help, value) in values {
            family(name, type, help)
            lines.append("kindred_\(name) \(value)")
        }
        return lines.joined(separator: "\n") + "\n"
    }
}

/// Counts every request, also those that fail.
struct RequestCounts: RouterMiddleware {
    typealias Context = ServerContext
    let metrics: ServerMetrics

    func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        let started = ContinuousClock.now
        metrics.began()
        // Errors have become answers below.
        let response = try await next(request, context)
        metrics.ended(
            route: context.endpointPath ?? "", status: response.status.code, in: ContinuousClock.now - started
        )
        return response
    }
}
