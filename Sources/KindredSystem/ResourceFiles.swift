import Foundation
import SystemPackage

/// The files that ship with Kindred.
///
/// They lie where `KINDRED_RESOURCES` says; in `kindred_Kindred.resources` beside the executable, where SwiftPM puts them;
/// or in `../share/kindred` seen from the executable, where packages install them. SwiftPM's own `Bundle.module` is not
/// used because it traps when they are missing.
package enum ResourceFiles {
    private static let bundle = "kindred_Kindred.resources"

    /// The Hugging Face directory of the embedded encoder.
    /// - Throws: `unavailable` where it cannot be found.
    package static func embeddedModel() throws -> FilePath { try find("encoder") }

    /// - Throws: `unavailable` where the file cannot be found.
    package static func find(_ name: String) throws -> FilePath { try find(name, in: directories()) }

    /// - Throws: `unavailable` where none of the directories has the file.
    package static func find(_ name: String, in directories: [FilePath]) throws -> FilePath {
        let candidates = directories.map { $0.appending(name) }
        if let found = candidates.first(where: { FileManager.default.fileExists(atPath: $0.string) }) {
            return found
        }
        let places = candidates.map(\.string).joined(separator: ", ")
        throw KindredError(
            .unavailable,
            "the file \"\(name)\" that ships with Kindred is missing (looked at \(places)); keep \(bundle) beside the "
                + "executable, or share/kindred beside its directory, or set KINDRED_RESOURCES to the path of either"
        )
    }

    /// Where the files can lie for an executable, the likelier first. Symbolic links to it are followed: a link in
    /// `/usr/local/bin` may lead to it.
    package static func directories(beside executable: FilePath) -> [FilePath] {
        let resolved = URL(fileURLWithPath: executable.string).resolvingSymlinksInPath()
        let directory = FilePath(resolved.deletingLastPathComponent().path)
        return [directory.appending(bundle), directory.removingLastComponent().appending("share/kindred")]
    }

    private static func directories() -> [FilePath] {
        var places: [FilePath] = []
        if let named = ProcessInfo.processInfo.environment["KINDRED_RESOURCES"], !named.isEmpty {
            places.append(FilePath(named))
        }
        var programs: [FilePath] = ["/proc/self/exe"]
        if let main = Bundle.main.executableURL { programs.append(FilePath(main.path)) }
        // Under `swift test` the test bundle lies beside the resources, and the runner is another program.
        programs += CommandLine.arguments.filter { $0.hasSuffix(".xctest") }.map { FilePath($0) }
        for place in programs.flatMap(directories(beside:)) where !places.contains(place) {
            places.append(place)
        }
        return places
    }
}
