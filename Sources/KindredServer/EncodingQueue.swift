import Foundation
import KindredEncoder
import KindredSystem
import KindredTensors
import Synchronization

/// Encodes the texts of many requests together: a thread for each processor takes what waits, a pack at a time.
///
/// A pack takes a text of each request in turn, so a short request does not wait for a long one to end. While no more
/// texts wait than there are threads, each thread takes one: a text is not held back in the hope of company.
final class EncodingQueue: Sendable {
    let encoder: TextEncoder
    private let shared: Shared
    private let limit: Int
    private let metrics: ServerMetrics

    /// - Parameter limit: texts that may wait.
    init(_ encoder: TextEncoder, threads: Int = Processor.count, limit: Int, metrics: ServerMetrics) {
        self.encoder = encoder
        self.limit = limit
        self.metrics = metrics
        shared = Shared()
        for _ in 0..<threads {
            let (encoder, shared) = (encoder, shared)
            let thread = Thread {
                while let pack = shared.next(threads: threads) { pack.encode(with: encoder, metrics) }
            }
            thread.name = "encoder"
            thread.stackSize = 8 << 20
            thread.start()
        }
    }

    deinit { shared.stop() }

    /// The unit vectors of texts, a row each, in order.
    /// - Throws: `RequestError` where too much waits already; `invalidData` where the weights give no finite vector.
    func encode(_ inputs: [EncoderInput]) async throws -> Matrix {
        guard !inputs.isEmpty else { return Matrix(rows: 0, columns: encoder.dimensions) }
        return try await withCheckedThrowingContinuation { continuation in
            let batch = Batch(inputs, dimensions: encoder.dimensions, continuation)
            guard shared.add(batch, limit: limit) else {
                continuation.resume(
                    throwing: RequestError(
                        .serviceUnavailable, "too many texts wait for the encoder; ask again in a second",
                        code: "overloaded"))
                return
            }
        }
    }

    /// The texts of one request.
    private final class Batch: Sendable {
        let inputs: [EncoderInput]
        private let vectors: Matrix
        private let state: Mutex<(left: Int, isDamaged: Bool)>
        private let continuation: CheckedContinuation<Matrix, any Error>

        init(
            _ inputs: [EncoderInput], dimensions: Int, _ continuation: CheckedContinuation<Matrix, any Error>
        ) {
            self.inputs = inputs
            vectors = Matrix(rows: inputs.count, columns: dimensions)
            state = Mutex((inputs.count, false))
            self.continuation = continuation
        }

        /// Takes the vector of a text. The last one ends the wait.
        func take(_ row: Int, of found: Matrix, at index: Int) {
            let columns = found.columns
            vectors.elements.copy(
                found.elements, from: row * columns..<(row + 1) * columns, at: index * columns)
            let (left, isDamaged) = state.withLock { state in
                state.left -= 1
                if !found[row, 0].isFinite { state.isDamaged = true }
                return state
            }
            guard left == 0 else { return }
            guard !isDamaged else {
                return continuation.resume(
                    throwing: KindredError(
                        .invalidData, "the model gives no finite vector for a text; its weights are damaged"))
            }
            continuation.resume(returning: vectors)
        }
    }

    /// Texts that one thread encodes together.
    private struct Pack {
        var texts: [(batch: Batch, index: Int)] = []

        func encode(with encoder: TextEncoder, _ metrics: ServerMetrics) {
            let inputs = texts.map { $0.batch.inputs[$0.index] }
            let started = ContinuousClock.now
            let vectors = encoder.encode(inputs: inputs, threads: 1)
            metrics.encoded(
                texts: inputs.count, tokens: inputs.reduce(0) { $0 + $1.tokens.count },
                in: ContinuousClock.now - started)
            for (row, text) in texts.enumerated() { text.batch.take(row, of: vectors, at: text.index) }
        }
    }

    /// What waits, guarded by a condition.
    private final class Shared: @unchecked Sendable {
        private let condition = NSCondition()
        private var waiting: [(batch: Batch, next: Int)] = []
        private var count = 0
        private var isStopped = false

        /// False where there is no room.
        func add(_ batch: Batch, limit: Int) -> Bool {
            condition.lock()
            defer { condition.unlock() }
            // One request may be larger than the limit if nothing else waits.
            guard count == 0 || count + batch.inputs.count <= limit else { return false }
            waiting.append((batch, 0))
            count += batch.inputs.count
            if batch.inputs.count == 1 { condition.signal() } else { condition.broadcast() }
            return true
        }

        func stop() {
            condition.lock()
            defer { condition.unlock() }
            isStopped = true
            condition.broadcast()
        }

        /// The next pack, once something waits; nil once the queue has gone.
        func next(threads: Int) -> Pack? {
            condition.lock()
            defer { condition.unlock() }
            while count == 0 {
                if isStopped { return nil }
                condition.wait()
            }
            // The other threads get their share.
            let share = (count + threads - 1) / threads
            var pack = Pack()
            var room = TextEncoder.tokensPerPack
            while let (batch, next) = waiting.first, pack.texts.count < share {
                let tokens = batch.inputs[next].tokens.count
                guard pack.texts.isEmpty || tokens <= room else { break }
                waiting.removeFirst()
                pack.texts.append((batch, next))
                room -= tokens
                count -= 1
                if next + 1 < batch.inputs.count { waiting.append((batch, next + 1)) }
            }
            return pack
        }
    }
}
