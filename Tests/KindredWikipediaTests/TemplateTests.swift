import KindredWikipedia
import Testing

private func text(_ wikitext: String, language: String = "en") -> String {
    var site = DumpSite()
    site.language = language
    return Article(title: "Otter", wikitext: wikitext, site: site).text
}

@Suite struct TemplateTests {
    @Test(arguments: [
        ("en", "Born {{birth date and age|1950|5|3}} here.", "Born May 3, 1950 here."),
        ("en", "Born {{birth date|df=yes|1950|5|3}} here.", "Born 3 May 1950 here."),
        ("en", "Opened {{start date|1950|5}} or {{Start date|1951}}.", "Opened May 1950 or 1951."),
        (
            "en", "Died {{death date and age|1980|1|2|1950|5|3}} at {{age|1950|5|3|1980|1|2}}.",
            "Died January 2, 1980 at 29."
        ),
        ("de", "Am {{Datum|3|5|1950}} kam er.", "Am 3. Mai 1950 kam er."),
        ("fr", "Le {{date|3 5 1950}} et le {{date|21|mars|1977}}.", "Le 3 mai 1950 et le 21 mars 1977."),
        ("ja", "彼は{{生年月日|1950|5|3}}生まれ。", "彼は1950年5月3日生まれ。"),
        ("ru", "Родился {{дата рождения|3|5|1950}} там.", "Родился 3 мая 1950 г. там."),
        (
            "en", "Now {{age|1950|5|3}} years, {{update after|2010|3}} and {{date|soon}}.",
            "Now years, and soon."
        ),
    ])
    func `dates are written as the language writes them, and ages of today are not`(
        language: String, wikitext: String, expected: String
    ) {
        #expect(text(wikitext, language: language) == expected)
    }

    @Test(arguments: [
        ("A {{main|Sea otter}} text", "A text"), ("{{See also|Sea}} Otters swim.", "Otters swim."),
        ("{{Hauptartikel|Meer}} Otter schwimmen.", "Otter schwimmen."),
        ("'''Рост''' {{см. также|Море}} большой.", "Рост большой."),
        ("{{about|the animal|the boat|Otter (boat)}}\nText.", "Text."), ("Ein {{Anker|x}} Wort", "Ein Wort"),
        ("At {{coord|52.5|13.4}} lies", "At lies"), ("worth {{inflation|US|5|1950}} now", "worth now"),
        ("With {{Metadaten Zahl|Otter|Datum}} it", "With it"), ("with {{count|Otter|x}} it", "with it"),
    ])
    func `pointers, anchors, places and looked-up values are left out where a word could stand`(
        wikitext: String, expected: String
    ) {
        #expect(text(wikitext) == expected)
    }

    @Test(arguments: [
        ("It is {{convert|3|C|F}} on {{convert|2|sqmi|km2}}.", "It is 3 °C on 2 sq mi."),
        ("Sur {{unité|892|km|2}} et {{unité|3|m|s|-1}}.", "Sur 892 km² et 3 m s⁻¹."),
        ("It cost {{INR|500}} or {{€|5}}, some 45{{esd}}km off.", "It cost INR 500 or €5, some 45 km off."),
        ("a {{mot|grc|λόγος}} here", "a λόγος here"), ("({{IPAc-en|lang|æ|l|ˈ|b|iː}})", "(/ælˈbiː/)"),
        ("at {{nihongo|Jusen|呪泉|Jusen}} now", "at Jusen (呪泉, Jusen) now"),
        ("{{zh|s=北京|p=Běijīng}} is", "北京, Běijīng is"),
        ("say {{respell|OT|ər}} so", "say OT-ər so"),
        ("in F{{music|sharp}} of {{bibleverse|John|3:16}}", "in F♯ of John 3:16"),
        (
            "on {{OldStyleDate|3 May|1900|20 April}} by {{sortname|Anna|Roche}}",
            "on 3 May [O.S. 20 April] 1900 by Anna Roche"
        ),
        ("Otto ({{reign|1900|1910}}) in {{BCE|500}}", "Otto (r. 1900–1910) in 500"),
    ])
    func `measures, money and sounds are shown whole`(wikitext: String, expected: String) {
        #expect(text(wikitext) == expected)
    }

