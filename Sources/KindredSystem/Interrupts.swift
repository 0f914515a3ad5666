import CKindredKernels

/// Ctrl-C (SIGINT) and SIGTERM. They end the process, unless work that can stop cleanly holds them: then the first one is
/// a flag that the work looks at, and the second ends the process.
package enum Interrupts {
    /// From now on the first signal only sets the flag.
    package static func hold() { _ = kindred_interrupts_hold(1) }

    /// Runs work that may end anywhere and is repeated then, because nothing depends on it before it is through: a
    /// signal ends the process there.
    /// - Throws: `interrupted` where a signal has come before.
    package static func released<Result>(_ body: () throws -> Result) throws -> Result {
        let before = kindred_interrupts_hold(0)
        defer { _ = kindred_interrupts_hold(before) }
        guard before == 0 || !requested else { throw KindredError(.interrupted, "stopped") }
        return try body()
    }

    /// Whether a signal has come.
    package static var requested: Bool { kindred_interrupts_requested() != 0 }

    /// - Throws: `interrupted` once a signal has come.
    package static func check() throws {
        if requested { throw KindredError(.interrupted, "stopped") }
    }
}
