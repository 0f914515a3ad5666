import Foundation

/// Turns words of one language into terms of the full-text index. It keeps its stemmers, so it serves one thread.
package final class KeywordStems {
    package let language: KeywordLanguage
    private var stemmers: [String: Stemmer?] = [:]

    package init(_ language: KeywordLanguage) { self.language = language }

    /// The term of a word of a text: lower case, without inflection, Latin and Greek letters without accents.
    func term(_ word: String) -> String {
        var word = lowercased(word)
        guard let letter = word.unicodeScalars.first(where: { KeywordLanguage.Script($0) != nil }),
            let script = KeywordLanguage.Script(letter), let algorithm = language.algorithm(for: script)
        else { return Self.plain(word) }
        switch algorithm {
        case "english", "indonesian":
            // Written without accents, but for foreign words, which are written both ways.
            return stemmer(algorithm)?.stem(Self.plain(word)) ?? word
        case "arabic": word = Self.withoutArticle(word)
        default: break
        }
        return Self.plain(stemmer(algorithm)?.stem(word) ?? word)
    }

    /// The terms of a word of a query: its own first, then those of other spellings in which a text may have it.
    ///
    /// A word that is typed without accents is also tried with each of those that the language's stems depend on
    /// (organizacion: organización). A Hebrew word is also tried behind the particles that are written to it, and without
    /// the article.
    func queried(_ word: String) -> [String] {
        var terms = [term(word)]
        for spelling in spellings(of: lowercased(word)) {
            let term = term(spelling)
            if !terms.contains(term) { terms.append(term) }
        }
        return terms
    }

    private func spellings(of word: String) -> [String] {
        guard let first = word.unicodeScalars.first else { return [] }
        if KeywordLanguage.Script(first) == .hebrew {
            let bare = word.hasPrefix("ה") && word.count > 3 ? [String(word.dropFirst())] : []
            return bare + Self.particles.map { $0 + word }
        }
        guard let accented = Self.accented[language.code],
            word.unicodeScalars.allSatisfy({ $0.isASCII || $0 == "ı" })
        else { return [] }
        let choices = word.map { letter in
            accented.filter { Self.plain(String($0)) == Self.plain(String(letter)) }
        }
        if language.code == "tr", let all = Self.combinations(word, choices) { return all }
        let letters = Array(word)
        return letters.indices.flatMap { index in
            choices[index].map { letter in
                var other = letters
                other[index] = letter
                return String(other)
            }
        }
    }

    /// A word with every combination of other letters; nil where they are too many. In Turkish one vowel depends on the
    /// next, so that several of a word's letters differ.
    private static func combinations(_ word: String, _ choices: [[Character]]) -> [String]? {
        var words = [""]
        for (letter, others) in zip(word, choices) {
            words = words.flatMap { start in ([letter] + others).map { start + String($0) } }
            guard words.count <= 64 else { return nil }
        }
        return words
    }

    /// Letters that words are often typed without, in languages whose stems depend on them.
    private static let accented = [
        "ca": "àèéíïòóúüç", "es": "áéíóúüñ", "fr": "àâçèéêëîïôùû", "ga": "áéíóú", "hu": "áéíóöőúüű",
        "it": "àèéìòù", "lt": "ąčęėįšųūž", "pt": "áâãçéêíóôõú", "ro": "ăâîșț", "tr": "çğışöü",
    ].mapValues { [Character]($0) }

    /// Article, conjunctions and prepositions that are written to a Hebrew word.
    private static let particles = ["ה", "ו", "ב", "ל", "מ", "ש", "כ", "וה", "שה"]

    /// A word in lower case, with its accents and its inflection.
    func exact(_ word: String) -> String { lowercased(word).precomposedStringWithCanonicalMapping }

    /// A word's parts without an English possessive 's.
    func withoutPossessive(_ parts: [String]) -> [String] {
        guard parts.count > 1, let last = parts.last, last == "s" || last == "S",
            language.algorithm(for: .latin) == "english"
        else { return parts }
        return parts.dropLast()
    }

    private func stemmer(_ algorithm: String) -> Stemmer? {
        if let known = stemmers[algorithm] { return known }
        let new = Stemmer(algorithm)
        stemmers[algorithm] = .some(new)
        return new
    }

    private func lowercased(_ word: String) -> String {
        guard language.hasDotlessI else { return word.lowercased() }
        return word.replacingOccurrences(of: "I", with: "ı").replacingOccurrences(of: "İ", with: "i")
            .lowercased()
    }

    /// A word without what is written or left out at will once it is stemmed: accents, and the strokes of Latin letters.
    private static func plain(_ word: String) -> String {
        guard word.utf8.contains(where: { $0 >= 0x80 }) else { return word }
        var result = String.UnicodeScalarView()
        var isAccented = false
        for scalar in word.decomposedStringWithCanonicalMapping.unicodeScalars {
            switch scalar.value {
            case 0x300...0x36F where isAccented: continue
            case 0xF8: result.append("o")
            case 0x111, 0xF0: result.append("d")
            case 0x131: result.append("i")
            case 0x142: result.append("l")
            case 0x127: result.append("h")
            case 0x167: result.append("t")
            case 0x3C2: result.append("σ")
            case 0x629: result.append("ه")
            default: result.append(scalar)
            }
            let script = KeywordLanguage.Script(scalar)
            isAccented = script == .latin || script == .greek
        }
        return String(result).precomposedStringWithCanonicalMapping
    }

    /// An Arabic word without the article, also behind a particle. Snowball's stemmer leaves it before short nouns.
    ///
    /// A final heh is written for teh marbuta; the stemmer takes away either, but not in the same words.
    private static func withoutArticle(_ word: String) -> String {
        var letters = Array(word.unicodeScalars)
        if letters.count > 2, letters.last == "ه" { letters[letters.count - 1] = "ة" }
        let article: [Unicode.Scalar] = ["ا", "ل"]
        if letters.count >= 6, ["و", "ف", "ب", "ك"].contains(letters[0]), Array(letters[1..<3]) == article,
            // "Father" and its kin begin like "and the".
            !word.hasPrefix("والد")
        {
            letters.removeFirst(3)
        } else if letters.count >= 4, Array(letters[..<2]) == article, !pronouns.contains(word) {
            letters.removeFirst(2)
        }
        var result = String.UnicodeScalarView()
        result.append(contentsOf: letters)
        return String(result)
    }

    /// Words that begin like the article and are other words without it.
    private static let pronouns: Set<String> = ["الله", "الذي", "التي", "الذين", "الان"]
}
