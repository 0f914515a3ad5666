import SystemPackage

/// What went wrong, where, and what to do about it.
///
/// All layers throw this type, so the command line can turn any failure into one line and a stable exit code
/// without knowing which layer it came from. The shape is that of
/// swift-nio's `FileSystemError`: a code to branch on, a message that says how to remedy, the place, the cause.
public struct KindredError: Error, CustomStringConvertible, Sendable {
    /// The kind of failure. The command's exit code follows from it (BSD `sysexits`).
    ///
    /// Later versions may have more: a `switch` over codes needs a `default`.
    public struct Code: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
        public let rawValue: String

        public init(rawValue: String) { self.rawValue = rawValue }

        public var description: String { rawValue }

        /// The request is invalid: an empty query, an unknown mode. Exit code 64.
        public static let invalidRequest = Code(rawValue: "invalidRequest")
        /// A file exists but its content is invalid. Exit code 65.
        public static let invalidData = Code(rawValue: "invalidData")
        /// A file written by a newer version of Kindred, or for another encoder. Exit code 65.
        public static let incompatible = Code(rawValue: "incompatible")
        /// An input that was named does not exist. Exit code 66.
        public static let notFound = Code(rawValue: "notFound")
        /// Something this machine or this build lacks. Exit code 69.
        public static let unavailable = Code(rawValue: "unavailable")
        /// An output file cannot be made. Exit code 73.
        public static let cannotCreate = Code(rawValue: "cannotCreate")
        /// Reading or writing failed: a full disk, a broken device. Exit code 74.
        public static let inputOutput = Code(rawValue: "inputOutput")
        /// Another process holds the lock. Exit code 75.
        public static let busy = Code(rawValue: "busy")
        /// A signal asked the process to stop. Exit code 130.
        public static let interrupted = Code(rawValue: "interrupted")
    }

    /// A call of the operating system that failed: the cause of an error whose message says so in words.
    public struct SystemCallError: Error, Hashable, Sendable {
        /// What it was to do: "open", "read", "rename".
        public var action: String
        public var errno: Errno

        public init(_ action: String, _ errno: Errno) {
            self.action = action
            self.errno = errno
        }
    }

    /// Where in an input the failure lies; each part that is known.
    public struct Location: Hashable, Sendable, CustomStringConvertible {
        /// The file's path, or "standard input".
        public var path: String
        /// Offset in bytes from the start of the file; where the content of a compressed file is wrong and not its
        /// compression, from the start of what it unpacks to.
        public var byte: Int?
        /// Line, counted from 1.
        public var line: Int?

        /// Creates a location from its known parts.
        public init(path: String, byte: Int? = nil, line: Int? = nil) {
            self.path = path
            self.byte = byte
            self.line = line
        }

        /// Path, line and byte: "dump.xml, line 7, byte 120".
        public var description: String {
            var text = path
            if let line { text += ", line \(line)" }
            if let byte { text += ", byte \(byte)" }
            return text
        }
    }

    /// The kind of failure.
    public var code: Code
    /// One sentence or two, without a newline: what is wrong and what to do.
    public var message: String
    /// The place in a file; nil if there is none.
    public var location: Location?
    /// The failure below this one, where there is one.
    public var cause: (any Error)?

    /// Creates an error; `message` says what is wrong and what to do.
    public init(_ code: Code, _ message: String, at location: Location? = nil, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.location = location
        self.cause = cause
    }

    /// The place, the message and the cause in one line, also where a path or the cause has line breaks. The message has
    /// said already what a `SystemCallError` says.
    public var description: String {
        var text = location.map { "\($0): " } ?? ""
        text += message
        if let cause, !(cause is SystemCallError) { text += " (\(cause))" }
        return text.split(whereSeparator: \.isNewline).joined(separator: " ")
    }
}
