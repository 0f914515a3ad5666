import Foundation
import KindredSystem
import SystemPackage

/// Small JSON files, read as an object and written whole.
package enum JSONFile {
    /// - Throws: `notFound`, `inputOutput`; `invalidData` for what is not a JSON object.
    package static func object(_ path: FilePath) throws -> [String: Any] {
        let file = try MappedFile(path)
        guard
            let json = try? JSONSerialization.jsonObject(with: Data(file.bytes(0..<file.count)))
                as? [String: Any]
        else {
            throw KindredError(
                .invalidData, "is not a JSON object; get the file again", at: .init(path: path.string))
        }
        return json
    }

    /// Writes an object with sorted keys, durably.
    /// - Throws: `cannotCreate`, `inputOutput`.
    package static func write(_ object: [String: Any], to path: FilePath) throws {
        let data = try JSONSerialization.data(
            withJSONObject: object, options: [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes])
        try AtomicFile.replace(path, with: Array(data) + [0x0A])
    }
}
