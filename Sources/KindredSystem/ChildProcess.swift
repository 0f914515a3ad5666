import SystemPackage

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A program that runs beside this one and whose standard output is read. It is ended and waited for when the value is
/// dropped, so that it never outlives its reader and leaves no zombie.
package final class ChildProcess {
    /// The first of some programs that is installed, by name and path; nil where none is.
    package static func installed(_ names: [String]) -> (name: String, path: String)? {
        let directories = (systemEnvironment("PATH") ?? "/usr/local/bin:/usr/bin:/bin").split(separator: ":")
        for name in names {
            for directory in directories {
                let path = "\(directory)/\(name)"
                if systemMayRun(path) { return (name, path) }
            }
        }
        return nil
    }

    /// Runs a program that takes over the terminal, and waits for its end.
    /// - Returns: its exit status; 128 and the signal's number where a signal ended it.
    /// - Throws: `unavailable` where it cannot be started.
    @discardableResult
    package static func runInTerminal(_ program: String, _ arguments: [String]) throws -> CInt {
        guard let status = systemRun(program, arguments) else {
            throw KindredError.systemCall("start", path: FilePath(program), errno: errno)
        }
        return status
    }

    private let process: pid_t
    private let output: CInt
    private let path: FilePath
    private var status: CInt?

    /// Starts a program with nothing to read, and without its messages.
    /// - Throws: `unavailable` where it cannot be started.
    package init(_ program: String, _ arguments: [String]) throws {
        path = FilePath(program)
        guard let started = systemSpawn(program, arguments) else {
            throw KindredError.systemCall("start", path: path, errno: errno)
        }
        (process, output) = started
    }

    deinit {
        close(output)
        if status == nil {
            kill(process, SIGKILL)
            _ = wait()
        }
    }

    /// The next bytes that the program writes; none at the end.
    package func read(upTo count: Int) throws -> [UInt8] {
        var bytes: [UInt8] = []
        try retryingOnInterrupt("read", path, isInput: true) { systemRead(output, into: &bytes, upTo: count) }
        return bytes
    }

    /// Waits for the program's end.
    /// - Returns: its exit status; 128 and the signal's number where a signal ended it.
    package func wait() -> CInt {
        if let status { return status }
        let result = systemWait(process)
        status = result
        return result
    }
}
