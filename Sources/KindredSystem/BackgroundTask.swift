import Dispatch
import Synchronization

/// A computation that runs on another thread. A queue of tasks gives their values in order, whichever
/// thread is done first.
package final class BackgroundTask<Value: Sendable>: Sendable {
    private let result = Mutex<Value?>(nil)
    private let done = DispatchSemaphore(value: 0)

    /// Starts the computation.
    package init(_ work: @escaping @Sendable () -> Value) {
        DispatchQueue.global().async {
            let value = work()
            self.result.withLock { $0 = value }
            self.done.signal()
        }
    }

    /// Waits for the value. It is taken once.
    package func take() -> Value {
        done.wait()
        return result.withLock { value in
            defer { value = nil }
            return value!
        }
    }
}
