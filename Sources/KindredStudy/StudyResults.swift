import Foundation
import KindredSystem
import SystemPackage

/// What a study has measured, a line of JSON each, so that a study that is stopped goes on where it was.
package final class StudyResults {
    private struct Line: Codable {
        let key: String
        let values: [Double]
    }

    private let path: FilePath
    private var known: [String: [Double]] = [:]

    /// - Throws: `inputOutput`. A last line that was cut off is measured again.
    init(path: FilePath) throws {
        self.path = path
        guard let data = FileManager.default.contents(atPath: path.string) else { return }
        var kept: [UInt8] = []
        for bytes in data.split(separator: 0x0A) {
            guard let line = try? JSONDecoder().decode(Line.self, from: bytes) else { continue }
            known[line.key] = line.values
            kept += bytes + [0x0A]
        }
        try AtomicFile.replace(path, with: kept)
    }

    package subscript(_ key: String) -> [Double]? { known[key] }

    package var all: [String: [Double]] { known }

    /// The values of a key, computed and written down if they are not known.
    func values(_ key: String, _ compute: () throws -> [Double]) throws -> [Double] {
        if let known = known[key] { return known }
        let values = try compute()
        known[key] = values
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        try LineLog.append(encoder.encode(Line(key: key, values: values)), to: path)
        return values
    }
}
