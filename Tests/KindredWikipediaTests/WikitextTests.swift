import KindredWikipedia
import Testing

private func text(_ wikitext: String, title: String = "Otter", site: DumpSite = DumpSite()) -> String {
    Article(title: title, wikitext: wikitext, site: site).text
}

@Suite struct WikitextTests {
    @Test(arguments: [
        ("The ''Swift'''s crew left.", "The Swift's crew left."),
        ("Voir l'''Étoile'' ici.", "Voir l'Étoile ici."),
        ("D''''abord''' ainsi.", "D'abord ainsi."),
        ("'''''''Seven''''''' marks.", "''Seven'' marks."),
        ("x '''y ''z and '''''w''.", "x y z and w."),
        ("[[Ink|the ''Ink'''s]] tale", "the Ink's tale"),
    ])
    func `apostrophes are bold, italic or text by the line they are in`(wikitext: String, expected: String) {
        #expect(text(wikitext) == expected)
    }

    @Test(arguments: [
        ("{{nowrap|1=a = b}} and {{lang|de|2=Wort}}", "a = b and Wort"),
        ("{{abbr|2=long|1=sh.}}", "sh."),
        ("{{small|x|class=y}}", "x"),
        ("{{Template:nowrap|a}} {{subst:nowrap|b}}", "a b"),
        (
            "{{convert|6|ft|2|in|m}} or {{convert|2|×|4|m}} or {{convert|9|km|0}}",
            "6 ft 2 in or 2 × 4 m or 9 km"
        ),
        ("{{As of|2021|2|3}}; {{as of|2020|df=US|5|6|lc=y}}", "As of 3 February 2021; as of May 6, 2020"),
        ("{{As of|2020|since=y}}, {{as of|2020|alt=by then}}", "Since 2020, by then"),
        ("{{chem|C|O|2}} at 4{{e|3}} on {{HMS|Lark}}", "CO2 at 4×10^3 on HMS Lark"),
        (
            "{{PAGENAME}} {{uc:ab}} {{formatnum:12345}} {{#if:|x|y}} {{#if:{{PAGENAME}}|z}}",
            "Otter AB 12345 y z"
        ),
        ("a {{{1|b}}} {{{{{1|nowrap}}|c}} d", "a b d"),
        ("{{frac|3|1|2}} {{frac|4}} of a {{sclass|Lark|sloop}}", "3 1/2 1/4 of a Lark-class sloop"),
        ("{{plainlist|\n* a\n* b\n}}", "a\nb"),
        ("A call of f() and g( ) here", "A call of f() and g( ) here"),
        ("Gone ({{box}}; {{cn}}) and ({{cn}}, x)", "Gone and (x)"),
    ])
    func `templates that make text show it`(wikitext: String, expected: String) {
        #expect(text(wikitext) == expected)
    }

    @Test(arguments: [
        ("Sie kam am {{Datum|3|Mai|1950}} an.", "Sie kam am 3 Mai 1950 an."),
        (
            "Il monte à {{grandeur|800|m}}, puis {{2e}} et au {{XXe siècle}}.",
            "Il monte à 800 m, puis 2e et au XXe siècle."
        ),
        ("He said {{zitat|It rained all day}} and left.", "He said It rained all day and left."),
        ("Word.{{note|3}} Then{{sfn|Abel|1990}} more.", "Word. Then more."),
        ("{{Hauptartikel|Haus}}\nText.", "Text."),
        ("See {{image|x.jpg}} {{site|http://x}} it.", "See it."),
        ("建物は、{{仮リンク|塔|en|Tower}}と呼ばれる。", "建物は、塔と呼ばれる。"),
        ("A {{tag|fr|mot}} here.", "A mot here."), ("« {{mot|oui}} » vaut {{€|5}}.", "« oui » vaut €5."),
        ("l’{{tag|or}} et d'{{tag|argent}}", "l’or et d'argent"),
        ("Das heißt {{\"|Ja}} und {{'}}n.", "Das heißt Ja und 'n."),
        ("A {{Box\n|colour=red\n}} here.", "A here."),
    ])
    func `a template that stands as a word does shows its parameters`(wikitext: String, expected: String) {
        #expect(text(wikitext) == expected)
    }

