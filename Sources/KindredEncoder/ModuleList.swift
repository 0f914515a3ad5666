import Foundation
import KindredSystem
import KindredTensors
import SystemPackage

/// The steps from text to vector that sentence-transformers lists in `modules.json`: a Transformer, a Pooling, at most one
/// Dense, and a Normalize that Kindred does not need (UKPLab/sentence-transformers, SentenceTransformer.py,
/// `_load_sbert_model`).
struct ModuleList {
    static let file = "modules.json"
    /// The directory of the linear map; nil where there is none.
    let dense: FilePath?
    /// The pooling's configuration; nil where only a linear map is there.
    private let pooling: FilePath?
    private let directory: FilePath

    /// The modules of a model or adapter directory; nil where it says nothing about them: it has neither `modules.json` nor a
    /// `2_Dense` of its own.
    /// - Throws: `invalidData` for modules that are not supported, by name.
    init?(directory: FilePath) throws {
        self.directory = directory
        let path = directory.appending(Self.file)
        guard FileManager.default.fileExists(atPath: path.string) else {
            let custom = directory.appending(Dense.directory)
            guard FileManager.default.fileExists(atPath: custom.appending("config.json").string) else {
                return nil
            }
            dense = custom
            pooling = nil
            return
        }
        func invalid(_ message: String) -> KindredError {
            KindredError(.invalidData, message, at: .init(path: path.string))
        }
        let file = try MappedFile(path)
        guard
            let list = try? JSONSerialization.jsonObject(with: Data(file.bytes(0..<file.count)))
                as? [[String: Any]]
        else { throw invalid("is not a JSON list of modules; get the file again") }
        let modules = try list.map { module in
            guard let type = module["type"] as? String, let place = module["path"] as? String else {
                throw invalid("a module has no \"type\" or no \"path\"")
            }
            let name = type.split(separator: ".").last.map(String.init) ?? type
            // The names of modules differ between versions in all but their last part.
            if type == SentenceTransformersFiles.ownModule { return (name: Self.order[0], path: place) }
            guard type.hasPrefix("sentence_transformers."), Self.order.contains(name) else {
                let known = Self.order.joined(separator: ", ")
                throw invalid("the module \"\(type.prefix(80))\" is not supported; Kindred has \(known)")
            }
            guard !place.hasPrefix("/"), !place.split(separator: "/").contains("..") else {
                throw invalid("the module \"\(name)\" lies outside its directory")
            }
            return (name: name, path: place)
        }
        let names = modules.map(\.name)
        guard names == Self.order.filter(names.contains), names.prefix(2) == Self.order.prefix(2) else {
            throw invalid(
                "the modules \(names.joined(separator: ", ")) are not supported; Kindred has Transformer, Pooling, "
                    + "and then Dense, Normalize or both")
        }
        guard modules[0].path.isEmpty else {
            throw invalid(
                "the Transformer lies in \"\(modules[0].path.prefix(80))\" and not beside this file")
        }
        dense = modules.first { $0.name == "Dense" }.map { directory.appending($0.path) }
        pooling = directory.appending(modules[1].path).appending("config.json")
    }

    /// How sentence-transformers uses a decoder: with the attention that the decoder was trained with, and means over all
    /// tokens (sentence_transformers/models/Pooling.py and Transformer.py); nil where only a linear map is there.
    /// - Throws: `notFound`; `invalidData` for a pooling or a setting that is not supported.
    func usage() throws -> EncoderConfiguration? {
        guard let path = pooling else { return nil }
        let transformer = directory.appending("sentence_bert_config.json")
        var usage = EncoderConfiguration()
        usage.poolsTemplate = true
        let json = try JSONFile.object(path)
        func invalid(_ message: String, _ path: FilePath) -> KindredError {
            KindredError(.invalidData, message, at: .init(path: path.string))
        }
        var modes = json.filter { $0.key.hasPrefix(Self.flagPrefix) && $0.value as? Bool == true }.keys.map {
            String($0.dropFirst(Self.flagPrefix.count))
        }.sorted()
        if let mode = json["pooling_mode"] as? String, modes.isEmpty { modes = [mode] }
        guard modes.count == 1, let mode = Self.poolings[modes[0]] else {
            throw invalid(
                "the pooling \(modes.isEmpty ? "is not named" : modes.joined(separator: " and ").prefix(80) + " is not supported"); "
                    + "Kindred has \(Self.poolings.keys.sorted().joined(separator: ", "))", path)
        }
        usage.pooling = mode
        usage.poolsInstruction = json["include_prompt"] as? Bool ?? true
        guard FileManager.default.fileExists(atPath: transformer.string) else { return usage }
        let settings = try JSONFile.object(transformer)
        if settings["do_lower_case"] as? Bool == true {
            throw invalid(
                "\"do_lower_case\" is not supported; the tokenizer's normalizer does that", transformer)
        }
        if let length = settings["max_seq_length"], !(length is NSNull) {
            guard let length = length as? Int, (1...1_048_576).contains(length) else {
                throw invalid("\"max_seq_length\" must be a whole number from 1 to 1048576", transformer)
            }
            usage.maximumTokens = length
        }
        return usage
    }

    /// - Throws: `invalidData` where another pooling than `own`, which the same directory's `llm2vec_config.json` has, is named.
    func check(against own: EncoderConfiguration) throws {
        guard let pooling, FileManager.default.fileExists(atPath: pooling.string), let usage = try usage()
        else { return }
        func lastIsLast(_ mode: EncoderConfiguration.Pooling) -> EncoderConfiguration.Pooling {
            mode == .endOfSequence ? .last : mode
        }
        guard lastIsLast(usage.pooling) == lastIsLast(own.pooling) else {
            throw KindredError(
                .invalidData,
                "says the pooling is \(usage.pooling.rawValue), and llm2vec_config.json says \(own.pooling.rawValue); make "
                    + "them agree", at: .init(path: pooling.string))
        }
    }

    private static let flagPrefix = "pooling_mode_"
    private static let poolings: [String: EncoderConfiguration.Pooling] = [
        "mean_tokens": .mean, "mean": .mean, "weightedmean_tokens": .weightedMean,
        "weightedmean": .weightedMean,
        "lasttoken": .last, "cls_token": .beginOfSequence, "cls": .beginOfSequence,
    ]

    private static let order = ["Transformer", "Pooling", "Dense", "Normalize"]
}
