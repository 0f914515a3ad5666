import Kindred
import KindredSystem
import Synchronization
import SystemPackage

/// The indexes that were asked so far, each with its searcher. A searcher follows commits by itself; an index whose
/// catalogue is another file than before is opened again.
final class OpenIndexes: Sendable {
    private struct Opened {
        let searcher: Searcher
        let file: FileIdentity?
    }

    let root: FilePath
    private let encoders: OpenEncoders
    private let opened = Mutex<[String: Opened]>([:])

    init(root: FilePath, encoders: OpenEncoders) {
        self.root = root
        self.encoders = encoders
    }

    /// - Parameter name: nil: the only one there is.
    /// - Throws: `RequestError` where there is none of the name, or several and no name; `invalidData`, `incompatible`.
    func searcher(_ name: String?) throws -> Searcher {
        let directory: IndexDirectory
        do { directory = try IndexDirectory.find(name, in: root) } catch let error as KindredError {
            guard error.code == .invalidRequest, name == nil else {
                throw RequestError(error, parameter: "index")
            }
            let names = try IndexDirectory.all(in: root).map(\.name).joined(separator: ", ")
            throw RequestError.invalid(
                "there are several indexes; name one as 'index': \(names)", parameter: "index")
        }
        let file = FileIdentity(input: directory.catalog.string)
        return try opened.withLock { opened in
            if let known = opened[directory.name], known.file == file { return known.searcher }
            let searcher = try Searcher(directory, encoders: encoders)
            opened[directory.name] = Opened(searcher: searcher, file: file)
            return searcher
        }
    }
}
