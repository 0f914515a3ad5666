import KindredSystem
import KindredTensors
import SystemPackage

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// What a file holds, told by its first bytes: what it may be replaced by unasked.
struct OutputKind: Sendable {
    let name: String
    private let holds: @Sendable ([UInt8]) -> Bool

    static let array = OutputKind(name: "an array of NumPy") { $0.starts(with: NumpyHeader.magic) }
    static let segment = OutputKind(name: "an index of vectors") {
        $0.starts(with: Array("KINDREDV".utf8))
    }
    /// Lines `query Q0 document rank score tag`.
    static let rankings = OutputKind(name: "a file of rankings") {
        let words = $0.prefix { $0 != 0x0A }.split(separator: 0x20)
        return words.count == 6 && words[1].elementsEqual("Q0".utf8)
    }

    /// Short lines of text, one word each as a rule.
    static let lines = OutputKind(name: "a file of labels") {
        !$0.contains(0) && $0.split(separator: 0x0A).allSatisfy { $0.count <= 200 }
    }

    /// Checks, before any work is done, that an output may be written.
    ///
    /// - Parameters:
    ///   - inputs: paths of what the command reads.
    ///   - force: replace a file of another kind.
    /// - Throws: `invalidRequest` for an output that is an input; `cannotCreate` where a file of another kind is there.
    func check(output path: String, inputs: [String], force: Bool) throws {
        guard path != "-" else { return }
        guard let status = systemStatus(path) else { return }
        let isRegular = status.st_mode & S_IFMT == S_IFREG
        if isRegular, inputs.contains(where: { FileIdentity(input: $0) == FileIdentity(status) }) {
            throw KindredError(
                .invalidRequest, "is an input of this command, and would be overwritten; name another output",
                at: .init(path: path))
        }
        guard isRegular, status.st_size > 0, !force else { return }
        let file = try ReadableFile(FilePath(path))
        let start = try file.bytes(0..<min(file.count, 4096))
        guard holds(start) else {
            throw KindredError(
                .cannotCreate,
                "exists already and is not \(name); name another output, or replace it with --force",
                at: .init(path: path))
        }
    }
}
