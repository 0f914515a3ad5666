/// Chunks of a sentence, as shallow parsers cut it (Tjong Kim Sang and Buchholz 2000, CoNLL-2000), derived from parts of speech
/// and dependencies of Universal Dependencies. It stands in where no annotated chunks can be had; the rule is written down in
/// Documentation/evaluation.md.
///
/// 1. NP: a nominal (NOUN, PROPN, PRON, NUM, SYM) with what directly precedes it and hangs on it by `det`, `amod`, `nummod`,
///    `compound`, `nmod:poss`, `advmod` of these, or a possessive `case`; names joined by `flat` belong to it too.
/// 2. VP: a run of AUX, VERB and PART that begins and ends so, with the adverbs inside it.
/// 3. PP, SBAR, PRT: an ADP that is a `case`, an SCONJ or other `mark`, a particle (`compound:prt`).
/// 4. ADJP, ADVP, INTJ: an adjective or adverb that is left, with the adverbs that directly precede it; an interjection.
/// 5. O: the rest.
enum DerivedChunks {
    struct Word {
        let part: String
        /// The number of the word that it hangs on; 0: none.
        let head: Int
        let relation: String
    }

    private static let nominals: Set = ["NOUN", "PROPN", "PRON", "NUM", "SYM"]
    private static let verbal: Set = ["AUX", "VERB", "PART"]
    private static let inner: Set = [
        "det", "det:predet", "amod", "nummod", "compound", "nmod:poss", "flat", "flat:name", "flat:foreign",
        "goeswith",
        "nmod:desc",
    ]

    /// "B-NP", "I-NP" and so on, for each word.
    static func labels(_ words: [Word]) -> [String] {
        var kinds = [String?](repeating: nil, count: words.count)
        var begins = [Bool](repeating: true, count: words.count)
        func mark(_ range: Range<Int>, _ kind: String) {
            for index in range { (kinds[index], begins[index]) = (kind, index == range.lowerBound) }
        }
        for range in nounChunks(words) { mark(range, "NP") }
        for range in verbRuns(words, isFree: { kinds[$0] == nil }) { mark(range, "VP") }
        for (index, word) in words.enumerated() where kinds[index] == nil {
            switch word.part {
            case "ADP" where word.relation == "compound:prt": mark(index..<index + 1, "PRT")
            case "ADP" where word.relation == "case":
                let joins = index > 0 && kinds[index - 1] == "PP" && words[index - 1].head == word.head
                (kinds[index], begins[index]) = ("PP", !joins)
            case "SCONJ", "ADP": mark(index..<index + 1, "SBAR")
            case "INTJ": mark(index..<index + 1, "INTJ")
            case "ADJ", "ADV":
                var end = index
                while end < words.count, kinds[end] == nil, words[end].part == "ADV" { end += 1 }
                let isAdjective = end < words.count && kinds[end] == nil && words[end].part == "ADJ"
                mark(index..<(isAdjective ? end + 1 : end), isAdjective ? "ADJP" : "ADVP")
            default: break
            }
        }
        return kinds.indices.map { index in
            kinds[index].map { (begins[index] ? "B-" : "I-") + $0 } ?? "O"
        }
    }

    /// The longest run for each nominal that no other contains, in order.
    private static func nounChunks(_ words: [Word]) -> [Range<Int>] {
        /// Whether a word hangs on another within a chunk.
        func belongs(_ word: Int, to nominal: Int) -> Bool {
            var current = word
            for _ in 0..<words.count {
                guard current != nominal else { return true }
                let (relation, head) = (words[current].relation, words[current].head - 1)
                guard words.indices.contains(head) else { return false }
                let isPossessive = relation == "case" && words[head].relation == "nmod:poss"
                let isDegree = relation == "advmod" && ["amod", "nummod"].contains(words[head].relation)
                // A hyphen inside a compound.
                let isHyphen = relation == "punct" && inner.contains(words[head].relation)
                guard inner.contains(relation) || isPossessive || isDegree || isHyphen else { return false }
                current = head
            }
            return false
        }
        var chunks: [Range<Int>] = []
        for index in words.indices where nominals.contains(words[index].part) {
            var (start, end) = (index, index + 1)
            while start > 0, belongs(start - 1, to: index) { start -= 1 }
            while end < words.count, belongs(end, to: index), words[end].relation.hasPrefix("flat") {
                end += 1
            }
            chunks.append(start..<end)
        }
        return chunks.filter { chunk in
            !chunks.contains {
                $0 != chunk && $0.lowerBound <= chunk.lowerBound && chunk.upperBound <= $0.upperBound
            }
        }.reduce(into: []) { kept, chunk in
            // Of two that overlap the first keeps what they share.
            let start = max(chunk.lowerBound, kept.last?.upperBound ?? 0)
            if start < chunk.upperBound { kept.append(start..<chunk.upperBound) }
        }
    }

    private static func verbRuns(_ words: [Word], isFree: (Int) -> Bool) -> [Range<Int>] {
        var runs: [Range<Int>] = []
        var index = 0
        while index < words.count {
            guard isFree(index), verbal.contains(words[index].part) else {
                index += 1
                continue
            }
            var (end, next) = (index + 1, index + 1)
            while next < words.count, isFree(next),
                verbal.contains(words[next].part) || words[next].part == "ADV"
            {
                next += 1
                if verbal.contains(words[next - 1].part) { end = next }
            }
            runs.append(index..<end)
            index = end
        }
        return runs
    }
}
