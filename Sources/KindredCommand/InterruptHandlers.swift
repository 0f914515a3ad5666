import CKindredKernels
import KindredSystem

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

extension Interrupts {
    /// From now on SIGINT and SIGTERM end the process with exit code 130 and leave no temporary file, and writing to a
    /// closed pipe is an error.
    static func install() { kindred_interrupts_install() }

    /// Whether SIGTERM has come: the request came from outside, not from a person at the prompt.
    static var isTerminated: Bool { kindred_interrupts_requested() == SIGTERM }

    /// Forgets a signal that a prompt has dealt with.
    static func clear() { kindred_interrupts_clear() }
}
