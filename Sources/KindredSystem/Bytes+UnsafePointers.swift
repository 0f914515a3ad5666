extension [UInt8] {
    /// Lends the bytes.
    package func withBytes<Result>(_ body: (RawSpan) throws -> Result) rethrows -> Result {
        try unsafe body(span.bytes)
    }
}

extension ArraySlice<UInt8> {
    /// Lends the bytes.
    package func withBytes<Result>(_ body: (RawSpan) throws -> Result) rethrows -> Result {
        try unsafe body(span.bytes)
    }
}