    @Test(arguments: [
        ("[[:Category:Birds|birds]], [[b:Book|a book]], [[Portal:Sea|the sea]].", "birds, a book, the sea."),
        ("[[doi:10.1/2|a paper]] and [[:de:Meer]]", "a paper and de:Meer"),
        ("Text.[[de:Meer]]\n[[zh-min-nan:Hái]]", "Text."),
        ("[[Bild:a.jpg|mini|Ein [[Schiff]]]]Text", "Text"),
        ("[[Image:a.PNG|x]][[image:b.svg]]Text [[Media:c.ogg|sound]]", "Text sound"),
        ("Text.\n[[Kategorie:Tiere|Otter]]\n[[Kategorie:Meer]]", "Text."),
        ("[[a|b|c]] [[Saint &amp; Son]]s", "b|c Saint & Sons"),
        ("[[File:a.jpg|{{nowrap|[[b]]}}]] [mailto:a@b.example write] [not a link]", "write [not a link]"),
        ("[[two\nlines]]", "two lines"),
    ])
    func `links show labels; files, categories and other languages are not shown`(
        wikitext: String, expected: String
    ) {
        #expect(text(wikitext) == expected)
    }

    @Test(arguments: [
        ("'''!!''' is a band.", "!! is a band."), ("!Xun is a language.", "!Xun is a language."),
        ("| is a bar.", "| is a bar."), ("<nowiki>#</nowiki> is a hash.", "# is a hash."),
        ("&#42; is a star.", "* is a star."), ("[[A|=]] b =", "= b ="),
        ("'''----''' is a row.", "---- is a row."),
        ("a\n---- b", "a\n\nb"), ("{{start}}\n! Head\n|-\n| Cell\n|}\nText.", "Head\nCell\n\nText."),
        ("{|\n| open\n! row\nstill", "open\nrow\n\nstill"),
        ("A.\n * b\n == c ==\n | d", "A. * b == c == | d"),
    ])
    func `what a line is shows by the first characters of its source`(wikitext: String, expected: String) {
        #expect(text(wikitext) == expected)
    }

    @Test(arguments: [
        ("1<2 and 3>2, i<n, b<c and d>e", "1<2 and 3>2, i<n, b<c and d>e"),
        ("Map<Key, Value> <unknown>x</unknown>", "Map<Key, Value> <unknown>x</unknown>"),
        ("<b class=\"x\">a</b><br/>b<BR clear>c <span\nid=x>d</span>", "a b c d"),
        ("<table><tr><td>a</td><th>b</th></tr><tr><td>c</td></tr></table>", "a\tb\nc"),
        (
            "a<hr>b<h2>c</h2>d<p>e<center>f</center>g<blockquote>h</blockquote>i",
            "a\n\nb\n\nc\n\nd\n\ne\n\nf\n\ng\n\nh\n\ni"
        ),
        ("<ul><li>a</li><li>b</li></ul>", "a\n\nb"),
    ])
    func `tags are those of elements that MediaWiki knows, and blocks part paragraphs`(
        wikitext: String, expected: String
    ) {
        #expect(text(wikitext) == expected)
    }

    @Test(arguments: [
        ("&Agrave;&lsaquo;&rsaquo;&Scaron;&check;&hearts; &Nope; R&D &#x1F600;", "À‹›Š✓♥ &Nope; R&D 😀"),
        ("a&nbsp;b&thinsp;c&shy;d&#0; &#55296;", "a b cd&#0; &#55296;"),
        ("<nowiki>&eacute; [[x]] ''y''</nowiki>", "é [[x]] ''y''"),
    ])
    func `every reference of HTML is decoded, and nothing else`(wikitext: String, expected: String) {
        #expect(text(wikitext) == expected)
    }

