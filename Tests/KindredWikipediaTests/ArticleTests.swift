import Foundation
import KindredTestSupport
import KindredWikipedia
import Testing

private func text(_ wikitext: String) -> String { Article(title: "T", wikitext: wikitext).text }

@Suite struct ArticleTests {
    @Test(arguments: [
        ("'''Bold''' and ''italic'' and '''''both'''''.", "Bold and italic and both."),
        (
            "A [[link]], a [[target|label]], [[bus]]es, [[Mercury (planet)|]].",
            "A link, a label, buses, Mercury."
        ),
        ("An [http://x.org external] link[http://x.org].", "An external link."),
        ("One.<ref>{{cite|a=[[b]]}}</ref> Two.<ref name=\"x\" /> Three.", "One. Two. Three."),
        ("Before{{box|a={{inner|[[x|y]]}}|b}} after.", "Before after."),
        (
            "{{lang|fr|façade}} and {{convert|3|to|5|km|mi}} and {{nowrap|a b}}.",
            "façade and 3 to 5 km and a b."
        ),
        ("x &amp; y &ndash; z &#233; &lt;b&gt;", "x & y – z é <b>"),
        ("Born ({{IPA}}; 1900) and ({{lang-x}}).", "Born (1900) and."),
        ("[[File:A.jpg|thumb|A [[caption]] here]]Text [[Category:B]][[de:C]]", "Text"),
        ("<nowiki>'''not bold''' {{x}}</nowiki>", "'''not bold''' {{x}}"),
        ("a<!-- hidden [[ -->b", "ab"),
        ("Water is <math>H_2O</math> here.", "Water is here."),
        ("{|\n! a\n|-\n| b || c\n|}\nAfter.", "a\nb | c\n\nAfter."),
        ("__NOTOC__\nText.", "Text."),
        ("unclosed {{template and [[link stay", "unclosed template and link stay"),
        ("closed }} and ]] nothing", "closed and nothing"),
        ("Datei: [[Datei:x.png|mini|Bild]] weg", "Datei: weg"),
        ("* one\n* two\n\nA line\nand its end.", "one\ntwo\n\nA line and its end."),
    ])
    func `markup goes and prose stays`(wikitext: String, expected: String) {
        #expect(text(wikitext) == expected)
    }

    @Test func `sections keep the path of headings above them`() {
        let article = Article(
            title: "T",
            wikitext:
                "Lead.\n== A ==\nIn A.\n=== B ===\nIn B.\n== C ==\nIn C.\n== References ==\n{{reflist}}\n=== Too ===\n* [http://x A site]"
        )
        #expect(article.sections.map(\.path) == [[], ["A"], ["A", "B"], ["C"]])
        let bytes = Array(article.text.utf8)
        #expect(
            article.sections.map { String(decoding: bytes[$0.range], as: UTF8.self) } == [
                "Lead.", "In A.", "In B.", "In C.",
            ])
        #expect(article.text == "Lead.\n\nA\n\nIn A.\n\nB\n\nIn B.\n\nC\n\nIn C.")
    }

    @Test func `no arrangement of brackets traps, and what follows is not lost`() {
        let pieces = [
            "{{", "}}", "[[", "]]", "{|", "|}", "|", "<ref>", "</ref>", "<ref/>", "<!--", "-->", "'''", "==",
            "\n", "a", "é", "<", "&amp;", "__", "<nowiki>", "[http://x ", "<math>", "日",
            "|-", "||", "!!", "|+", "\n!", "\n|", "<tr>", "<td>", "</table>", "{{quote|",
            "{{birth date|1|2|3}}", "-{zh:",
            "}-", "[[Category:", "__DISAMBIG__", "{{infobox\n|a=", "*", ":''", "=", "{{yes}}", "{{{", "}}}",
            "\u{301}",
        ]
        var generator = SeededGenerator(seed: 11)
        for _ in 0..<800 {
            let wikitext = (0..<Int.random(in: 1...60, using: &generator)).map { _ in
                pieces.randomElement(using: &generator)!
            }.joined()
            let article = Article(title: "T", wikitext: wikitext)
            let count = article.text.utf8.count
            #expect(article.sections.allSatisfy { $0.range.upperBound <= count })
        }
        #expect(text("{{a [[b {{c\n\nThe end.").hasSuffix("The end."))
    }

    @Test func `a hundred thousand marks that never close take linear work`() {
        // Quadratic work would take hours here, and deep recursion the stack.
        for opening in [
            "{{", "[[", "{|", "<ref>", "<!--x", "[http://x ", "''", "<nowiki>", "{{{", "[[File:", "<nowiki ",
            "<math ", "<b ", ". ", "...", "-{", "&", "__", "</ref", "'''a''", "<!---->",
        ] {
            _ = text(String(repeating: opening, count: 100_000))
            _ = text(String(repeating: opening, count: 100_000) + ">")
        }
        for repeated in [
            "{{a}}", "[[a|b]]", "[[Category:a]]", "|-\n", "{|\n|a||b\n|}\n", "({{x}})",
            "{{birth date|1950|5|3}}",
            "<table><tr><td>", "<b a=1 ", ":", "----", "{{infobox|a=",
        ] { _ = text(String(repeating: repeated, count: 20_000)) }
        for (opening, closing) in [
            ("{|\n|\n", "\n|}"), ("-{", "}-"), ("{{nowrap|", "}}"), ("{{#if:a|", "}}"), ("{{quote|", "}}"),
            ("{{infobox x\n|a=", "\n}}\n"), ("{{plainlist|\n* ", "\n* b}}"), ("<span>", "</span>"),
        ] {
            _ = text(String(repeating: opening, count: 20_000) + String(repeating: closing, count: 20_000))
        }
        _ = text("{|\n" + String(repeating: "|a|", count: 50_000) + "\n|}")
        _ = text("{{infobox x\n" + String(repeating: "|a=b\n", count: 50_000) + "}}")
        _ = text((0..<20_000).map { "{{t\($0)}} [[p\($0)|l\($0)]] [[Category:c\($0)]]" }.joined())
        _ = text(String(repeating: "{{a|", count: 50_000) + String(repeating: "}}", count: 50_000))
        _ = text(String(repeating: "[[a|", count: 50_000) + String(repeating: "]]", count: 50_000))
    }
}

