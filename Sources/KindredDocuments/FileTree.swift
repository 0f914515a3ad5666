import Foundation
import KindredSystem
import SystemPackage

/// The files of a directory and of those below it, in the order of their names.
struct FileTree: Sendable {
    struct File: Sendable {
        /// Absolute.
        let path: String
        /// As the user would name it, for errors.
        let name: String
        let format: FileFormat
        let size: Int
    }

    private(set) var files: [File] = []
    private(set) var skipped: [Skipped] = []
    private let options: ReadingOptions

    /// Bytes of the files.
    var size: Int { files.reduce(0) { $0 + $1.size } }

    /// - Parameters:
    ///   - root: absolute.
    ///   - name: the directory as the user named it.
    /// - Throws: `inputOutput` where the directory itself cannot be listed.
    init(root: String, name: String, options: ReadingOptions) throws {
        self.options = options
        var rules: [(prefix: Int, rules: IgnoreRules)] = []
        // Rules of the directories above hold too, up to the repository's.
        if options.respectsIgnoreFiles { rules = Self.rulesAbove(root) }
        guard try list(root, name: name, rules: rules) else {
            throw KindredError(
                .inputOutput, "cannot be listed; check its owner and mode", at: .init(path: name))
        }
    }

    private static func rulesAbove(_ root: String) -> [(prefix: Int, rules: IgnoreRules)] {
        var found: [(Int, IgnoreRules)] = []
        var directory = root
        while !FileManager.default.fileExists(atPath: directory + "/.git") {
            let above = (directory as NSString).deletingLastPathComponent
            guard above != directory, above != "/" else { return [] }
            directory = above
            if let rules = rules(in: directory) { found.insert((directory.utf8.count + 1, rules), at: 0) }
        }
        return found
    }

    private static func rules(in directory: String) -> IgnoreRules? {
        guard let bytes = FileManager.default.contents(atPath: directory + "/.gitignore") else { return nil }
        return IgnoreRules(String(decoding: bytes, as: UTF8.self))
    }

    /// - Returns: whether the directory could be listed.
    private mutating func list(
        _ directory: String, name: String, rules above: [(prefix: Int, rules: IgnoreRules)]
    ) throws -> Bool {
        guard let names = try? FileManager.default.contentsOfDirectory(atPath: directory) else {
            return false
        }
        var rules = above
        if options.respectsIgnoreFiles, names.contains(".gitignore"), let own = Self.rules(in: directory) {
            rules.append((directory.utf8.count + 1, own))
        }
        let isCorpus =
            names.contains("corpus.jsonl") && (names.contains("queries.jsonl") || names.contains("qrels"))
        for entry in names.sorted() {
            let (path, shown) = ("\(directory)/\(entry)", "\(name)/\(entry)")
            if !options.includesHidden, entry.hasPrefix(".") {
                // Files that are not there to be read are none that a reader misses.
                if entry != ".git", entry != ".gitignore" { skipped.append(Skipped(.hidden)) }
                continue
            }
            let kind = Self.kind(path)
            if kind != .link, Self.isIgnored(path, isDirectory: kind == .directory, rules) {
                skipped.append(Skipped(.ignored))
                continue
            }
            switch kind {
            case .link: skipped.append(Skipped(.symbolicLink))
            case .special: skipped.append(Skipped(.special))
            case .directory where isCorpus && entry == "qrels": skipped.append(Skipped(.judgments))
            case .directory:
                if try !list(path, name: shown, rules: rules) {
                    skipped.append(
                        Skipped(
                            .unreadable,
                            error: KindredError(
                                .inputOutput, "cannot be listed; check its owner and mode",
                                at: .init(path: shown)), unread: path))
                }
            case .file(let size):
                if isCorpus, entry != "corpus.jsonl",
                    FileFormat(fileName: entry) == .jsonl || entry == "qrels.tsv"
                {
                    skipped.append(Skipped(.judgments))
                } else if entry.contains("-multistream-index") {
                    skipped.append(Skipped(.dumpIndex))
                } else if let format = options.format ?? FileFormat(fileName: entry) {
                    files.append(File(path: path, name: shown, format: format, size: size))
                } else {
                    skipped.append(Skipped(.otherType))
                }
            }
        }
        return true
    }

    private enum Kind: Equatable {
        case file(size: Int)
        case directory, link, special
    }

    private static func kind(_ path: String) -> Kind {
        let attributes = try? FileManager.default.attributesOfItem(atPath: path)
        return switch attributes?[.type] as? FileAttributeType {
        case .typeRegular: .file(size: attributes?[.size] as? Int ?? 0)
        case .typeDirectory: .directory
        case .typeSymbolicLink: .link
        default: .special
        }
    }

    private static func isIgnored(
        _ path: String, isDirectory: Bool, _ rules: [(prefix: Int, rules: IgnoreRules)]
    ) -> Bool {
        // The innermost file decides.
        for (prefix, rules) in rules.reversed() {
            let relative = String(decoding: path.utf8.dropFirst(prefix), as: UTF8.self)
            if let ignores = rules.ignores(relative, isDirectory: isDirectory) { return ignores }
        }
        return false
    }
}
