import Synchronization

/// An array that several threads fill, each element once.
final class SharedArray<Element: Sendable>: Sendable {
    private let stored: Mutex<[Element]>

    init(repeating value: Element, count: Int) { stored = Mutex(Array(repeating: value, count: count)) }

    func set(_ index: Int, _ value: Element) { stored.withLock { $0[index] = value } }

    var values: [Element] { stored.withLock { $0 } }
}