@Suite struct PassageCutterTests {
    /// A token is a run of letters: enough to count by.
    private let cutter = PassageCutter(budget: 20) { $0.split { !$0.isLetter && !$0.isNumber }.count }

    private func bodies(_ article: Article) -> [String] {
        let bytes = Array(article.text.utf8)
        return cutter.passages(of: article).map { String(decoding: bytes[$0.range], as: UTF8.self) }
    }

    @Test func `passages fit the budget, with title and headings`() {
        let sentence = "One two three four five six. "
        let article = Article(
            title: "Title", wikitext: "== Section ==\n" + String(repeating: sentence, count: 12))
        let passages = bodies(article)
        #expect(passages.count == 4)
        for body in passages { #expect(body.split(separator: " ").count + 2 <= 20) }
    }

    @Test func `no word of a section is lost`() {
        var generator = SeededGenerator(seed: 2)
        let words = (0..<900).map { _ in
            ["alpha", "beta.", "Gamma", "delta,", "x!", "Mr.", "日本語。", "\n\n"].randomElement(
                using: &generator)!
        }
        let article = Article(title: "Title", wikitext: words.joined(separator: " "))
        let joined = bodies(article).joined(separator: " ").split(whereSeparator: \.isWhitespace)
        #expect(joined == article.text.split(whereSeparator: \.isWhitespace))
    }

    @Test func `a run without spaces is cut between characters`() {
        let cutter = PassageCutter(budget: 10) { $0.utf8.count }
        let article = Article(title: "T", wikitext: String(repeating: "語", count: 50))
        let bytes = Array(article.text.utf8)
        let parts = cutter.passages(of: article).map { String(decoding: bytes[$0.range], as: UTF8.self) }
        #expect(parts.count > 5)
        #expect(parts.joined() == article.text)
        #expect(!parts.joined().contains("\u{FFFD}"))
    }

    @Test(arguments: ["ที่นี่มีน้ำ", "👩‍👩‍👧‍👦🏽", "e\u{301}\u{323}", "각각", "क्षत्रिय"])
    func `no passage begins or ends inside a character as a reader sees it`(word: String) {
        let cutter = PassageCutter(budget: 10) { $0.utf8.count }
        let whole = String(repeating: word, count: 30)
        let article = Article(title: "T", wikitext: whole)
        let bytes = Array(article.text.utf8)
        let parts = cutter.passages(of: article).map { String(decoding: bytes[$0.range], as: UTF8.self) }
        #expect(parts.count > 5 && parts.joined() == whole)
        #expect(parts.reduce(0) { $0 + $1.count } == whole.count)
    }

    @Test func `a hundred thousand full stops take linear work`() {
        let cutter = PassageCutter { $0.utf8.count }
        for pattern in [". ", "....", "? !", "。"] {
            let article = Article(title: "T", wikitext: "a" + String(repeating: pattern, count: 100_000))
            #expect(cutter.passages(of: article).first?.range.lowerBound == 0)
        }
    }

    @Test func `abbreviations and initials end no sentence`() {
        let cutter = PassageCutter(budget: 12) { $0.split(separator: " ").count }
        let article = Article(
            title: "T",
            wikitext:
                "Mr. J. S. Bach met Dr. Who in St. Thomas today. Another sentence of some more words follows here."
        )
        let bytes = Array(article.text.utf8)
        let first = cutter.passages(of: article).first.map {
            String(decoding: bytes[$0.range], as: UTF8.self)
        }
        #expect(first == "Mr. J. S. Bach met Dr. Who in St. Thomas today.")
    }

    @Test func `a passage never crosses a section`() {
        let article = Article(title: "T", wikitext: "A.\n== One ==\nB.\n== Two ==\nC.")
        #expect(cutter.passages(of: article).map(\.sectionPath) == [[], ["One"], ["Two"]])
    }
}
