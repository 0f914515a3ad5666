import Foundation
import GRDB
import KindredSystem
import SystemPackage

/// A word of a query that the index does not have, and the one that was searched instead.
package struct KeywordCorrection: Hashable, Sendable {
    package let word: String
    package let correction: String
}

/// The terms of the full-text index, by which words are corrected.
///
/// A term is looked up in FTS5's vocabulary (fts5.html §7), in a B-tree for each of the index's segments. A word of ten
/// letters has about 600 neighbors, which are looked up one by one; no list of terms is walked.
struct KeywordVocabulary {
    /// Words of one query that are corrected, at most.
    private static let maximumCorrections = 16
    /// Passages that are read for the spelling of a correction.
    private static let passagesForSpelling = 20

    private let database: Database
    private let path: FilePath
    private let counts: Statement

    /// Made once for each connection: a table that is made or dropped makes SQLite compile every statement again.
    static let tables = """
        CREATE VIRTUAL TABLE temp.word_count USING fts5vocab(main, passage_text, row)
        """

    /// - Parameter database: of `CatalogConnections.inspect`, since a read by GRDB sees no temporary tables.
    init(_ database: Database, _ path: FilePath) throws {
        self.database = database
        self.path = path
        counts = try database.cachedStatement(
            sql: """
                SELECT term, doc FROM json_each(?) CROSS JOIN temp.word_count WHERE term = json_each.value
                """)
    }

    /// How many passages hold each of some terms; those that the index does not have are left out.
    ///
    /// One statement looks all of them up: FTS5 compiles statements of its own whenever its vocabulary is opened.
    func passages(with terms: some Sequence<String>) throws -> [String: Int] {
        let terms = try JSONEncoder().encode(Array(Set(terms)))
        let rows = try Row.fetchAll(counts, arguments: [String(decoding: terms, as: UTF8.self)])
        return try Dictionary(rows.map { (try $0.value(0), try $0.value(1)) }) { $0 + $1 }
    }

    /// Replaces words that the index does not have by the most frequent of those at one edit.
    func correct(_ words: inout [QueryWord], _ reader: QueryReader) throws -> [KeywordCorrection] {
        var corrections: [KeywordCorrection] = []
        let known = try passages(with: words.filter(\.mayBeCorrected).flatMap { $0.terms.joined() })
        var tried = 0
        for index in words.indices where words[index].mayBeCorrected && tried < Self.maximumCorrections {
            let word = words[index]
            if word.terms.joined().contains(where: { known[$0] != nil }) { continue }
            tried += 1
            guard let correction = try correction(of: word.surface, reader) else { continue }
            corrections.append(KeywordCorrection(word: word.surface, correction: correction))
            words[index] = reader.word(correction)
        }
        return corrections
    }

    private func correction(of word: String, _ reader: QueryReader) throws -> String? {
        var spellings: [String: [String]] = [:]
        for candidate in Self.neighbors(of: word.lowercased()) {
            for stems in reader.stems { spellings[stems.term(candidate), default: []].append(candidate) }
        }
        // Of equally frequent ones the same is taken every time.
        let best = try passages(with: spellings.keys).max { ($0.value, $1.key) < ($1.value, $0.key) }
        guard let term = best?.key, let candidates = spellings[term] else { return nil }
        return try spelling(of: term, among: candidates)
    }

    /// The candidate that stands most often in passages with their common term: others are no words.
    private func spelling(of term: String, among candidates: [String]) throws -> String? {
        guard Set(candidates).count > 1 else { return candidates.first }
        let rows = try Row.fetchAll(
            database.cachedStatement(
                sql: """
                    SELECT article_id, title, section, start, end, passage.id FROM passage
                    JOIN article ON article.id = article_id
                    WHERE passage.id IN (SELECT rowid FROM passage_text WHERE passage_text MATCH ? LIMIT ?)
                    """), arguments: [QueryReader.quoted(term), Self.passagesForSpelling])
        var counts = Dictionary(candidates.map { ($0, 0) }, uniquingKeysWith: +)
        for row in rows {
            let text = try Catalog.text(ofArticle: row.value(0), database, path)
            let body = try Catalog.slice(
                text, from: row.value(3), to: row.value(4), passage: row.value(5), path)
            for text in [try row.value(1), try row.value(2), body] as [String] {
                for case .word(let parts) in KeywordText.pieces(text) where parts.count == 1 {
                    let word = parts[0].lowercased()
                    if let count = counts[word] { counts[word] = count + 1 }
                }
            }
        }
        return candidates.max { (counts[$0] ?? 0, $1) < (counts[$1] ?? 0, $0) }
    }

    /// The words at one edit: a letter less, more or another, or two that follow each other exchanged.
    static func neighbors(of word: String) -> [String] {
        let letters = Array(word)
        let alphabet = alphabet(for: letters)
        var found: Set<String> = []
        var neighbors: [String] = []
        func add(_ word: [Character]) {
            let word = String(word)
            if found.insert(word).inserted { neighbors.append(word) }
        }
        found.insert(word)
        for index in letters.indices.dropLast() {
            var other = letters
            other.swapAt(index, index + 1)
            add(other)
        }
        for index in letters.indices {
            var other = letters
            other.remove(at: index)
            add(other)
        }
        for letter in alphabet {
            for index in letters.indices {
                var other = letters
                other[index] = letter
                add(other)
            }
            for index in 0...letters.count {
                var other = letters
                other.insert(letter, at: index)
                add(other)
            }
        }
        return neighbors
    }

    /// The letters of the word's script, and its own.
    private static func alphabet(for letters: [Character]) -> [Character] {
        var alphabet: Set<Character> = Set(letters)
        for script in Set(letters.compactMap { $0.unicodeScalars.first.flatMap(KeywordLanguage.Script.init) })
        {
            alphabet.formUnion(alphabets[script] ?? "")
        }
        return alphabet.sorted()
    }

    private static let alphabets: [KeywordLanguage.Script: String] = [
        .latin: "abcdefghijklmnopqrstuvwxyz",
        .cyrillic: "абвгдежзийклмнопрстуфхцчшщъыьэюяіїєўјљњћђџ",
        .greek: "αβγδεζηθικλμνξοπρσςτυφχψω",
        .arabic: "ابتثجحخدذرزسشصضطظعغفقكلمنهويءؤئةپچژگ",
        .hebrew: "אבגדהוזחטיכךלמםנןסעפףצץקרשת",
        .armenian: "աբգդեզէըթժիլխծկհձղճմյնշոչպջռսվտրցւփքօֆ",
    ]
}
