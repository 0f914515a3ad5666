import Foundation
import SystemPackage

/// The files that ship with Kindred.
///
/// They lie in `kindred_Kindred.resources` beside the executable, where SwiftPM puts them, or where
/// `KINDRED_RESOURCES` says. SwiftPM's own `Bundle.module` is not used because it traps when they are missing.
package enum ResourceFiles {
    private static let bundle = "kindred_Kindred.resources"

    /// The Hugging Face directory of the embedded encoder.
    /// - Throws: `unavailable` where it cannot be found.
    package static func embeddedModel() throws -> FilePath { try find("encoder") }

    /// - Throws: `unavailable` where the file cannot be found.
    package static func find(_ name: String) throws -> FilePath {
        let candidates = directories().map { $0.appending(name) }
        if let found = candidates.first(where: { FileManager.default.fileExists(atPath: $0.string) }) {
            return found
        }
        let places = candidates.map(\.string).joined(separator: ", ")
        throw KindredError(
            .unavailable,
            "the file \"\(name)\" that ships with Kindred is missing (looked at \(places)); keep \(bundle) beside the "
                + "executable or set KINDRED_RESOURCES to its path")
    }

    private static func directories() -> [FilePath] {
        var places: [FilePath] = []
        if let named = ProcessInfo.processInfo.environment["KINDRED_RESOURCES"], !named.isEmpty {
            places.append(FilePath(named))
        }
        let executable = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        var directories = [executable.deletingLastPathComponent()]
        if let main = Bundle.main.executableURL { directories.append(main.deletingLastPathComponent()) }
        // Under `swift test` the test bundle lies beside the resources, and the runner is another program.
        directories += CommandLine.arguments.filter { $0.hasSuffix(".xctest") }
            .map { URL(fileURLWithPath: $0).deletingLastPathComponent() }
        places += directories.map { FilePath($0.path).appending(bundle) }
        return places
    }
}
