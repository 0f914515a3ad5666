import Dispatch
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The machine's processors.
package enum Processor {
    /// The processors that are online.
    package static let online: Int = max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))

    /// 0 for no limit.
    private static let limit = Atomic(0)

    /// How many threads may run at the same time: the processors that are online, or fewer by `limitThreads`.
    package static var count: Int {
        let limit = limit.load(ordering: .relaxed)
        return limit > 0 ? min(limit, online) : online
    }

    /// Limits the threads that all work of this process runs on.
    package static func limitThreads(to count: Int) { limit.store(count, ordering: .relaxed) }

    /// Bytes of memory that the machine has.
    package static let memory: Int = {
        let pages = sysconf(Int32(_SC_PHYS_PAGES))
        return max(1 << 30, pages * sysconf(Int32(_SC_PAGESIZE)))
    }()

    /// Refuses a level of instructions that is not known (`kindred_features.h`): kernels would run without the limit that
    /// was asked for.
    package static func checkLevel(
        _ level: String? = systemEnvironment("KINDRED_CPU")
    ) throws(KindredError) {
        guard let level else { return }
        guard !isKnown(level) else { return }
        throw KindredError(
            .invalidRequest,
            "KINDRED_CPU=\(level) names no level of instructions: set portable, avx2 or avx-vnni, or unset it"
        )
    }

    /// Checks that some files can be opened: where none can, Dispatch traps when it starts its threads.
    /// - Throws: `unavailable`.
    package static func checkDescriptors() throws {
        var opened: [CInt] = []
        defer { for descriptor in opened { close(descriptor) } }
        for _ in 0..<16 {
            opened.append(
                CInt(
                    try retryingOnInterrupt("start", "kindred") {
                        Int(systemOpen("/dev/null", O_RDONLY | O_CLOEXEC))
                    }))
        }
    }

    /// Runs `body` for each of `0..<iterations`, on at most `threads` threads, and waits for all.
    package static func parallel(
        _ iterations: Int, threads: Int = Processor.count, _ body: @Sendable (Int) -> Void
    ) {
        if iterations <= 1 || threads <= 1 {
            for index in 0..<iterations { body(index) }
            return
        }
        // Dispatch would take as many threads as there are processors, so each of ours takes one iteration after the other.
        let next = Atomic(0)
        DispatchQueue.concurrentPerform(iterations: min(iterations, threads)) { _ in
            while true {
                let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
                guard index < iterations else { return }
                body(index)
            }
        }
    }

    /// What `transform` gives for each of `0..<count`, in order; as `parallel`.
    package static func map<Value: Sendable>(
        _ count: Int, threads: Int = Processor.count, _ transform: @Sendable (Int) -> Value
    ) -> [Value] {
        let values = Mutex([Value?](repeating: nil, count: count))
        parallel(count, threads: threads) { index in
            let value = transform(index)
            values.withLock { $0[index] = value }
        }
        return values.withLock { $0.map { $0! } }
    }

    /// Runs `body` for pieces of a range whose elements do not touch each other's: large ones, so that little is spent on
    /// handing them out.
    package static func parallel(
        pieces range: Range<Int>, threads: Int = Processor.count, _ body: @Sendable (Range<Int>) -> Void
    ) {
        let size = 1 << 18
        parallel((range.count + size - 1) / size, threads: threads) { piece in
            let start = range.lowerBound + piece * size
            body(start..<min(start + size, range.upperBound))
        }
    }

    /// As `parallel` for a body that may fail: the error of the lowest iteration that failed is thrown when all have ended.
    package static func parallelThrowing(
        _ iterations: Int, threads: Int = Processor.count, _ body: @Sendable (Int) throws -> Void
    ) throws {
        let failures = Failures()
        parallel(iterations, threads: threads) { index in
            guard !failures.hasAny else { return }
            do { try body(index) } catch { failures.note(index, error) }
        }
        if let error = failures.first { throw error }
    }

    private final class Failures: Sendable {
        private let lowest = Mutex<(index: Int, error: any Error)?>(nil)

        var hasAny: Bool { lowest.withLock { $0 != nil } }
        var first: (any Error)? { lowest.withLock { $0?.error } }

        func note(_ index: Int, _ error: any Error) {
            lowest.withLock { if $0 == nil || index < $0!.index { $0 = (index, error) } }
        }
    }
}