    @Test func `French templates of dates, centuries, measures and persons are shown`() {
        let wikitext =
            "Né le {{date|4|avril|1802}} au {{s|XVIII}}, le {{1er}} juin il vend {{nombre|12|barques}} et {{formatnum:900}} filets."
            + " {{citation|Le vent tourne}}, dit {{Mme|Roche}} à {{heure|6|15}}, {{unité|30|km}} plus loin, pour {{euro|5}}."
        #expect(
            text(wikitext, language: "fr")
                == "Né le 4 avril 1802 au XVIIIe siècle, le 1er juin il vend 12 barques et 900 filets. Le vent tourne, dit Roche"
                + " à 6 h 15, 30 km plus loin, pour 5 €.")
    }

    @Test func `a flag before a name is left out, one instead of a name shows it`() {
        #expect(
            text("* {{flagicon|FRA}} [[Paris]]\n* {{USA}} [[Austin]]\n* {{прапор|UKR}} '''[[Kyiv]]'''")
                == "Paris\nAustin\nKyiv")
        #expect(text("{{flagicon|FRA}} Paris; {{bandera|PER}} Lima") == "Paris; Lima")
        #expect(text("* {{flag|France}}\nfrom {{flag|Peru}} to") == "France\n\nfrom Peru to")
    }

    @Test(arguments: [
        ("{{Zitat\n|Text=Wer ruht, der rostet.\n|Autor=Anna}}", "Wer ruht, der rostet."),
        ("{{quote|text=It rained all day.|author=A}}", "It rained all day."),
        ("{{Spalten|Breite=3|Inhalt=\n* eins\n* zwei\n* drei}}", "eins\nzwei\ndrei"),
        ("{{columns|\n* a\n* b}}", "a\nb"),
        ("{{Columns|width=3|col1=\n* a\n* b\n|col2=\n* c\n* d}}\nText.", "a\nb\nc\nd\n\nText."),
        (
            "the {{ill|Harbour House|de|Hafenhaus}} and {{ill|de|Hafenhaus|Harbour}}",
            "the Harbour House and Harbour"
        ),
        ("One.\n{{quote|Two.}}\n{{cquote|Three.}}\nFour.", "One.\n\nTwo.\n\nThree.\n\nFour."),
        ("{{Navbox|list1=\n* a\n* b}}\nText.", "Text."), ("{{x|y=1|group=\n* a\n* b}}", "a\nb"),
        ("{{Box|title=A|group1=B|list1=\n* c\n* d\n|group2=E|state=F|above=G}}\nText.", "Text."),
    ])
    func `quotations and lists that a template frames are shown`(wikitext: String, expected: String) {
        #expect(text(wikitext) == expected)
    }

    @Test func `a paragraph inside a template is shown, a hatnote is not`() {
        let prose = String(repeating: "The otter swims along the bank and looks for crabs. ", count: 5)
        #expect(text("{{Unbelegt|\(prose)}}\n").hasPrefix("The otter swims"))
        #expect(
            text("{{Hinweis|Dieser Artikel behandelt das Tier, siehe auch [[Otter (Boot)]].}}\nText.")
                == "Text.")
    }

    @Test func `a pointer that is written by hand is left out where a section begins`() {
        let note = ":''For the boat, see [[Otter (boat)|Anna's boat]].''\n"
        #expect(
            text(note + "Text.\n== A ==\n" + note + "More.\n" + note)
                == "Text.\n\nA\n\nMore.\n\nFor the boat, see Anna's boat.")
        #expect(text(":''A verse by [[Anna]]'' she wrote") == "A verse by Anna she wrote")
    }

    @Test func `templates of cells show their word`() {
        #expect(
            text("{|\n| {{yes}} || {{no|Never}} || style=\"x\" {{n/a}} || {{sort|1|One}} || {{won}}\n|}")
                == "Yes | Never | N/A | One | Won")
    }
}
