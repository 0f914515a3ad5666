import KindredSystem
import Yams

/// The YAML between two lines of `---` at the start of a Markdown file, as static site generators write it.
struct FrontMatter {
    private(set) var title: String?
    private(set) var url: String?
    private(set) var metadata: Metadata = [:]

    /// - Returns: the front matter, and the number of lines that it takes; nil where the text has none.
    /// - Throws: `invalidData` with the line where it is not YAML.
    static func read(_ text: String, name: String) throws -> (FrontMatter, lines: Int)? {
        guard text.hasPrefix("---\n") else { return nil }
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        guard let end = lines.dropFirst().firstIndex(where: { $0 == "---" || $0 == "..." }) else {
            return nil
        }
        let yaml = lines[1..<end].joined(separator: "\n")
        let value: Any?
        do {
            // Aliases could make a small file large.
            let node = try Parser(yaml: yaml, resolver: .basic).singleRoot()
            value = node
        } catch {
            throw KindredError(
                .invalidData, "has front matter that is not YAML (\(error)); mend it or take it out",
                at: .init(path: name, line: 2))
        }
        guard let mapping = (value as? Node)?.mapping else { return nil }
        var matter = FrontMatter()
        for (key, value) in mapping {
            guard let field = key.scalar?.string else { continue }
            switch field.lowercased() {
            case "title": matter.title = value.scalar?.string
            case "url", "permalink", "canonical_url": matter.url = value.scalar?.string
            default: matter.add(field, value, depth: 0)
            }
        }
        return (matter, end + 1)
    }

    private mutating func add(_ field: String, _ value: Node, depth: Int) {
        guard depth < 8 else { return }
        switch value {
        case .scalar(let scalar): metadata.add(Self.name(field), Self.value(scalar))
        case .sequence(let items):
            for item in items where item.scalar != nil { add(field, item, depth: depth + 1) }
        case .mapping(let mapping):
            for (key, value) in mapping {
                if let name = key.scalar?.string { add("\(field).\(name)", value, depth: depth + 1) }
            }
        case .alias: break
        }
    }

    /// Site generators have "categories" and "category" alike.
    private static func name(_ field: String) -> String {
        ["categories": "category", "tags": "tag"][field.lowercased()] ?? field
    }

    private static func value(_ scalar: Node.Scalar) -> MetadataValue {
        guard scalar.style == .plain || scalar.style == .any else { return .text(scalar.string) }
        switch scalar.string.lowercased() {
        case "true", "yes": return .integer(1)
        case "false", "no": return .integer(0)
        case "null", "~": return .text("")
        default: return MetadataValue(parsing: scalar.string)
        }
    }
}
