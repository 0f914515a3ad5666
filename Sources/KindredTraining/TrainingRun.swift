import Foundation
import KindredSystem
import KindredTensors
import SystemPackage

/// The directory of a run.
///
/// | name | content |
/// |---|---|
/// | `training.json` | options, fingerprints of model and data |
/// | `log.jsonl` | a line for each step |
/// | `checkpoint.safetensors` | parameters and moments, and in its metadata the step and the CRC-32C of all of them |
/// | `loss.svg` | the curve, at the end |
/// | `adapter/` or `model/` | the result |
package struct TrainingRun {
    package let path: FilePath

    package init(_ path: FilePath) { self.path = path }

    var settings: FilePath { path.appending("training.json") }
    var log: FilePath { path.appending("log.jsonl") }
    var checkpoint: FilePath { path.appending("checkpoint.safetensors") }
    package var curve: FilePath { path.appending("loss.svg") }
    package var adapter: FilePath { path.appending("adapter") }
    package var model: FilePath { path.appending("model") }

    /// One line of the log.
    package struct Entry: Codable, Sendable {
        package var step: Int
        package var loss: Double
        package var learningRate: Double
        package var gradientNorm: Double
        package var tokensPerSecond: Double
        package var seconds: Double
        package var validationLoss: Double?
        /// Distillation: the mean cosine of student and teacher on the texts that are held back.
        package var validationCosine: Double?
    }

    /// What `training.json` holds.
    package struct Settings: Codable, Sendable {
        package var format = 1
        package var options: TrainingOptions
        /// Directory of the model that is trained, and the SHA-256 of its weights as they are used.
        package var model: String
        package var modelFingerprint: String
        package var dataFingerprint: String
        package var examples: Int
        package var data: [String]
    }

    package var exists: Bool { FileManager.default.fileExists(atPath: settings.string) }

    // MARK: Settings

    /// Settings that a resumed run may change: its length, and what is only looked at.
    private static let changeable: Set = ["steps", "checkpoint_every", "validate_every"]

    /// Begins a run, or checks that it may be resumed, and writes the new settings.
    ///
    /// - Throws: `invalidRequest` where a run is there already and is not to be resumed, or was made with other settings,
    ///   which are listed; `cannotCreate`, `inputOutput`.
    func begin(_ new: Settings, resume: Bool) throws {
        guard exists else {
            try AtomicFile.makeDirectory(path)
            // A run that was killed at its very start leaves nothing but a temporary file.
            guard try path.entries().allSatisfy(AtomicFile.isTemporary) else {
                throw KindredError(
                    .cannotCreate,
                    "holds other files, which a run would overwrite; name an empty or new directory",
                    at: .init(path: path.string))
            }
            return try write(new)
        }
        guard resume else {
            throw KindredError(
                .invalidRequest,
                "already holds a run; resume it with --resume, or name another directory",
                at: .init(path: path.string))
        }
        let differences = try Self.differences(from: old(), to: new)
        guard differences.isEmpty else {
            throw KindredError(
                .invalidRequest,
                "the run was started with other settings: \(differences.joined(separator: "; ")); give the same, or "
                    + "name another directory", at: .init(path: path.string))
        }
        try write(new)
    }

    /// - Throws: `notFound`, `invalidData`.
    func readSettings() throws -> Settings {
        guard let data = FileManager.default.contents(atPath: settings.string) else {
            throw KindredError(
                .notFound, "holds no run; name the directory that was given to --out",
                at: .init(path: path.string))
        }
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        do {
            return try decoder.decode(Settings.self, from: data)
        } catch {
            throw KindredError(
                .invalidData, "does not hold the settings of a run", at: .init(path: settings.string),
                cause: error)
        }
    }

    private func write(_ new: Settings) throws {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        try AtomicFile.replace(settings, with: Array(try encoder.encode(new)) + [0x0A])
    }

    private func old() throws -> [String: Any] { try JSONFile.object(settings) }

    private static func differences(from old: [String: Any], to new: Settings) throws -> [String] {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        let now = try JSONSerialization.jsonObject(with: encoder.encode(new)) as? [String: Any] ?? [:]
        func flat(_ json: [String: Any]) -> [String: String] {
            var result: [String: String] = [:]
            for (key, value) in json {
                if let inner = value as? [String: Any] {
                    result.merge(flat(inner)) { $1 }
                } else if key != "model" && key != "data" {
                    // Where model and data lie may change; their fingerprints may not.
                    result[key] = (value as? [Any])?.map { "\($0)" }.joined(separator: ", ") ?? "\(value)"
                }
            }
            return result
        }
        let (before, after) = (flat(old), flat(now))
        return Set(before.keys).union(after.keys).sorted().compactMap { key in
            before[key] == after[key] || changeable.contains(key)
                ? nil : "\(key) was \(before[key] ?? "not there") and is \(after[key] ?? "not there")"
        }
    }

    // MARK: Log

    /// Drops the log's lines after `step`: they are written again.
    func truncateLog(after step: Int) throws {
        guard let data = FileManager.default.contents(atPath: log.string) else { return }
        let lines = data.split(separator: 0x0A).filter {
            ((try? JSONSerialization.jsonObject(with: $0) as? [String: Any])?["step"] as? Int).map {
                $0 <= step
            }
                ?? false
        }
        try AtomicFile.replace(log, with: lines.flatMap { Array($0) + [0x0A] })
    }

    func append(_ entry: Entry) throws {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.outputFormatting = [.sortedKeys]
        try LineLog.append(encoder.encode(entry), to: log)
    }

    package func entries() -> [Entry] {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        let data = FileManager.default.contents(atPath: log.string) ?? Data()
        return data.split(separator: 0x0A).compactMap { try? decoder.decode(Entry.self, from: $0) }
    }

    // MARK: Checkpoint

    func save(step: Int, parameters: AlignedBuffer<Float>, optimizer: AdamW) throws {
        let buffers = [("parameters", parameters), ("m", optimizer.m), ("v", optimizer.v)]
        try SafetensorsWriter.write(
            buffers.map { .init(name: $0, shape: [$1.count], buffer: $1, offset: 0) },
            metadata: ["step": "\(step)", "crc32c": Self.checksum(step, buffers.map(\.1))], to: checkpoint)
    }

    /// The CRC-32C of the step and of all numbers in order, as they are in memory.
    private static func checksum(_ step: Int, _ buffers: [AlignedBuffer<Float>]) -> String {
        var checksum = CRC32C(Array("\(step)".utf8))
        for buffer in buffers { checksum.update(buffer) }
        return String(checksum.value, radix: 16)
    }

    /// The numbers of parameters in the last checkpoint.
    /// - Throws: `notFound` where there is none, `invalidData`.
    func parametersInCheckpoint() throws -> Int {
        guard FileManager.default.fileExists(atPath: checkpoint.string) else {
            throw KindredError(
                .notFound, "has no checkpoint yet; train at least --checkpoint-every steps",
                at: .init(path: path.string))
        }
        return try TensorFile(path: checkpoint).find("parameters")?.count ?? 0
    }

    /// Loads the last checkpoint.
    /// - Returns: the steps done; nil where there is none.
    /// - Throws: `invalidData` for a damaged one.
    func restore(_ parameters: AlignedBuffer<Float>, _ optimizer: AdamW) throws -> Int? {
        guard FileManager.default.fileExists(atPath: checkpoint.string) else { return nil }
        let file = try TensorFile(path: checkpoint)
        guard let step = file.metadata["step"].flatMap(Int.init), step >= 0 else {
            throw KindredError(
                .invalidData,
                "has no step: the checkpoint is damaged; remove it to start the run again",
                at: .init(path: checkpoint.string))
        }
        let buffers = [("parameters", parameters), ("m", optimizer.m), ("v", optimizer.v)]
        for (name, buffer) in buffers {
            try file.tensor(name, shape: [buffer.count]).load(into: buffer, from: 0)
        }
        guard file.metadata["crc32c"] == Self.checksum(step, buffers.map(\.1)) else {
            throw KindredError(
                .invalidData,
                "the checkpoint's checksum is wrong or missing: it is damaged or from an earlier version; remove it to start "
                    + "the run again", at: .init(path: checkpoint.string))
        }
        return step
    }
}
