import ArgumentParser
import KindredTensors
import KindredTraining
import SystemPackage

/// `kindred train export`: the result of a run that has not reached its end.
struct TrainExportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Write what a run's last checkpoint holds: an adapter, or a whole model.",
        discussion: """
            The run may be stopped, killed or still running.

              kindred train export runs/mntp --out models/mntp-500
            """)

    @Argument(help: ArgumentHelp("The run's directory.", valueName: "run"), completion: .directory)
    var directory: String
    @Option(
        help: ArgumentHelp("Where to write it; must not exist.", valueName: "directory"),
        completion: .directory) var out: String
    @Option(help: "fp32 or bf16.") var precision = Precision.float32
    @Flag(help: "Print one JSON object.") var json = false

    func validate() throws {
        guard precision != .int8 else {
            throw ValidationError("--precision is fp32 or bf16; 'kindred model merge' writes 8 bits.")
        }
    }

    private struct Output: Encodable {
        let result: String
        let steps: Int
    }

    mutating func run() throws {
        let steps = try Trainer.export(
            TrainingRun(FilePath(directory)), as: precision.stored, to: FilePath(out))
        if json { return try CommandOutput.json(Output(result: out, steps: steps)) }
        CommandOutput.line("  result     \(Terminal.sanitized(out))")
        CommandOutput.line("  steps      \(Format.count(steps))")
    }
}
