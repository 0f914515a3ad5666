/// Strings that are looked for within another one, byte by byte.
struct WordParts: Sendable, ExpressibleByArrayLiteral {
    private let words: [[UInt8]]
    /// For each byte, whether one of the words begins with it.
    private let begins: [Bool]

    init(arrayLiteral words: String...) {
        self.words = words.map { Array($0.utf8) }
        var begins = [Bool](repeating: false, count: 256)
        for word in self.words { begins[Int(word[0])] = true }
        self.begins = begins
    }

    /// Whether one of them is within `text`.
    func isPart(of text: some Sequence<UInt8>) -> Bool {
        let text = Array(text)
        for start in text.indices where begins[Int(text[start])] {
            for word in words where word[0] == text[start] && start + word.count <= text.count {
                var index = 1
                while index < word.count, word[index] == text[start + index] { index += 1 }
                if index == word.count { return true }
            }
        }
        return false
    }
}
