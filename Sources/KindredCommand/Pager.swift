import Foundation
import KindredSystem

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Shows text that is longer than the screen by a program that scrolls.
enum Pager {
    /// Shows lines: by the pager where they are more than the screen has, else as they are.
    ///
    /// - Parameter start: the line to begin with, from 0.
    static func show(_ lines: [String], from start: Int) {
        guard Terminal.isTerminal(.standardInput), let rows = Terminal.rows, lines.count >= rows,
            let command = command(from: start)
        else { return CommandOutput.lines(lines) }
        let path = NSTemporaryDirectory() + "/kindred-\(UUID().uuidString).txt"
        // Nobody else may read it.
        guard
            FileManager.default.createFile(
                atPath: path, contents: Data((lines.joined(separator: "\n") + "\n").utf8),
                attributes: [.posixPermissions: 0o600])
        else { return CommandOutput.lines(lines) }
        defer { try? FileManager.default.removeItem(atPath: path) }
        // Ctrl-C is the pager's while it runs.
        signal(SIGINT, SIG_IGN)
        defer { Interrupts.install() }
        let status = try? ChildProcess.runInTerminal("/bin/sh", ["-c", command + " \"$1\"", "sh", path])
        // The shell could not run it.
        if status ?? 127 == 126 || status ?? 127 == 127 { CommandOutput.lines(lines) }
    }

    /// $PAGER, else less where it is installed. less keeps colours and begins at the line.
    private static func command(from start: Int) -> String? {
        let named = ProcessInfo.processInfo.environment["PAGER"]?.trimmingCharacters(in: .whitespaces) ?? ""
        let command = named.isEmpty ? ChildProcess.installed(["less"])?.name : named
        guard let command else { return nil }
        let program = command.split(separator: " ").first.map(String.init) ?? command
        return (program as NSString).lastPathComponent == "less" ? "\(command) -R +\(start + 1)" : command
    }
}
