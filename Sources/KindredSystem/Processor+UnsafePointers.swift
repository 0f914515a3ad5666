import CKindredKernels

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

extension Processor {
    /// Whether a level of instructions is one of `kindred_features.h`.
    static func isKnown(_ level: String) -> Bool {
        var isKnown: Int32 = 0
        _ = unsafe kindred_features_of_level(level, &isKnown)
        return isKnown != 0
    }

    /// The most bytes of memory that this process has held so far.
    package static var peakMemory: Int {
        var usage = rusage()
        #if canImport(Darwin)
            unsafe getrusage(RUSAGE_SELF, &usage)
            return usage.ru_maxrss
        #else
            unsafe getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
            return usage.ru_maxrss * 1024
        #endif
    }
}
