import CKindredKernels
import Dispatch

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The machine's processors.
package enum Processor {
    /// How many threads may run at the same time: the processors that are online.
    package static let count: Int = {
        return max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
    }()

    /// Runs `body` for each of `0..<iterations`, on at most `threads` threads, and waits for all.
    package static func parallel(
        _ iterations: Int, threads: Int = Processor.count, _ body: @Sendable (Int) -> Void
    ) {
        if iterations <= 1 || threads <= 1 {
            for index in 0..<iterations { body(index) }
        } else {
            DispatchQueue.concurrentPerform(iterations: iterations, execute: body)
        }
    }
}
