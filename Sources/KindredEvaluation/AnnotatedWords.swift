import KindredSystem
import SystemPackage

/// Sentences whose words have a label each: parts of speech from CoNLL-U (universaldependencies.org/format.html), named
/// entities from CoNLL's columns (word first, label last, an empty line between sentences).
package struct AnnotatedWords: Sendable {
    /// What of a CoNLL-U file is the label: a column, or what follows from several.
    package enum Tag: String, Sendable, CaseIterable {
        case universal = "upos"
        case own = "xpos"
        /// Chunks that are derived from parts of speech and dependencies.
        case chunk
    }

    package struct Word: Sendable, Hashable {
        package let text: String
        package let label: String
        package let followsSpace: Bool

        package init(text: String, label: String, followsSpace: Bool) {
            self.text = text
            self.label = label
            self.followsSpace = followsSpace
        }
    }

    package let path: FilePath
    package let sentences: [[Word]]
    package let remarks: InputRemarks

    /// - Throws: `notFound`, `inputOutput`; `invalidData` where there is no labelled word.
    package init(path: FilePath, tag: Tag = .universal) throws {
        var file = RemarkedFile(path)
        var sentence = ConlluSentence()
        var words: [Word] = []
        var sentences: [[Word]] = []
        let isConllu = path.extension == "conllu"
        func end() {
            let found = isConllu ? sentence.labelled(by: tag) : words
            if !found.isEmpty { sentences.append(found) }
            sentence = ConlluSentence()
            words = []
        }
        try file.forEachLine { line in
            if line.text.allSatisfy(\.isWhitespace) {
                end()
                return nil
            }
            if isConllu {
                if line.text.hasPrefix("#") { return nil }
                return sentence.take(line.text, tag: tag)
            }
            if line.text.hasPrefix("-DOCSTART-") { return nil }
            let fields = line.text.split(whereSeparator: { $0 == "\t" || $0 == " " }).map(String.init)
            guard fields.count > 1 else { return "no word and label" }
            words.append(
                Word(text: fields[0], label: fields[fields.count - 1], followsSpace: !words.isEmpty))
            return nil
        }
        end()
        guard !sentences.isEmpty else {
            throw KindredError(
                .invalidData, "has no labelled word; give CoNLL-U (.conllu) or columns of word and label",
                at: .init(path: path.string))
        }
        self.path = path
        self.sentences = sentences
        remarks = file.remarks
    }

    /// Whether the labels mark stretches of words, entities or chunks: B- and I- with a kind, and O.
    package var marksEntities: Bool {
        let labels = Set(sentences.joined().map(\.label))
        return labels.contains { $0.hasPrefix("B-") }
            && labels.allSatisfy { $0 == "O" || $0.hasPrefix("B-") || $0.hasPrefix("I-") }
    }
}

/// The words of one sentence in CoNLL-U, with the spaces that its text has.
private struct ConlluSentence {
    private(set) var words: [AnnotatedWords.Word] = []
    private var parsed: [DerivedChunks.Word] = []
    /// The number of each word that has a label.
    private var numbers: [Int] = []
    private var followsSpace = false
    /// The surface form of a token that stands for several words, which they are, and whether a space follows it.
    private var token: (form: String, last: Int, followedBySpace: Bool)?
    private var rest: Substring = ""

    func labelled(by tag: AnnotatedWords.Tag) -> [AnnotatedWords.Word] {
        guard tag == .chunk else { return words }
        // Heads are numbers in the file, where words without a label stand too.
        let places = Dictionary(zip(numbers, 1...), uniquingKeysWith: { first, _ in first })
        let placed = parsed.map {
            DerivedChunks.Word(part: $0.part, head: places[$0.head] ?? 0, relation: $0.relation)
        }
        return zip(words, DerivedChunks.labels(placed)).map {
            .init(text: $0.text, label: $1, followsSpace: $0.followsSpace)
        }
    }

    /// Gives the reason where a line is left out.
    mutating func take(_ line: String, tag: AnnotatedWords.Tag) -> String? {
        let fields = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
        guard fields.count == 10 else { return "no ten fields" }
        let spaceFollows = !fields[9].split(separator: "|").contains("SpaceAfter=No")
        let range = fields[0].split(separator: "-").compactMap { Int($0) }
        if range.count == 2 {
            token = (fields[1], range[1], spaceFollows)
            rest = fields[1][...]
            return nil
        }
        // An empty node, "8.1", is no word of the text.
        guard let number = Int(fields[0]) else { return nil }
        let label = tag == .own ? fields[4] : fields[3]
        guard label != "_", !fields[1].isEmpty else { return "a word without a label" }
        words.append(.init(text: fields[1], label: label, followsSpace: followsSpace))
        numbers.append(number)
        parsed.append(.init(part: fields[3], head: Int(fields[6]) ?? 0, relation: fields[7]))
        guard let token else {
            followsSpace = spaceFollows
            return nil
        }
        // Within a token there are no spaces, if its words are its parts ("do" and "n't", but not "de" and "le" of "du").
        let isPart = rest.hasPrefix(fields[1])
        if isPart { rest = rest.dropFirst(fields[1].count) }
        followsSpace = number == token.last ? token.followedBySpace : !isPart
        if number == token.last { self.token = nil }
        return nil
    }
}
