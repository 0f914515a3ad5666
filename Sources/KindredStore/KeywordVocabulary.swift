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
/// letters has about 600 neighbors. In order, each look-up gives the next term that there is, up to which neighbors are
/// passed over; no list of terms is walked.
struct KeywordVocabulary {
    /// Words of one query that are corrected, at most.
    private static let maximumCorrections = 16
    /// Passages that are read for the spelling of a correction.
    private static let passagesForSpelling = 20

    private let database: Database
    private let path: FilePath
    private let next: Statement
    private let summary: Statement

    /// Made once for each connection: a table that is made or dropped makes SQLite compile every statement again.
    static let tables = """
        CREATE VIRTUAL TABLE temp.word USING fts5vocab(main, passage_text, instance);
        CREATE VIRTUAL TABLE temp.word_count USING fts5vocab(main, passage_text, row);
        """

    /// - Parameter database: of `CatalogConnections.inspect`, since a read by GRDB sees no temporary tables.
    init(_ database: Database, _ path: FilePath) throws {
        self.database = database
        self.path = path
        next = try database.cachedStatement(
            sql: "SELECT term FROM temp.word WHERE term >= ? ORDER BY term LIMIT 1")
        summary = try database.cachedStatement(sql: "SELECT doc FROM temp.word_count WHERE term = ?")
    }

    /// The first term from `term` on, in the order of UTF-8.
    private func next(from term: String) throws -> String? {
        try String.fetchOne(next, arguments: [term])
    }

    func has(_ term: String) throws -> Bool { try next(from: term) == term }

    /// Those of `terms` that the index has, in order.
    private func existing(_ terms: some Sequence<String>) throws -> [String] {
        let terms = terms.sorted(by: Self.precedes)
        var existing: [String] = []
        var index = 0
        while index < terms.count, let next = try next(from: terms[index]) {
            while index < terms.count, Self.precedes(terms[index], next) { index += 1 }
            if index < terms.count, terms[index] == next {
                existing.append(next)
                index += 1
            }
        }
        return existing
    }

    private static func precedes(_ first: String, _ second: String) -> Bool {
        first.utf8.lexicographicallyPrecedes(second.utf8)
    }

    /// How many passages hold a term.
    func passages(with term: String) throws -> Int {
        try Int.fetchOne(summary, arguments: [term]) ?? 0
    }

    /// Replaces words that the index does not have by the most frequent of those at one edit.
    func correct(_ words: inout [QueryWord], _ reader: QueryReader) throws -> [KeywordCorrection] {
        var corrections: [KeywordCorrection] = []
        var tried = 0
        for index in words.indices where words[index].mayBeCorrected && tried < Self.maximumCorrections {
            let word = words[index]
            if try word.terms.contains(where: { try $0.contains(where: has) }) { continue }
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
        var best: (term: String, count: Int)?
        // In order, so that of equally frequent ones the same is taken every time.
        for term in try existing(spellings.keys) {
            let count = try passages(with: term)
            if count > best?.count ?? 0 { best = (term, count) }
        }
        guard let best, let candidates = spellings[best.term] else { return nil }
        return try spelling(of: best.term, among: candidates)
    }

    /// The candidate that stands most often in passages with their common term: others are no words.
    private func spelling(of term: String, among candidates: [String]) throws -> String? {
        guard Set(candidates).count > 1 else { return candidates.first }
        let rows = try Row.fetchAll(
            database,
            sql: """
                SELECT article_id, title, section, start, end, passage.id FROM passage
                JOIN article ON article.id = article_id
                WHERE passage.id IN (SELECT rowid FROM passage_text WHERE passage_text MATCH ? LIMIT ?)
                """, arguments: [QueryReader.quoted(term), Self.passagesForSpelling])
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
