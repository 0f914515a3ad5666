import Foundation
import KindredSystem
import SystemPackage

/// The steps from text to vector that sentence-transformers lists in `modules.json`: a Transformer, a Pooling, at most one
/// Dense, and a Normalize that Kindred does not need (UKPLab/sentence-transformers, SentenceTransformer.py,
/// `_load_sbert_model`).
struct ModuleList {
    static let file = "modules.json"
    /// The directory of the linear map; nil where there is none.
    let dense: FilePath?

    /// The modules of a model or adapter directory; nil where it says nothing about them: it has neither `modules.json` nor a
    /// `2_Dense` of its own.
    /// - Throws: `invalidData` for modules that are not supported, by name.
    init?(directory: FilePath) throws {
        let path = directory.appending(Self.file)
        guard FileManager.default.fileExists(atPath: path.string) else {
            let custom = directory.appending(Dense.directory)
            guard FileManager.default.fileExists(atPath: custom.appending("config.json").string) else {
                return nil
            }
            dense = custom
            return
        }
        func invalid(_ message: String) -> KindredError {
            KindredError(.invalidData, message, at: .init(path: path.string))
        }
        guard let data = FileManager.default.contents(atPath: path.string),
            let list = try? JSONSerialization.jsonObject(with: data) as? [[String: Any]]
        else { throw invalid("is not a JSON list of modules; get the file again") }
        let modules = try list.map { module in
            guard let type = module["type"] as? String, let place = module["path"] as? String else {
                throw invalid("a module has no \"type\" or no \"path\"")
            }
            let name = type.split(separator: ".").last.map(String.init) ?? type
            // The names of modules differ between versions in all but their last part.
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
    }

    private static let order = ["Transformer", "Pooling", "Dense", "Normalize"]
}
