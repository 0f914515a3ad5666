/// Where the brackets of wikitext close: `{{ }}`, `{{{ }}}`, `[[ ]]`, `{| |}` and `-{ }-`, found in one pass with a stack,
/// so that text with any nesting, or with brackets that never close, takes linear time.
///
/// Runs of braces match as in MediaWiki (Preprocessor_Hash.php): the innermost three, or two, of an opening run with as
/// many of a closing one.
struct MarkupBrackets {
    enum Kind: UInt8 { case template, parameter, link, table, variant }

    /// A bracket that closes.
    struct Pair {
        let kind: Kind
        /// Where the closing bracket starts, and past it.
        let end: Int
        let after: Int
    }

    /// In the order of where they open.
    private var pairs: [Pair] = []
    /// Whether a bracket that closes opens at a place, a bit for each byte of the text.
    private var opens: [UInt64]
    /// How many open before each word of `opens`.
    private var opensBefore: [Int32] = []
    /// While brackets are matched: with where they open, in the order of where they close.
    private var found: [(start: Int, pair: Pair)] = []

    /// For each byte, whether a bracket or a line may begin with it.
    private static let mayBeBracket: [Bool] = (0..<256).map { "<{[}]|-\n".utf8.contains(UInt8($0)) }

    private enum Opening: Int { case brace, link, table, variant }

    /// Brackets that are open.
    private struct Stack {
        var entries: [(opening: Opening, start: Int, count: Int)] = []
        var open = [0, 0, 0, 0]

        mutating func push(_ opening: Opening, _ start: Int, _ count: Int) {
            entries.append((opening, start, count))
            open[opening.rawValue] += 1
        }

        /// The innermost open bracket of a kind. What opened inside it and did not close never will.
        mutating func top(_ opening: Opening) -> Int? {
            guard open[opening.rawValue] > 0 else { return nil }
            while let last = entries.last, last.opening != opening { pop() }
            return entries.indices.last
        }

        mutating func pop() {
            if let last = entries.popLast() { open[last.opening.rawValue] -= 1 }
        }
    }

    /// - Parameter hasVariants: whether `-{` is markup, which it is in wikis of languages with variants.
    init(_ text: [UInt8], elements: [Int: PreparedWikitext.Element], hasVariants: Bool) {
        opens = [UInt64](repeating: 0, count: text.count / 64 + 1)
        var stack = Stack()
        var startsLine = true
        let mayBeBracket = Self.mayBeBracket
        var position = 0
        func run(_ byte: UInt8) -> Int {
            var end = position
            while end < text.count, text[end] == byte { end += 1 }
            return end - position
        }
        func follows(_ byte: UInt8) -> Bool { position + 1 < text.count && text[position + 1] == byte }
        while position < text.count {
            let byte = text[position]
            if !startsLine, !mayBeBracket[Int(byte)] {
                position += 1
                continue
            }
            switch byte {
            case UInt8(ascii: "<"):
                position = elements[position]?.end ?? position + 1
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                let count = run(byte)
                if count >= 2 {
                    stack.push(byte == UInt8(ascii: "{") ? .brace : .link, position, count)
                } else if startsLine, byte == UInt8(ascii: "{"), follows(UInt8(ascii: "|")) {
                    stack.push(.table, position, 1)
                    position += 1
                }
                position += count
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                position = close(run(byte), at: position, text, &stack)
            case UInt8(ascii: "|") where startsLine && follows(UInt8(ascii: "}")):
                position += 1
                // In "|}}" the braces are a template's.
                if run(UInt8(ascii: "}")) == 1, let top = stack.top(.table) {
                    add(stack.entries[top].start, Pair(kind: .table, end: position - 1, after: position + 1))
                    stack.pop()
                    position += 1
                }
            case UInt8(ascii: "-") where hasVariants && follows(UInt8(ascii: "{")):
                position += 1
                // In "-{{" the braces are a template's.
                if run(UInt8(ascii: "{")) != 2 {
                    stack.push(.variant, position - 1, 1)
                    position += 1
                }
            default: position += 1
            }
            startsLine = byte == 0x0A || (startsLine && (byte == 0x20 || byte == UInt8(ascii: ":")))
        }
        sort()
    }

    private mutating func add(_ start: Int, _ pair: Pair) {
        // Of a run of brackets the innermost is matched first, and stays.
        guard opens[start >> 6] & (1 << UInt64(start & 63)) == 0 else { return }
        opens[start >> 6] |= 1 << UInt64(start & 63)
        found.append((start, pair))
    }

    /// Puts the pairs in order, each at the number of those that open before it.
    private mutating func sort() {
        opensBefore.reserveCapacity(opens.count)
        var count: Int32 = 0
        for word in opens {
            opensBefore.append(count)
            count += Int32(word.nonzeroBitCount)
        }
        pairs = [Pair](repeating: Pair(kind: .link, end: 0, after: 0), count: found.count)
        for (start, pair) in found { pairs[rank(start)] = pair }
        found = []
    }

    private func rank(_ start: Int) -> Int {
        let below = opens[start >> 6] & ((1 << UInt64(start & 63)) - 1)
        return Int(opensBefore[start >> 6]) + below.nonzeroBitCount
    }

    private func pair(at start: Int) -> Pair? {
        guard start >> 6 < opens.count, opens[start >> 6] & (1 << UInt64(start & 63)) != 0 else { return nil }
        return pairs[rank(start)]
    }

    /// Matches a run of closing brackets.
    /// - Returns: the position past it.
    private mutating func close(_ count: Int, at start: Int, _ text: [UInt8], _ stack: inout Stack) -> Int {
        let isBrace = text[start] == UInt8(ascii: "}")
        let opening = isBrace ? Opening.brace : .link
        var position = start
        var left = count
        while left >= 2, let top = stack.top(opening) {
            let width = min(left, stack.entries[top].count, isBrace ? 3 : 2)
            let kind: Kind = isBrace ? (width == 3 ? .parameter : .template) : .link
            stack.entries[top].count -= width
            let opened = stack.entries[top].start + stack.entries[top].count
            add(opened, Pair(kind: kind, end: position, after: position + width))
            if stack.entries[top].count < 2 { stack.pop() }
            position += width
            left -= width
        }
        let end = start + count
        if isBrace, left > 0, end < text.count, text[end] == UInt8(ascii: "-"), let top = stack.top(.variant)
        {
            add(stack.entries[top].start, Pair(kind: .variant, end: end - 1, after: end + 1))
            stack.pop()
            return end + 1
        }
        return end
    }

    /// The bracket of a kind that opens at `start` and closes.
    func pair(_ kind: Kind, at start: Int) -> Pair? {
        guard let found = pair(at: start), found.kind == kind else { return nil }
        return found
    }

    /// Past whatever closes again at `start`, closing brackets included.
    func end(ofAnyAt start: Int) -> Int? { pair(at: start)?.after }

    /// Whether a bracket of markup may open with the byte.
    static func opens(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: "{") || byte == UInt8(ascii: "[") || byte == UInt8(ascii: "-")
    }
}
