import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Moments at which a test can have this process killed, to see what a crash just there leaves behind
/// (`Tools/reliability/kill_loop.py`): `KINDRED_KILL_AT=POINT:N` names the N-th time that a point is passed. Without it a
/// pass is one look at a constant.
package enum KillPoint: String, Sendable {
    /// A part of a file is written.
    case fileBegun = "file-begun"
    /// All of a file is written, and not synced.
    case fileWritten = "file-written"
    /// A file is synced, and has its temporary name.
    case fileSynced = "file-synced"
    /// A file has its name, and its directory is not synced.
    case fileRenamed = "file-renamed"
    /// A file is durable under its name.
    case fileDurable = "file-durable"
    case beforeTransaction = "before-transaction"
    /// Everything is said, and not committed.
    case inTransaction = "in-transaction"
    case afterTransaction = "after-transaction"
    /// Segments are replaced by others, and their files still there.
    case segmentsReplaced = "segments-replaced"

    private static let target: (name: String, count: Int)? = {
        guard let value = systemEnvironment("KINDRED_KILL_AT") else { return nil }
        let parts = value.split(separator: ":")
        guard parts.count == 2, let count = Int(parts[1]) else { return nil }
        return (String(parts[0]), count)
    }()
    private static let passes = Atomic(0)

    package func pass() {
        guard let target = Self.target, target.name == rawValue else { return }
        if Self.passes.add(1, ordering: .relaxed).newValue == target.count { kill(getpid(), SIGKILL) }
    }
}
