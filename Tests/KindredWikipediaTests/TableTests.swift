import KindredWikipedia
import Testing

private func text(_ wikitext: String) -> String { Article(title: "Otter", wikitext: wikitext).text }

@Suite struct TableTests {
    @Test func `a table is its caption and a line for each row`() {
        let table = """
            Before.
            {| class="wikitable sortable" style="width: 10em"
            |+ style="color: red" | Towns of the ''bay''
            |-
            ! scope="col" | Town !! People
            |- style="x"
            | rowspan=2 | [[Valmer|Old Valmer]] || 1,204<ref>Census</ref>
            |-
            | align="right" | {{nowrap|Torre}}
            | 77 || —
            |}
            After.
            """
        #expect(
            text(table)
                == "Before.\n\nTowns of the bay\nTown | People\nOld Valmer | 1,204\nTorre | 77 | —\n\nAfter.")
    }

    @Test(arguments: [
        ("{|\n| [[A|a|b]] || {{nowrap|c||d}}\n|}", "a|b | c"),
        ("{|\n|a\nb\n\nc\n|d\n|}", "a b c | d"),
        ("{|\n|\n* x\n* y\n| z\n|}", "x, y | z"),
        ("{|\n| colspan=\"2\" style=\"color:red\"\n| z\n|}", "z"),
        ("{|\n| x = 5\n|}", "x = 5"), ("{|\n! a ! b !! c || d\n| e !! f\n|}", "a ! b | c | d | e !! f"),
        ("{|\n| <nowiki>||</nowiki>a || b<br>c\n|}", "||a | b c"),
        (":{|\n  | a\n  |-\n  | b\n:|}", "a\nb"), ("{|\n|-\n|-\n|}\nText.", "Text."),
    ])
    func `cells are told by bars outside of links, templates and elements`(table: String, expected: String) {
        #expect(text(table) == expected)
    }

    @Test func `rows of HTML are rows, also inside a table of wikitext`() {
        #expect(
            text("{| class=x\n<tr><td>a<td>b\n<tr><td; align=left>c</td><td>d</td></tr>\n|-\n| e || f\n|}")
                == "a\tb\nc\td\n\ne | f")
        #expect(text("{|\n|-\n<td>a</td><td>b</td>\n|}") == "a\tb")
    }

    @Test func `tables of numbers alone are rows too`() {
        #expect(text("{|\n| 1 || 2.5\n|-\n| 3 || −4\n|}") == "1 | 2.5\n3 | −4")
    }

    @Test func `a table that only arranges text shows the text`() {
        let list = "{|\n| valign=top |\n* one\n* two\n* three\n|\n* four\n* five\n* six\n|}"
        #expect(text(list) == "one\ntwo\nthree\n\nfour\nfive\nsix")
        #expect(text("{| role=\"presentation\"\n| left || right\n|}") == "left\n\nright")
        #expect(text("{|\n|\n{|\n| a || b\n|-\n| c || d\n|}\n|}") == "a | b\nc | d")
    }

    @Test(arguments: ["navbox", "vertical-navbox nowraplinks", "ambox", "messagebox noprint"])
    func `navigation boxes and notices are left out`(name: String) {
        #expect(text("A.\n{| class=\"\(name)\"\n| [[x]] || [[y]]\n|}\nB.") == "A.\n\nB.")
    }

    @Test func `a box of facts gives facts and no text`() {
        let article = Article(
            title: "T",
            wikitext:
                "{| class=\"infobox\"\n! colspan=2 | Head\n|-\n| Length: || 90 cm\n|-\n| Food\n| [[fish]], crabs\n|}\nText."
        )
        #expect(article.text == "Text.")
        #expect(
            article.facts == [
                .init(name: "Length", value: "90 cm"), .init(name: "Food", value: "fish, crabs"),
            ])
    }

    @Test func `a table that floats beside the lead is a box of facts, one below is rows`() {
        let table = "{| border=1 align=right\n| Length || 90 cm\n|}\n"
        let article = Article(title: "T", wikitext: table + "Text.\n== A ==\n" + table)
        #expect(article.facts == [.init(name: "Length", value: "90 cm")])
        #expect(article.text == "Text.\n\nA\n\nLength | 90 cm")
    }

    @Test func `a section of nothing but a table of links stays, one of works goes`() {
        let article = Article(
            title: "T",
            wikitext:
                "Lead.\n== Towns ==\n{|\n| [[A]] || [[B]]\n|-\n| [[C]] || [[D]]\n|}\n== Read ==\n{|\n| ''A'' || ISBN 3-00\n|}"
        )
        #expect(article.sections.map { $0.path.last ?? "" } == ["", "Towns"])
    }
}
