import Foundation
import KindredSystem

/// Reads the files of a directory one after the other. A file that cannot be read is counted, and the next one follows.
final class DirectoryReader: DocumentReader {
    private let options: ReadingOptions
    private var files: ArraySlice<FileTree.File>
    private var skipped: [Skipped]
    private var current: (any DocumentReader)?
    private var bytesBefore = 0
    private let size: Int
    private(set) var collection: DocumentCollection
    private var file: FileTree.File?

    var bytesRead: Int { bytesBefore + (current?.bytesRead ?? 0) }
    var totalBytes: Int? { size }

    init(_ tree: FileTree, options: ReadingOptions) {
        self.options = options
        files = tree.files[...]
        skipped = tree.skipped.reversed()
        size = tree.size
        collection = .files(language: options.language)
    }

    func next() throws -> SourceItem? {
        while true {
            if let next = skipped.popLast() { return .skipped(next) }
            do {
                if let item = try current?.next() {
                    collection = current?.collection ?? collection
                    return item
                }
                bytesBefore += current?.bytesRead ?? 0
                current = nil
                guard let next = files.popFirst() else { return nil }
                file = next
                current = try DocumentSource.reader(
                    of: next.name, at: next.path, format: next.format, options: options, isListed: true)
                if current == nil { return .skipped(Skipped(.otherType)) }
            } catch let error as KindredError where ![.interrupted, .unavailable].contains(error.code) {
                bytesBefore += current?.bytesRead ?? 0
                current = nil
                return .skipped(Skipped(Skipped.reason(error), error: error, unread: file?.path))
            }
        }
    }
}
