/// The names of a page's templates, each of which is looked at once: a page calls few templates, but some of them often.
struct TemplateNames {
    struct Traits: OptionSet {
        let rawValue: Int

        static let date = Traits(rawValue: 1)
        static let flag = Traits(rawValue: 2)
        static let aside = Traits(rawValue: 4)
        static let box = Traits(rawValue: 8)
        static let disambiguation = Traits(rawValue: 16)
        static let navigation = Traits(rawValue: 32)
        static let quotation = Traits(rawValue: 64)
        static let showsName = Traits(rawValue: 128)
    }

    final class Name: Sendable {
        /// Lower-cased, spaces for `_`, without the namespace.
        let name: String
        /// As it is written.
        let written: String
        let traits: Traits

        init(name: String, written: String, traits: Traits) {
            (self.name, self.written, self.traits) = (name, written, traits)
        }
    }

    private var known: [ArraySlice<UInt8>: Name] = [:]
    /// Names of templates on a page, at most: ten times as many as the longest articles call.
    private static let most = 5_000
    /// Bytes of a name, at most.
    private static let longest = 255

    /// - Parameter source: the name in wikitext.
    /// - Returns: nil for what is no name, and where a page has too many.
    mutating func name(_ source: ArraySlice<UInt8>, namespaces: WikiNamespaces) -> Name? {
        guard source.count <= Self.longest else { return nil }
        if let found = known[source] { return found }
        guard known.count < Self.most else { return nil }
        var written = String(decoding: source, as: UTF8.self)
        for prefix in ["subst:", "safesubst:"] where written.lowercased().hasPrefix(prefix) {
            written.removeFirst(prefix.count)
        }
        if let colon = written.firstIndex(of: ":"), namespaces.number(of: written[..<colon]) == 10 {
            written = String(written[written.index(after: colon)...])
        }
        let name = written.lowercased().split { $0 == " " || $0 == "_" }.joined(separator: " ")
        let result = Name(name: name, written: written, traits: Self.traits(name, written))
        // A copy, so that the page's text is not kept twice.
        known[ArraySlice(Array(source))] = result
        return result
    }

    private static func traits(_ name: String, _ written: String) -> Traits {
        var traits: Traits = []
        if DateTemplate.isDate(name) { traits.insert(.date) }
        if AsideTemplate.isFlag(name, written) { traits.insert(.flag) }
        if AsideTemplate.isAside(name) { traits.insert(.aside) }
        if Infobox.isNamed(name) { traits.insert(.box) }
        if Disambiguation.isTemplate(name) { traits.insert(.disambiguation) }
        if InlineTemplate.isNavigation(name) { traits.insert(.navigation) }
        if KnownTemplate.isQuotation(name) { traits.insert(.quotation) }
        if InlineTemplate.isItsText(written) { traits.insert(.showsName) }
        return traits
    }
}

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

    /// What the name says of the template.
    let traits: TemplateNames.Traits

    /// - Parameters:
    ///   - parts: between the bars: the name, then the parameters.
    ///   - name: what `TemplateNames` has of the name.
    init(_ parts: [Range<Int>], _ name: TemplateNames.Name, in parser: WikitextParser) {
        (self.name, written, traits) = (name.name, name.written, name.traits)
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
