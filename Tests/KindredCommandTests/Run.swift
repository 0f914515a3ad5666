import Foundation
import SystemPackage
import Testing

/// What a run of the built command gave.
struct Run {
    let code: Int32
    let output: String
    let error: String

    /// - Parameters:
    ///   - onTerminal: run on a pseudo-terminal, by util-linux's script; `error` is then part of `output`.
    ///   - redirecting: what a shell is to do with the output.
    init(
        _ arguments: [String], input: String? = nil, indexes: FilePath, onTerminal: Bool = false,
        redirecting: String? = nil
    ) throws {
        let process = Process()
        // The command is built beside the tests.
        let tests = try #require(CommandLine.arguments.first { $0.hasSuffix(".xctest") })
        process.executableURL = URL(fileURLWithPath: tests).deletingLastPathComponent()
            .appendingPathComponent("kindred")
        process.arguments = arguments
        if onTerminal {
            let command = ([process.executableURL!.path] + arguments).joined(separator: " ")
            process.executableURL = URL(fileURLWithPath: "/usr/bin/script")
            process.arguments = ["-qec", command, "/dev/null"]
        }
        if let redirecting {
            let command = ([process.executableURL!.path] + arguments).joined(separator: " ")
            process.executableURL = URL(fileURLWithPath: "/bin/bash")
            // Of a pipe the command's own exit code.
            process.arguments = ["-c", "\(command) \(redirecting); exit ${PIPESTATUS[0]}"]
        }
        process.environment = ProcessInfo.processInfo.environment.merging(
            ["KINDRED_INDEXES": indexes.string, "KINDRED_HISTORY": "", "NO_COLOR": "1"]) { $1 }
        let (stdin, stdout, stderr) = (Pipe(), Pipe(), Pipe())
        process.standardInput = stdin
        process.standardOutput = stdout
        process.standardError = stderr
        try process.run()
        if let input { try stdin.fileHandleForWriting.write(contentsOf: Data(input.utf8)) }
        try stdin.fileHandleForWriting.close()
        output = String(decoding: stdout.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        error = String(decoding: stderr.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        code = process.terminationStatus
    }
}
