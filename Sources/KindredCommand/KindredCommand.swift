import ArgumentParser
import COutOfMemory
import Kindred
import KindredSystem

@main
struct KindredCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "kindred",
        abstract: "Search your own documents by meaning, on your own machine.",
        discussion: """
            Kindred reads dumps of Wikipedia, files and directories, encodes their passages with a language model in this process, and answers \
            questions in your own words. No data leaves your machine.

              kindred index PATH            read a dump, a file or a directory into an index
              kindred search "QUESTION"     ask once
              kindred repl                  ask several questions
              kindred eval                  measure an encoder

            Exit codes: 0 success, 64 wrong usage, 65 bad data, 66 missing input, 69 something this machine lacks, 73 \
            output cannot be created, 74 reading or writing failed, 75 another process is writing, 130 stopped by Ctrl-C \
            or SIGTERM.
            """,
        version: "0.1.0",
        subcommands: [
            IndexCommand.self, SearchCommand.self, ReplCommand.self, ServeCommand.self, McpCommand.self,
            StatusCommand.self, RemoveCommand.self,
            VerifyCommand.self,
            TrainCommand.self, ReindexCommand.self, ModelCommand.self, EncodeCommand.self, EvalCommand.self,
            StudyCommand.self, DumpCommand.self,
            VectorsCommand.self,
        ])

    /// Runs the command line; every failure becomes one line on standard error and a stable exit code.
    static func main() {
        Interrupts.install()
        _ = kindred_allocations_are_checked()
        do {
            try Processor.checkDescriptors()
            try Processor.checkLevel()
            var command = try parseAsRoot()
            try command.run()
        } catch let error as KindredError {
            CommandOutput.printError(error)
            Self.exit(withError: ExitCode(error.exitCode))
        } catch {
            exit(with: error)
        }
    }

    /// Ends with an error of the argument parser, or of a library that nothing below turned into Kindred's: in one line.
    private static func exit(with error: any Error) -> Never {
        let code = exitCode(for: error)
        // Help and the version are no errors, and an exit code alone has been explained already.
        if code.isSuccess || error is ExitCode { exit(withError: error) }
        let isUsage = code == .validationFailure
        let message = isUsage ? Self.message(for: error) : "\(error)"
        let hint = isUsage ? "; see '\(usage(for: error))'" : ""
        CommandOutput.printError(KindredError(isUsage ? .invalidRequest : .inputOutput, message + hint))
        exit(withError: ExitCode(isUsage ? 64 : 74))
    }

    /// The command whose help explains the error: "kindred search --help".
    private static func usage(for error: any Error) -> String {
        let line = fullMessage(for: error).split(separator: "\n").first { $0.hasPrefix("Usage: ") }
        let words = (line ?? "Usage: kindred").dropFirst("Usage: ".count).split(separator: " ")
        return (words.prefix { $0.allSatisfy { $0.isLowercase } } + ["--help"]).joined(separator: " ")
    }
}

extension KindredError {
    /// The exit code for this failure (BSD sysexits.h).
    var exitCode: Int32 {
        switch code {
        case .invalidRequest: 64
        case .invalidData, .incompatible: 65
        case .notFound: 66
        case .unavailable: 69
        case .cannotCreate: 73
        case .inputOutput: 74
        case .busy: 75
        case .interrupted: 130
        // EX_SOFTWARE: no code that is thrown here.
        default: 70
        }
    }
}
