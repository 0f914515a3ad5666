/// Cuts text into the words that a model stays within: steps one after the other, each on the pieces of the one before it,
/// and at the end `ByteLevel`, if the model is of bytes (tokenizers, pre_tokenizers).
struct PreTokenizer: Sendable {
    enum Step: Sendable {
        /// Numbers (categories Nd, Nl, No) apart from the rest: each of them, or each run of them.
        case digits(individual: Bool)
        /// By a pattern whose scanner is here; matches are pieces, and so is what lies between them.
        case words(WordPattern)
        case split(TextPattern, SplitBehavior, inverted: Bool)
        case characters(CharacterClass, SplitBehavior)
        /// Runs of letters, digits, marks and underscores, and runs of what is neither that nor white space.
        case wordsAndRest
        /// White space is dropped, and each punctuation mark is a piece.
        case bert
        /// Spaces become `replacement`, which is also put before texts; pieces begin with it.
        case metaspace(replacement: [UInt8], prepends: Prepending, splits: Bool)
        /// Pieces of a given number of scalars.
        case fixedLength(Int)
    }

    enum Prepending: String, Sendable { case always, first, never }

    /// Before `ByteLevel`.
    let steps: [Step]
    /// Whether the last step is `ByteLevel`: words are bytes.
    let isByteLevel: Bool
    /// `ByteLevel` puts a space before each piece that does not begin with one.
    let addsPrefixSpace: Bool
    /// `ByteLevel`'s own pattern; nil where it is told not to cut.
    let lastCut: WordPattern?

    /// Calls `body` with each word of `text`, in order.
    ///
    /// - Parameter isStart: whether `text` is the beginning of all that is encoded.
    func forEachWord(in text: ArraySlice<UInt8>, isStart: Bool, _ body: (ArraySlice<UInt8>) -> Void) {
        cut(text, from: 0, isStart: isStart, body)
    }

    private func cut(
        _ piece: ArraySlice<UInt8>, from index: Int, isStart: Bool, _ body: (ArraySlice<UInt8>) -> Void
    ) {
        guard let first = piece.first else { return }
        if index < steps.count {
            let start = piece.startIndex
            steps[index].forEachPiece(of: piece, isStart: isStart) {
                cut($0, from: index + 1, isStart: isStart && $0.startIndex == start, body)
            }
            return
        }
        guard isByteLevel else { return body(piece) }
        let text = addsPrefixSpace && first != 0x20 ? [0x20] + piece : piece
        guard let lastCut else { return body(text) }
        lastCut.forEachWord(in: text) { body(text[$0]) }
    }
}

extension PreTokenizer.Step {
    /// Calls `body` with each piece, in order.
    fileprivate func forEachPiece(
        of text: ArraySlice<UInt8>, isStart: Bool, _ body: (ArraySlice<UInt8>) -> Void
    ) {
        func each(_ ranges: [Range<Int>], of text: ArraySlice<UInt8>) {
            for range in ranges { body(text[range]) }
        }
        switch self {
        case .digits(let individual):
            WordPattern.forEachNumber(in: text, individual: individual) { body(text[$0]) }
        case .words(let pattern): pattern.forEachWord(in: text) { body(text[$0]) }
        case .split(let pattern, let behavior, let inverted):
            each(behavior.pieces(of: text, matches: pattern.matches(in: text), inverted: inverted), of: text)
        case .characters(let characters, let behavior):
            each(behavior.pieces(of: text, matches: characters.matches(in: text)), of: text)
        case .wordsAndRest: each(CharacterClass.wordsAndRest(of: text), of: text)
        case .bert:
            let spaces = CharacterClass.whiteSpace.matches(in: text)
            for range in SplitBehavior.removed.pieces(of: text, matches: spaces) {
                let word = text[range]
                let marks = CharacterClass.punctuation.matches(in: word)
                each(SplitBehavior.isolated.pieces(of: word, matches: marks), of: word)
            }
        case .metaspace(let replacement, let prepends, let splits):
            var changed: [UInt8] = []
            changed.reserveCapacity(text.count + 16)
            for byte in text { if byte == 0x20 { changed += replacement } else { changed.append(byte) } }
            if prepends == .always || (prepends == .first && isStart), !changed.starts(with: replacement) {
                changed = replacement + changed
            }
            guard splits else { return body(changed[...]) }
            let pattern = TextPattern(string: String(decoding: replacement, as: UTF8.self))
            let pieces = SplitBehavior.mergedWithNext.pieces(
                of: changed[...], matches: pattern.matches(in: changed[...]))
            each(pieces, of: changed[...])
        case .fixedLength(let length):
            var start = text.startIndex
            while start < text.endIndex {
                var end = start
                for _ in 0..<length where end < text.endIndex { end = text.endOfScalar(at: end) }
                body(text[start..<end])
                start = end
            }
        }
    }
}

