import Foundation
import KindredSystem
import SystemPackage

/// How a file names a model, so that both can move together: the embedded one by name, another by its path from the file's
/// directory, or by its whole path where the two share nothing but the root.
package enum ModelReference {
    /// The model that ships with Kindred.
    package static let embedded = "embedded"

    /// Where a model is that a person names: "embedded", or a path.
    /// - Throws: `unavailable` where the embedded model is missing.
    package static func directory(of model: String) throws -> FilePath {
        model == embedded ? try ResourceFiles.embeddedModel() : FilePath(model)
    }

    /// What a file in `directory` calls a model.
    ///
    /// ```swift
    /// ModelReference.name(of: "/data/models/mine", from: "/data/indexes/wiki")  // "../../models/mine"
    /// ```
    package static func name(of model: FilePath, from directory: FilePath) -> String {
        let target = resolved(model)
        if let own = try? ResourceFiles.embeddedModel(), resolved(own) == target { return embedded }
        let start = resolved(directory)
        let common = zip(target, start).prefix { $0 == $1 }.count
        // The first component is the root.
        guard common > 1 else { return joined(target) }
        let up = Array(repeating: "..", count: start.count - common)
        let path = (up + target.dropFirst(common)).joined(separator: "/")
        return path.isEmpty ? "." : path
    }

    /// Where a model is that a file in `directory` names: "embedded", a path from there or from the working directory, a whole
    /// path, or a repository of Hugging Face's ("mistralai/Mistral-7B-v0.1") in its cache on this machine.
    ///
    /// - Parameter isChecked: whether a wrong model would be noticed. Then one is looked for that moved together with the
    ///   directory: under each directory above it, by the ends of its path.
    /// - Returns: the path; what the name says where nothing is there.
    /// - Throws: `unavailable` where the embedded model is missing.
    package static func path(
        of name: String, from directory: FilePath, isChecked: Bool,
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws -> FilePath {
        guard name != embedded else { return try Self.directory(of: name) }
        let named = FilePath(name)
        // A whole path stays as it is.
        let beside = FilePath(
            URL(fileURLWithPath: directory.pushing(named).string).standardizedFileURL.path)
        for candidate in [beside, named] where FileKind(candidate.string) != .missing { return candidate }
        if let cached = cached(name, environment) { return cached }
        if isChecked, let moved = moved(beside, besides: directory) { return moved }
        return named.isRelative && name.hasPrefix("..") ? beside : named
    }

    /// A repository in the cache of Hugging Face's libraries (huggingface_hub, docs, "Understand caching").
    private static func cached(_ name: String, _ environment: [String: String]) -> FilePath? {
        let parts = name.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, parts.allSatisfy({ !$0.isEmpty && !$0.hasPrefix(".") }) else { return nil }
        let home = environment["HOME"].map { "\($0)/.cache/huggingface" }
        let hub =
            environment["HF_HUB_CACHE"] ?? (environment["HF_HOME"] ?? home).map { "\($0)/hub" }
        guard let hub else { return nil }
        let repository = FilePath(hub).appending("models--\(parts[0])--\(parts[1])")
        guard
            let revision = FileManager.default.contents(
                atPath: repository.appending("refs").appending("main").string)
        else { return nil }
        let commit = String(decoding: revision, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
        let snapshot = repository.appending("snapshots").appending(commit)
        return !commit.isEmpty && FileKind(snapshot.string) == .directory ? snapshot : nil
    }

    private static func moved(_ lost: FilePath, besides directory: FilePath) -> FilePath? {
        let components = URL(fileURLWithPath: lost.string).pathComponents.dropFirst()
        var above = URL(fileURLWithPath: joined(resolved(directory)))
        while above.path != "/" {
            for start in components.indices {
                let candidate = FilePath(above.path).appending(
                    components[start...].joined(separator: "/"))
                if isModel(candidate) { return candidate }
            }
            above.deleteLastPathComponent()
        }
        return nil
    }

    private static func isModel(_ path: FilePath) -> Bool {
        switch FileKind(path.string) {
        case .missing: false
        case .directory:
            ["config.json", Adapter.configurationFile].contains {
                FileManager.default.fileExists(atPath: path.appending($0).string)
            }
        default: path.string.hasSuffix(".gguf")
        }
    }

    /// The components of a path, symbolic links followed: "/", "data", "models".
    private static func resolved(_ path: FilePath) -> [String] {
        URL(fileURLWithPath: path.string).standardizedFileURL.resolvingSymlinksInPath().pathComponents
    }

    private static func joined(_ components: [String]) -> String {
        "/" + components.dropFirst().joined(separator: "/")
    }
}
