import Foundation
import Kindred
import SystemPackage

/// Lists the indexes of a directory, verifies and repairs them, and switches them to another encoder on request.
@main
struct MaintainIndexes {
    static func main() {
        do {
            try run(Array(CommandLine.arguments.dropFirst()))
        } catch {
            FileHandle.standardError.write(Data("error: \(error)\n".utf8))
            exit(1)
        }
    }

    static func run(_ arguments: [String]) throws {
        guard let root = arguments.first, arguments.count <= 2 else {
            FileHandle.standardError.write(
                Data("usage: MaintainIndexes DIRECTORY [ENCODER]\n".utf8))
            exit(64)
        }
        for index in try IndexDirectory.all(in: FilePath(root)) {
            let status = try IndexStatus(index)
            print("\(status.name): \(status.articles) articles, \(status.passages) passages")
            print("  encoder  \(status.model), \(status.dimensions) dimensions")
            print("  on disk  \(status.totalBytes / 1024) KB")
            try verify(index)
            if arguments.count == 2 { try reindex(index, encoder: arguments[1]) }
        }
    }

    /// Checks every checksum and invariant. Damaged vectors are encoded again from the stored texts.
    static func verify(_ index: IndexDirectory) throws {
        guard try !IndexVerification(index).problems.isEmpty else {
            print("  intact")
            return
        }
        let result = try IndexVerification(
            index, repair: true, progress: { done, total in print("  encoded  \(done) of \(total)") })
        for line in result.repaired { print("  repaired \(line)") }
        for problem in result.problems { print("  damaged  \(problem)") }
    }

    /// Searches continue with the old encoder until the switch.
    static func reindex(_ index: IndexDirectory, encoder: String) throws {
        do {
            let report = try Reindexer(index, model: encoder).reindex(
                progress: { print("  reindex  \($0.passages) of \($0.total) passages") })
            print(report.nothingToDo ? "  encoder  unchanged" : "  encoder  now \(encoder)")
        } catch let error as KindredError where error.code == .busy {
            print("  busy     \(error.message)")
        }
    }
}