/// Scalars at which texts are cut, each by itself.
enum CharacterClass: Sendable {
    case whiteSpace
    /// ASCII's punctuation and symbols, and the categories P of the rest, as they were in Unicode 8.0, whose tables the
    /// reference has (the crate unicode_categories).
    case punctuation
    case scalar(Unicode.Scalar)

    func contains(_ scalar: Unicode.Scalar) -> Bool {
        switch self {
        case .whiteSpace: scalar.properties.isWhitespace
        case .punctuation: Self.isPunctuation(scalar)
        case .scalar(let own): scalar == own
        }
    }

    private static func isPunctuation(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.isASCII {
            switch scalar.value {
            case 0x21...0x2F, 0x3A...0x40, 0x5B...0x60, 0x7B...0x7E: return true
            default: return false
            }
        }
        // Two that have become a symbol and a mark.
        if scalar.value == 0x166D || scalar.value == 0x111C9 { return true }
        guard scalar.isOld(as: 8) else { return false }
        switch scalar.properties.generalCategory {
        case .connectorPunctuation, .dashPunctuation, .openPunctuation, .closePunctuation,
            .initialPunctuation,
            .finalPunctuation, .otherPunctuation:
            return true
        default: return false
        }
    }

    /// The range of each scalar of the class.
    func matches(in text: ArraySlice<UInt8>) -> [Range<Int>] {
        var ranges: [Range<Int>] = []
        text.forEachScalar { scalar, range in if contains(scalar) { ranges.append(range) } }
        return ranges
    }

    /// The matches of `\w+|[^\w\s]+`.
    static func wordsAndRest(of text: ArraySlice<UInt8>) -> [Range<Int>] {
        var pieces: [Range<Int>] = []
        var lastIsWord: Bool?
        text.forEachScalar { scalar, range in
            guard !scalar.properties.isWhitespace else {
                lastIsWord = nil
                return
            }
            let isWord = isWord(scalar)
            if lastIsWord == isWord, let last = pieces.last {
                pieces[pieces.count - 1] = last.lowerBound..<range.upperBound
            } else {
                pieces.append(range)
            }
            lastIsWord = isWord
        }
        return pieces
    }

    /// `\w` (Unicode Technical Standard 18, annex C), in Unicode 16.0, whose tables the reference has.
    private static func isWord(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.isASCII {
            return scalar == "_" || ("0"..."9").contains(scalar) || ("a"..."z").contains(scalar)
                || ("A"..."Z").contains(scalar)
        }
        guard scalar.isOld(as: 16) else { return false }
        let properties = scalar.properties
        if properties.isAlphabetic || properties.isJoinControl { return true }
        switch properties.generalCategory {
        case .nonspacingMark, .spacingMark, .enclosingMark, .decimalNumber, .connectorPunctuation: return true
        default: return false
        }
    }
}

extension Unicode.Scalar {
    /// Whether it was assigned in a version of Unicode, or before.
    func isOld(as version: Int) -> Bool { properties.age.map { $0.major <= version } ?? false }
}

extension ArraySlice<UInt8> {
    /// Calls `body` with each scalar and where it lies.
    func forEachScalar(_ body: (Unicode.Scalar, Range<Int>) -> Void) {
        var index = startIndex
        while index < endIndex {
            let end = endOfScalar(at: index)
            let byte = self[index]
            if byte < 0x80 {
                body(Unicode.Scalar(byte), index..<end)
            } else {
                let scalar = String(decoding: self[index..<end], as: UTF8.self).unicodeScalars.first
                body(scalar ?? "\u{FFFD}", index..<end)
            }
            index = end
        }
    }
}
