/// The regular expressions by which byte-level tokenizers cut text into words, as hand-written scanners: each is a
/// fixed pattern, and a scanner is faster than an engine and has its semantics in sight.
enum WordPattern: Sendable {
    /// `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+` (GPT-2)
    case gpt2
    /// The pattern of Llama 3 and of cl100k, with numbers of one to three digits, and of Qwen 2, with single digits:
    /// `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
    case llama3(digits: Int)

    private static let llama3Text = """
        (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\
        \\s*[\\r\\n]+|\\s+(?!\\S)|\\s+
        """
    private static let gpt2Text = """
        's|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+
        """

    /// The scanner for a pattern as a tokenizer file has it; nil for one that is not known.
    init?(_ pattern: String) {
        switch pattern {
        case Self.gpt2Text: self = .gpt2
        case Self.llama3Text: self = .llama3(digits: 3)
        case Self.llama3Text.replacing("\\p{N}{1,3}", with: "\\p{N}"): self = .llama3(digits: 1)
        default: return nil
        }
    }

    /// What the patterns ask of a scalar.
    private enum Kind: UInt8 { case letter, number, space, newline, other }

    private static let asciiKinds: [Kind] = (0..<128).map { kind(of: Unicode.Scalar(UInt8($0))) }

    private static func kind(of scalar: Unicode.Scalar) -> Kind {
        switch scalar.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter:
            return .letter
        case .decimalNumber, .letterNumber, .otherNumber: return .number
        default: break
        }
        if scalar == "\r" || scalar == "\n" { return .newline }
        return scalar.properties.isWhitespace ? .space : .other
    }

    /// Calls `body` with the UTF-8 range of each word of `text`, in order; together they are the whole text.
    func forEachWord(in text: ArraySlice<UInt8>, _ body: (Range<Int>) -> Void) {
        var scanner = Scanner(text)
        while scanner.position < scanner.kinds.count {
            let start = scanner.position
            switch self {
            case .gpt2: scanner.gpt2Word()
            case .llama3(let digits): scanner.llama3Word(digits: digits)
            }
            body(scanner.offsets[start]..<scanner.offsets[scanner.position])
        }
    }

    /// Calls `body` with the UTF-8 range of each number and of what stands between them.
    /// - Parameter individual: whether each numeric scalar is a piece, rather than each run of them.
    static func forEachNumber(
        in text: ArraySlice<UInt8>, individual: Bool, _ body: (Range<Int>) -> Void
    ) {
        let scanner = Scanner(text)
        var start = 0
        for next in 1..<max(1, scanner.kinds.count) {
            let (before, after) = (scanner.kinds[next - 1] == .number, scanner.kinds[next] == .number)
            guard before != after || (before && individual) else { continue }
            body(scanner.offsets[start]..<scanner.offsets[next])
            start = next
        }
        body(scanner.offsets[start]..<text.endIndex)
    }

    /// The scalars of a text by kind, and where each starts.
    private struct Scanner {
        var kinds: [Kind] = []
        var offsets: [Int] = []
        let text: ArraySlice<UInt8>
        var position = 0

        init(_ text: ArraySlice<UInt8>) {
            self.text = text
            kinds.reserveCapacity(text.count)
            offsets.reserveCapacity(text.count + 1)
            var index = text.startIndex
            while index < text.endIndex {
                offsets.append(index)
                let byte = text[index]
                if byte < 0x80 {
                    kinds.append(WordPattern.asciiKinds[Int(byte)])
                    index += 1
                    continue
                }
                let length = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : 2
                let end = min(index + length, text.endIndex)
                let scalar =
                    String(decoding: text[index..<end], as: UTF8.self).unicodeScalars.first ?? "\u{FFFD}"
                kinds.append(WordPattern.kind(of: scalar))
                index = end
            }
            offsets.append(text.endIndex)
        }

        private func byte(_ scalar: Int) -> UInt8? { scalar < kinds.count ? text[offsets[scalar]] : nil }

        private func kind(_ scalar: Int) -> Kind? { scalar < kinds.count ? kinds[scalar] : nil }

        private func isSpace(_ kind: Kind?) -> Bool { kind == .space || kind == .newline }

        private mutating func takeWhile(_ predicate: (Kind) -> Bool) {
            while position < kinds.count, predicate(kinds[position]) { position += 1 }
        }

        /// How many scalars an English contraction at the position has; 0 for none.
        private func contraction(ignoringCase: Bool) -> Int {
            guard byte(position) == UInt8(ascii: "'"), let first = letter(position + 1, ignoringCase) else {
                return 0
            }
            if "stmd".unicodeScalars.contains(first) { return 2 }
            guard let second = letter(position + 2, ignoringCase) else { return 0 }
            let pair = String(String.UnicodeScalarView([first, second]))
            return pair == "re" || pair == "ve" || pair == "ll" ? 3 : 0
        }

        private func letter(_ index: Int, _ ignoringCase: Bool) -> Unicode.Scalar? {
            guard index < kinds.count else { return nil }
            let bytes = text[offsets[index]..<offsets[index + 1]]
            // Simple case folding maps U+017F, the long s, to s.
            if ignoringCase, bytes.elementsEqual([0xC5, 0xBF]) { return "s" }
            guard bytes.count == 1, let byte = bytes.first else { return nil }
            return Unicode.Scalar(ignoringCase && (0x41...0x5A).contains(byte) ? byte | 0x20 : byte)
        }

        mutating func gpt2Word() {
            let short = contraction(ignoringCase: false)
            if short > 0 {
                position += short
                return
            }
            let lead = byte(position) == 0x20 ? 1 : 0
            if let kind = kind(position + lead), !isSpace(kind) {
                position += lead
                takeWhile { $0 == kind }
            } else {
                spaces()
            }
        }

        mutating func llama3Word(digits: Int) {
            let short = contraction(ignoringCase: true)
            if short > 0 {
                position += short
                return
            }
            // [^\r\n\p{L}\p{N}]?\p{L}+
            let first = kinds[position]
            if first == .letter || ((first == .space || first == .other) && kind(position + 1) == .letter) {
                position += 1
                takeWhile { $0 == .letter }
                return
            }
            if first == .number {
                let limit = position + digits
                while position < min(limit, kinds.count), kinds[position] == .number { position += 1 }
                return
            }
            let lead = byte(position) == 0x20 ? 1 : 0
            if kind(position + lead) == .other {
                position += lead
                takeWhile { $0 == .other }
                takeWhile { $0 == .newline }
                return
            }
            // \s*[\r\n]+ ends at the last line break of a run of spaces.
            var end = position
            while end < kinds.count, isSpace(kinds[end]) { end += 1 }
            if let last = (position..<end).last(where: { kinds[$0] == .newline }) {
                position = last + 1
                return
            }
            spaces()
        }

        /// `\s+(?!\S)|\s+`: a run of spaces, without its last one where a word follows it.
        private mutating func spaces() {
            let start = position
            takeWhile { $0 == .space || $0 == .newline }
            if position < kinds.count, position - start > 1 { position -= 1 }
        }
    }
}