    @Test(arguments: [
        ("{{no<!-- -->wrap|a}} [[b<!-- c -->|d]]", "a d"),
        ("One\n<!-- x --> <!-- y -->\ntwo.", "One two."), ("One\n\n<!-- x -->\ntwo.", "One\n\ntwo."),
        ("a<!-- never ends", "a"), ("<nowiki><!-- kept --></nowiki>", "<!-- kept -->"),
        ("a<includeonly>b</includeonly><noinclude>c</noinclude><onlyinclude>d</onlyinclude>", "acd"),
    ])
    func `comments and inclusion are resolved before anything else`(wikitext: String, expected: String) {
        #expect(text(wikitext) == expected)
    }

    @Test(arguments: [
        ("__NoToc__\nText.__NOEDITSECTION__", "Text."),
        ("C has __func__ and __DATE__ here.", "C has __func__ and __DATE__ here."),
        ("__TEXTO_SOLO__\nTexto.__NOTDC__", "Texto."), ("Текст. __БЕЗ_ОГЛ__", "Текст."),
        ("__目次非表示__文章。", "文章。"), ("a __ b ____ c", "a __ b ____ c"),
    ])
    func `behaviour switches vanish, and other words between underscores stay`(
        wikitext: String, expected: String
    ) {
        #expect(text(wikitext) == expected)
    }

    @Test func `what is shown as it is keeps its lines, and no line of it is markup`() {
        #expect(
            text("Type:\n<pre>\n# one\n  * two\n== three ==\n'''[[four]]''' &lt;\n</pre>\nDone.")
                == "Type:\n\n# one\n  * two\n== three ==\n'''[[four]]''' <\n\nDone.")
        #expect(text("<pre><nowiki>[[a]]</nowiki> ''b''</pre>") == "[[a]] ''b''")
        #expect(
            text("<syntaxhighlight lang=\"c\">\nint x = {{0}};\n</syntaxhighlight>") == "int x = {{0}};")
        #expect(
            text("Call <syntaxhighlight lang=c inline>f([[0]])</syntaxhighlight> now.")
                == "Call f([[0]]) now.")
    }

    @Test func `language variants show one of their texts in the wikis that have them`() {
        var site = DumpSite()
        site.language = "zh"
        #expect(text("-{zh-hans:网;zh-hant:網}-和-{线}-路-{H|zh-cn:甲;zh-tw:乙}-", site: site) == "网和线路")
        #expect(text("-{A|zh-hans:[[网|络]]; zh-hant:網}-，-{T|標題}-文", site: site) == "络，文")
        #expect(text("-{{nowrap|a}}-b", site: site) == "-a-b")
        site.language = "sr"
        #expect(text("-{Linux}- је систем", site: site) == "Linux је систем")
        #expect(text("x -{y}- z") == "x -{y}- z")
        #expect(text("-{zh-hans:网; zh-hant:網}-和") == "网和")
    }

    @Test func `sections of works and links go whatever they are called, and prose stays`() {
        let article = Article(
            title: "T",
            wikitext: """
                Lead.
                == Belegt ==
                * Anna Muster: ''Das Buch''. Verlag, Bern 1990.
                * [http://x.example Seite]
                == Mitglieder ==
                * [[Anna]]
                * [[Bert]]
                == Literatur ==
                Die Literatur der Insel beginnt im 12. Jahrhundert.
                == Filme ==
                * ''Der Turm'' (1980)
                * 1990: Rolle in ''Das Meer'' mit Anna
                == Ebenso ==
                * [[Turm]]
                * [[Meer]]
                == Anderswo ==
                Englisch:
                * Muster, A. (2001). "Towers". Press. ISBN 0-00-000000-0
                ; Seiten
                * [http://y.example Y]
                """)
        #expect(article.sections.map { $0.path.last ?? "" } == ["", "Mitglieder", "Literatur", "Filme"])
    }

    @Test func `an article of nothing but links keeps them`() {
        let article = Article(
            title: "T",
            wikitext: "== A ==\n* [[a]]\n* [[b]]\n== B ==\n* [[c]]\n== C ==\n* [http://x.example D]")
        #expect(article.sections.map { $0.path.last ?? "" } == ["A", "B"])
    }
}
