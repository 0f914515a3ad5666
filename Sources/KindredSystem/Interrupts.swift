import CKindredKernels

/// Ctrl-C and SIGTERM as a flag: work looks at it where it can stop cleanly. A second signal ends the process.
package enum Interrupts {
    /// From now on the first SIGINT or SIGTERM only sets the flag, and writing to a closed pipe is an error.
    package static func install() { kindred_interrupts_install() }

    /// Whether a signal has come.
    package static var requested: Bool { kindred_interrupts_requested() != 0 }

    /// Forgets a signal that a prompt has dealt with.
    package static func clear() { kindred_interrupts_clear() }
}
