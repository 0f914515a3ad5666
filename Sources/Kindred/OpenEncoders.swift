import KindredEncoder
import KindredSystem
import Synchronization

/// Encoders that are open, so that indexes written by the same encoder share it.
package final class OpenEncoders: Sendable {
    private struct Reference {
        weak var encoder: TextEncoder?
    }

    private let references = Mutex<[Fingerprint: Reference]>([:])

    package init() {}

    /// The open encoder of a fingerprint, or the one that `open` gives. It is closed when nothing uses it any more.
    package func encoder(_ fingerprint: Fingerprint, open: () throws -> TextEncoder) rethrows -> TextEncoder {
        try references.withLock { references in
            if let encoder = references[fingerprint]?.encoder { return encoder }
            let encoder = try open()
            references = references.filter { $0.value.encoder != nil }
            references[fingerprint] = Reference(encoder: encoder)
            return encoder
        }
    }
}
