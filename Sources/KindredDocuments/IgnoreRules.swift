/// The rules of one `.gitignore` file (git-scm.com/docs/gitignore).
struct IgnoreRules {
    private struct Rule {
        let pattern: [Element]
        let isNegated: Bool
        let isForDirectories: Bool
        /// Whether it names a path from the file's directory, rather than a name at any depth.
        let isAnchored: Bool
    }

    private enum Element: Hashable {
        case character(Character)
        /// `?`: any character but `/`.
        case one
        /// `*`: any characters but `/`.
        case some
        /// `**/`: any directories, or none.
        case directories
        /// `/**` at the end: everything below.
        case below
        case set(Set<Character>, ranges: [ClosedRange<Character>], isNegated: Bool)
    }

    private let rules: [Rule]

    init(_ text: String) {
        rules = text.split(whereSeparator: \.isNewline).compactMap { Self.rule(String($0)) }
    }

    /// What the last rule that matches says: whether the path is ignored; nil where none matches.
    ///
    /// - Parameter path: from the directory of the file, with `/` between names.
    func ignores(_ path: String, isDirectory: Bool) -> Bool? {
        let whole = Array(path)
        let name = Array(path.split(separator: "/").last ?? "")
        for rule in rules.reversed() where isDirectory || !rule.isForDirectories {
            if Self.matches(rule.pattern[...], (rule.isAnchored ? whole : name)[...]) {
                return !rule.isNegated
            }
        }
        return nil
    }

    private static func rule(_ line: String) -> Rule? {
        var line = line
        // Spaces at the end count only after a backslash.
        while line.last == " " || line.last == "\t", !line.dropLast().hasSuffix("\\") { line.removeLast() }
        guard !line.isEmpty, !line.hasPrefix("#") else { return nil }
        let isNegated = line.hasPrefix("!")
        if isNegated { line.removeFirst() }
        let isForDirectories = line.hasSuffix("/")
        if isForDirectories { line.removeLast() }
        let isAnchored = line.contains("/")
        if line.hasPrefix("/") { line.removeFirst() }
        guard !line.isEmpty else { return nil }
        return Rule(
            pattern: elements(Array(line)), isNegated: isNegated, isForDirectories: isForDirectories,
            isAnchored: isAnchored)
    }

    private static func elements(_ text: [Character]) -> [Element] {
        var result: [Element] = []
        var index = 0
        func has(_ part: String, at start: Int) -> Bool {
            text[min(start, text.count)...].starts(with: Array(part))
        }
        while index < text.count {
            let startsName = index == 0 || text[index - 1] == "/"
            if startsName, has("**/", at: index) {
                result.append(.directories)
                index += 3
            } else if startsName, index > 0, index + 2 == text.count, has("**", at: index) {
                result.append(.below)
                index += 2
            } else if text[index] == "*" {
                while index < text.count, text[index] == "*" { index += 1 }
                result.append(.some)
            } else if text[index] == "?" {
                result.append(.one)
                index += 1
            } else if text[index] == "[", let (set, end) = set(text, from: index) {
                result.append(set)
                index = end
            } else {
                if text[index] == "\\", index + 1 < text.count { index += 1 }
                result.append(.character(text[index]))
                index += 1
            }
        }
        return result
    }

    private static func set(_ text: [Character], from start: Int) -> (Element, Int)? {
        var index = start + 1
        var members: Set<Character> = []
        var ranges: [ClosedRange<Character>] = []
        let isNegated = index < text.count && (text[index] == "!" || text[index] == "^")
        if isNegated { index += 1 }
        let first = index
        while index < text.count, text[index] != "]" || index == first {
            if index + 2 < text.count, text[index + 1] == "-", text[index + 2] != "]",
                text[index] <= text[index + 2]
            {
                ranges.append(text[index]...text[index + 2])
                index += 3
            } else {
                members.insert(text[index])
                index += 1
            }
        }
        return index < text.count ? (.set(members, ranges: ranges, isNegated: isNegated), index + 1) : nil
    }

    /// Keeps the states that a prefix of the text can reach, so that no pattern takes more than pattern × text steps.
    private static func matches(_ pattern: ArraySlice<Element>, _ text: ArraySlice<Character>) -> Bool {
        let pattern = Array(pattern)
        var states: Set<Int> = []
        func add(_ state: Int, _ states: inout Set<Int>) {
            var state = state
            while states.insert(state).inserted, state < pattern.count {
                // What may stand for nothing.
                guard [.some, .directories].contains(pattern[state]) else { return }
                state += 1
            }
        }
        add(0, &states)
        for character in text {
            var next: Set<Int> = []
            for state in states where state < pattern.count {
                switch pattern[state] {
                case .character(let wanted):
                    if wanted == character { add(state + 1, &next) }
                case .one:
                    if character != "/" { add(state + 1, &next) }
                case .some:
                    if character != "/" { add(state, &next) }
                case .directories:
                    // The name goes on, or ends with "/" and the rest may begin.
                    next.insert(state)
                    if character == "/" { add(state + 1, &next) }
                case .below: next.insert(state)
                case .set(let members, let ranges, let isNegated):
                    let isMember = members.contains(character) || ranges.contains { $0.contains(character) }
                    if isMember != isNegated, character != "/" { add(state + 1, &next) }
                }
            }
            states = next
            if states.isEmpty { return false }
        }
        return states.contains { $0 == pattern.count || pattern[$0] == .below }
    }
}
