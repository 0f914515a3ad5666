/// The cut of a word into tokens whose scores add up to most (Kudo 2018; tokenizers, models/unigram/model.rs,
/// `encode_optimized`).
struct Unigram: Sendable {
    private let trie: ByteTrie
    private let scores: [Double]
    private let unknown: Int32?
    private let unknownScore: Double
    private let fallback: ByteFallback?

    /// What an unknown character loses against the worst token.
    private static let penalty = 10.0

    /// - Parameter pieces: tokens and their scores, by id.
    init(_ pieces: [(token: [UInt8], score: Double)], unknown: Int32?, fallback: ByteFallback?) {
        trie = ByteTrie(pieces.map(\.token))
        scores = pieces.map(\.score)
        self.unknown = unknown
        self.fallback = fallback
        unknownScore = (scores.min() ?? 0) - Self.penalty
    }

    func append(_ word: ArraySlice<UInt8>, to ids: inout [Int32]) {
        let text = Array(word)
        guard !text.isEmpty else { return }
        /// The best way to each place: its score, where its last piece begins, and that piece's token.
        var best = [Double](repeating: -.infinity, count: text.count + 1)
        var starts = [Int](repeating: -1, count: text.count + 1)
        var tokens = [Int32](repeating: -1, count: text.count + 1)
        best[0] = 0
        var start = 0
        while start < text.count {
            let characterEnd = text[...].endOfScalar(at: start)
            var hasCharacter = false
            trie.forEachPrefix(of: text, from: start) { end, token in
                let score = best[start] + scores[Int(token)]
                if starts[end] < 0 || score > best[end] {
                    best[end] = score
                    starts[end] = start
                    tokens[end] = token
                }
                if end == characterEnd { hasCharacter = true }
            }
            if !hasCharacter {
                let score = best[start] + unknownScore
                if starts[characterEnd] < 0 || score > best[characterEnd] {
                    best[characterEnd] = score
                    starts[characterEnd] = start
                    tokens[characterEnd] = -1
                }
            }
            start = characterEnd
        }
        var pieces: [(range: Range<Int>, token: Int32)] = []
        var end = text.count
        while end > 0 {
            let token = tokens[end] == unknown ? -1 : tokens[end]
            // Unknown characters in a row are one piece.
            if token < 0, let last = pieces.last, last.token < 0 {
                pieces[pieces.count - 1].range = starts[end]..<last.range.upperBound
            } else {
                pieces.append((starts[end]..<end, token))
            }
            end = starts[end]
        }
        for piece in pieces.reversed() {
            if piece.token >= 0 {
                ids.append(piece.token)
            } else if fallback?.append(text[piece.range], to: &ids) != true, let unknown {
                ids.append(unknown)
            }
        }
    }
}

/// A tree of byte strings, to find all that a text begins with.
struct ByteTrie: Sendable {
    /// Children of a node lie side by side, in the order of their bytes.
    private var bytes: [UInt8] = [0]
    private var firstChild: [Int32] = [0]
    private var childCount: [UInt16] = [0]
    private var values: [Int32] = [-1]

    /// - Parameter strings: each has its index for a value; of equals the last. Empty ones are left out.
    init(_ strings: [[UInt8]]) {
        let order = strings.indices.filter { !strings[$0].isEmpty }.sorted {
            strings[$0].lexicographicallyPrecedes(strings[$1]) || (strings[$0] == strings[$1] && $0 < $1)
        }
        // Nodes are made level by level; each holds the strings that begin with its path.
        var nodes: [(node: Int, range: Range<Int>, depth: Int)] = [(0, 0..<order.count, 0)]
        var next = 0
        while next < nodes.count {
            let (node, range, depth) = nodes[next]
            next += 1
            var start = range.lowerBound
            while start < range.upperBound, strings[order[start]].count == depth {
                values[node] = Int32(order[start])
                start += 1
            }
            firstChild[node] = Int32(bytes.count)
            while start < range.upperBound {
                let byte = strings[order[start]][depth]
                var end = start
                while end < range.upperBound, strings[order[end]][depth] == byte { end += 1 }
                nodes.append((bytes.count, start..<end, depth + 1))
                bytes.append(byte)
                firstChild.append(0)
                childCount.append(0)
                values.append(-1)
                childCount[node] += 1
                start = end
            }
        }
    }

    /// Calls `body` with the end and the value of each string that lies in `text` at `start`, the shortest first.
    func forEachPrefix(of text: [UInt8], from start: Int, _ body: (Int, Int32) -> Void) {
        var node = 0
        for index in start..<text.count {
            var low = Int(firstChild[node])
            var high = low + Int(childCount[node])
            while low < high {
                let middle = (low + high) / 2
                if bytes[middle] < text[index] { low = middle + 1 } else { high = middle }
            }
            guard low < Int(firstChild[node]) + Int(childCount[node]), bytes[low] == text[index] else {
                return
            }
            node = low
            if values[node] >= 0 { body(index + 1, values[node]) }
        }
    }
}
