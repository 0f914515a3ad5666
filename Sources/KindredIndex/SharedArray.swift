import Foundation

/// An array that several threads fill, each element once.
///
/// The lock is Foundation's, which the thread sanitizer knows; it takes what a `Mutex` guards for a race.
final class SharedArray<Element: Sendable>: @unchecked Sendable {
    private let lock = NSLock()
    private var stored: [Element]

    init(repeating value: Element, count: Int) { stored = Array(repeating: value, count: count) }

    func set(_ index: Int, _ value: Element) { lock.withLock { stored[index] = value } }

    var values: [Element] { lock.withLock { stored } }
}
