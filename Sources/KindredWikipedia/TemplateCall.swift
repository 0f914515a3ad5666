/// A template as a page calls it: its name and parameters.
struct TemplateCall {
    /// Lower-cased, spaces for `_`, without the namespace.
    let name: String
    /// The name as it is written.
    let written: String
    /// Parameters without a name, and those whose names are numbers, by number from 1.
    private(set) var numbered: [Int: Range<Int>] = [:]
    /// By lower-cased name, trimmed.
    private(set) var named: [String: Range<Int>] = [:]
    /// The parameters that are written with a name, in order, with the name as it is written.
    private(set) var parameters: [(name: String, value: Range<Int>)] = []

    /// - Parameter parts: between the bars: the name, then the parameters.
    init(_ parts: [Range<Int>], in parser: WikitextParser) {
        let head = Bytes.trimmed(parser.text[parts[0]].prefix(400))
        var written = String(decoding: head, as: UTF8.self)
        for prefix in ["subst:", "safesubst:"] where written.lowercased().hasPrefix(prefix) {
            written.removeFirst(prefix.count)
        }
        if let colon = written.firstIndex(of: ":"), parser.site.namespaces.number(of: written[..<colon]) == 10
        {
            written = String(written[written.index(after: colon)...])
        }
        self.written = written
        name = written.lowercased().split { $0 == " " || $0 == "_" }.joined(separator: " ")
        var count = 0
        for part in parts.dropFirst() {
            if let (key, value) = Self.name(part, in: parser) {
                if let number = Int(key), number > 0 {
                    numbered[number] = value
                } else {
                    named[key.lowercased()] = value
                    parameters.append((key, value))
                }
            } else {
                count += 1
                numbered[count] = parser.trimmed(part)
            }
        }
    }

    /// A parameter's name and value. What stands before the `=` is a name only where it looks like one: in text, an
    /// author who left out `1=` meant the text.
    private static func name(_ part: Range<Int>, in parser: WikitextParser) -> (String, Range<Int>)? {
        let pieces = parser.split(part, at: UInt8(ascii: "="), most: 2)
        guard pieces.count == 2 else { return nil }
        let key = parser.trimmed(pieces[0])
        guard key.count <= 48 else { return nil }
        let isName = parser.text[key].allSatisfy {
            Bytes.isWord($0) || $0 == 0x20 || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: "-")
        }
        guard isName else { return nil }
        let name = String(decoding: parser.text[key], as: UTF8.self)
        return (name, parser.trimmed(pieces[1]))
    }

    /// The values of 1, 2, 3 … up to the first that is missing.
    var positional: [Range<Int>] {
        var values: [Range<Int>] = []
        while let value = numbered[values.count + 1] { values.append(value) }
        return values
    }

    /// The value of the first of these names, or numbers, that has one.
    func value(_ keys: String...) -> Range<Int>? { value(keys) }

    func value(_ keys: [String]) -> Range<Int>? {
        for key in keys {
            let value = Int(key).flatMap { numbered[$0] } ?? named[key]
            if let value, !value.isEmpty { return value }
        }
        return nil
    }

    /// Whether a parameter is given and not empty.
    func has(_ key: String) -> Bool { value(key) != nil }
}
