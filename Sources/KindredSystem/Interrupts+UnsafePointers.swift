import CKindredKernels

extension Interrupts {
    /// A signal that ends the process removes this file before; nil: none.
    static func removeOnExit(_ path: String?) { unsafe kindred_interrupts_remove_on_exit(path) }
}
